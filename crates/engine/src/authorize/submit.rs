//! Forms for static credentials.

use std::collections::BTreeMap;

use valetkey_domain::{Error, SecretString};

use super::{CallbackOutcome, LinkPage};
use crate::Engine;

/// What came of a form.
#[derive(Debug)]
pub enum SubmitOutcome {
    /// The attempt is over.
    Ended(Box<CallbackOutcome>),
    /// Something is wrong with what was entered; show the form again, empty, with the error. Nothing was stored.
    Again {
        /// The page of the form.
        page: Box<LinkPage>,
        /// What is wrong; names fields where it can.
        error: Box<Error>,
    },
}

impl Engine {
    /// Takes the fields of a link's form, tries them out with the connector's cheapest read call and stores them.
    ///
    /// # Errors
    /// As [`Engine::start_authorization`].
    pub async fn submit_credentials(
        &self,
        _token: &str,
        _browser: Option<&SecretString>,
        _form_token: &str,
        _fields: BTreeMap<String, SecretString>,
    ) -> Result<SubmitOutcome, Error> {
        Err(Error::internal("not written yet"))
    }
}
