//! Trying a credential out.

use valetkey_domain::{Account, Connection, Credential, Error};

use crate::Engine;

impl Engine {
    /// Makes the connector's cheapest read call with `credential`. A connector without one is not probed.
    ///
    /// # Errors
    /// `credential_rejected` if the provider does not accept it; `upstream_…` if it cannot be asked.
    pub(crate) async fn probe(
        &self,
        _connection: &Connection,
        _account: &Account,
        _credential: &Credential,
    ) -> Result<(), Error> {
        Err(Error::internal("not written yet"))
    }
}
