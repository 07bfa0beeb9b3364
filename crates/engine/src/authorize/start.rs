//! The step from the hosted page to the provider.

use url::Url;
use valetkey_domain::{Error, SecretString};

use super::CallbackOutcome;
use crate::Engine;

/// Where the browser goes after *Continue*.
#[derive(Debug)]
pub enum StartOutcome {
    /// To the provider. The URL holds the state: send it in a redirect and write it nowhere else.
    Redirect(Url),
    /// Nowhere: there was nothing to ask the user (client credentials, or no authentication at all).
    Ended(Box<CallbackOutcome>),
}

impl Engine {
    /// Binds the link to the browser and sends it to the provider. May be repeated in the same browser until a grant
    /// has arrived; the state of the time before stops working.
    ///
    /// # Errors
    /// As [`Engine::open_link`]; `form_expired` when cookie and form token do not belong together;
    /// `connection_not_configured`, `shared_credentials_unavailable`.
    pub async fn start_authorization(
        &self,
        _token: &str,
        _browser: Option<&SecretString>,
        _form_token: &str,
    ) -> Result<StartOutcome, Error> {
        Err(Error::internal("not written yet"))
    }
}
