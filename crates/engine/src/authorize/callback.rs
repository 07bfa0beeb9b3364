//! The way back from the provider.

use std::collections::BTreeMap;

use valetkey_domain::SecretString;

use super::CallbackOutcome;
use crate::Engine;

/// The query (or form) parameters of a callback, as they came. A parameter that came twice is not here: name it in
/// `repeated`.
#[derive(Clone, Default)]
pub struct CallbackParams {
    /// Name to value. Values may be secrets.
    pub values: BTreeMap<String, SecretString>,
    /// Names that came more than once (RFC 6749 §3.1 forbids that).
    pub repeated: Vec<String>,
}

impl Engine {
    /// Handles the provider's answer at `/oauth/callback/{connection_id}`. Every failure is an outcome with a page.
    pub async fn handle_callback(
        &self,
        _connection_id: &str,
        _params: CallbackParams,
        _browser: Option<&SecretString>,
    ) -> CallbackOutcome {
        CallbackOutcome::Failed(Box::new(super::FailurePage {
            error: valetkey_domain::Error::internal("not written yet"),
            connector_name: None,
            retry_url: None,
            still_connected: false,
        }))
    }
}
