//! Who is calling.

use valetkey_domain::{Caller, Error};

use crate::Engine;

impl Engine {
    /// The caller behind a bearer token: a static token (`vk_…`) or an access token of `/oauth/token`.
    ///
    /// # Errors
    /// `unauthenticated`, saying whether the token is malformed, expired, revoked or unknown.
    pub async fn authenticate(&self, _bearer: &str) -> Result<Caller, Error> {
        Err(Error::internal("not written yet"))
    }
}
