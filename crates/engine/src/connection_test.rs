//! Testing a connection without a user.

use valetkey_domain::{Caller, Error, ErrorCode};

use crate::Engine;

/// One thing that a connection test looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionCheck {
    /// What: `client_credentials`, `token_endpoint`, `redirect_uri`, `scopes`, …
    pub item: &'static str,
    /// Whether it is in order.
    pub ok: bool,
    /// What was found, in words.
    pub detail: String,
    /// The code of the catalogue, if it is not in order.
    pub code: Option<ErrorCode>,
}

/// One thing that a connection test could not look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UncheckedItem {
    /// What.
    pub item: &'static str,
    /// Why not, and how to find out.
    pub reason: String,
}

/// What a connection test found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionTest {
    /// Whether everything that could be checked is in order.
    pub ok: bool,
    /// What was checked.
    pub checked: Vec<ConnectionCheck>,
    /// What could not be checked from here.
    pub not_checked: Vec<UncheckedItem>,
}

impl Engine {
    /// Checks a connection's client credentials as far as the provider lets one without a user, and says what could
    /// not be checked. Needs `connections:write`. Notes or clears the connection's fault.
    ///
    /// # Errors
    /// `connection_not_found`.
    pub async fn test_connection(
        &self,
        _caller: &Caller,
        _id_or_name: &str,
    ) -> Result<ConnectionTest, Error> {
        Err(Error::internal("not written yet"))
    }
}
