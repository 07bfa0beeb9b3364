//! How an attempt ended, as the end user's page shows it.

use url::Url;
use valetkey_domain::Error;

/// How an attempt ended.
#[derive(Debug)]
pub enum CallbackOutcome {
    /// The account is `ACTIVE`: show the page.
    Connected(Box<DonePage>),
    /// The account is `PENDING_VERIFICATION`: redirect to the app's `user_verify_url`, to which `auth_request_id` and
    /// `state` have been added.
    Verify(Url),
    /// It failed: show the page with the error's HTTP status.
    Failed(Box<FailurePage>),
}

/// What the page of a finished attempt shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DonePage {
    /// The connector's name for people.
    pub connector_name: Option<String>,
    /// The account at the provider: an e-mail address or user name, if known.
    pub label: Option<String>,
    /// Scopes that were asked for and not granted.
    pub missing_scopes: Vec<String>,
}

/// What the page of a failed attempt shows. The error's message, cause and remedies are ours and safe to show; the
/// provider's own words are in the account's events only.
#[derive(Debug, Clone)]
pub struct FailurePage {
    /// What went wrong.
    pub error: Error,
    /// The connector's name for people, if the attempt is known.
    pub connector_name: Option<String>,
    /// Where *Try again* leads: the page of a fresh attempt that works in this browser only. `None` where trying
    /// again cannot help or is not this browser's to do.
    pub retry_url: Option<Url>,
    /// Whether the account still works with the credential of before.
    pub still_connected: bool,
}
