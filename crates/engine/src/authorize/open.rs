//! Looking at a link.

use valetkey_domain::{Error, SecretString, Time};

use crate::Engine;

/// What the hosted page of a link shows.
#[derive(Debug, Clone)]
pub struct LinkPage {
    /// The connector's name for people: `Gmail`.
    pub connector_name: String,
    /// The connector's slug, for its icon.
    pub connector: String,
    /// The name of the connection.
    pub connection_name: String,
    /// For whom the link was made: the app's own id of the user.
    pub identifier: String,
    /// The account at the provider that is connected now, if one is (a repeated authorization).
    pub label: Option<String>,
    /// The scopes that will be asked for, as the provider spells them.
    pub scopes: Vec<String>,
    /// What the user has to do.
    pub step: LinkStep,
    /// When the link stops working.
    pub expires_at: Time,
    /// The value of the browser's cookie, to be set with the page.
    pub browser: SecretString,
    /// Goes into the page's form as a hidden field; only good together with the cookie and the link.
    pub form_token: String,
}

/// What the user has to do on the page of a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkStep {
    /// Press *Continue* and be sent to the provider (`start_authorization`).
    GoToProvider,
    /// Fill in a form (`submit_credentials`).
    EnterCredential(Vec<FormField>),
    /// Just press *Continue*: nothing of the user's is needed (`start_authorization`).
    Confirm,
}

/// One field of a credential form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormField {
    /// The name of the input.
    pub name: String,
    /// The label for people.
    pub label: String,
    /// A sentence of help: where to find the value.
    pub help: Option<String>,
    /// Whether what is typed must not be shown.
    pub secret: bool,
    /// Whether it must be filled in.
    pub required: bool,
    /// An example of a value.
    pub placeholder: Option<String>,
}

impl Engine {
    /// What the page of the link with this token shows to the browser with this cookie. Changes nothing.
    ///
    /// # Errors
    /// `link_invalid`, `link_expired`, `link_used`, `link_other_browser`, `connection_disabled`.
    pub async fn open_link(&self, _token: &str, _browser: Option<&SecretString>) -> Result<LinkPage, Error> {
        Err(Error::internal("not written yet"))
    }
}
