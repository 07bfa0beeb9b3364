//! What tells one deployment from another, without telling anything about it.

use valetkey_domain::{EnvironmentId, Error};

use crate::{Engine, clients::sha256};

/// The mark of the deployment whose default environment is this one: the same in all of its processes, another in every
/// other deployment, and nothing can be learned from it.
#[must_use]
pub fn server_mark_of(environment: &EnvironmentId) -> String {
    let hash = sha256(format!("valetkey server mark {environment}").as_bytes());
    hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

impl Engine {
    /// The mark of this deployment, by which a client can tell that an address leads to it and not to another.
    ///
    /// # Errors
    /// `storage_unavailable`.
    pub async fn server_mark(&self) -> Result<String, Error> {
        Ok(server_mark_of(&self.default_environment().await?))
    }

    /// How far this server's clock is from those of the providers that have answered within the last hour; `None` if none
    /// has.
    #[must_use]
    pub fn clock_skew(&self) -> Option<valetkey_upstream::http::ClockSkew> {
        self.0.egress.clock_skew()
    }
}
