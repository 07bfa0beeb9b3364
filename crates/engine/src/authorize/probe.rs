//! Trying a credential out.

use std::collections::BTreeMap;

use serde_json::json;
use valetkey_domain::{Account, Connection, Credential, Error, ErrorCode, Time};
use valetkey_upstream::tool::{self, Mask};

use crate::{Engine, context::target};

impl Engine {
    /// Makes the connector's cheapest read call with `credential`. A connector without one is not probed.
    ///
    /// # Errors
    /// `credential_rejected` if the provider does not accept it; `upstream_…` if it cannot be asked.
    pub(crate) async fn probe(
        &self,
        connection: &Connection,
        account: &Account,
        credential: &Credential,
    ) -> Result<(), Error> {
        self.try_out(connection, account, credential).await.map_err(rejection)
    }

    /// Makes the connector's cheapest read call with `credential`, and gives the error as it is. A connector without
    /// one accepts everything.
    pub(crate) async fn try_out(
        &self,
        connection: &Connection,
        account: &Account,
        credential: &Credential,
    ) -> Result<(), Error> {
        self.try_call(connection, &account.metadata, credential).await
    }

    /// The same with what is known of an account that may be gone.
    pub(crate) async fn try_call(
        &self,
        connection: &Connection,
        metadata: &BTreeMap<String, String>,
        credential: &Credential,
    ) -> Result<(), Error> {
        self.read_once(connection, metadata, credential).await.map(|_| ())
    }

    /// The same; gives the answer's `Date`, if it has one.
    pub(crate) async fn read_once(
        &self,
        connection: &Connection,
        metadata: &BTreeMap<String, String>,
        credential: &Credential,
    ) -> Result<Option<Time>, Error> {
        let connector = self.connector_of(connection)?;
        let Some(tool) = connector.probe.as_deref().and_then(|name| connector.tool(name)) else {
            return Ok(None);
        };
        let target = target(connector, connection, metadata);
        let mut request = tool::render(&target, tool, &json!({}))?;
        tool::attach_credential(&target, Some(tool), credential, &mut request)?;
        let answer = self.0.egress.send(request, self.call_limits()).await?;
        match tool::shape(tool, &answer) {
            Ok(_) => Ok(answer.date()),
            Err(error) => Err(Mask::of(credential).error(error)),
        }
    }
}

/// What the provider's answer to a probe says about the credential. A 403 counts too: many providers answer a wrong
/// key so, and a key that may not even make the cheapest call is of no use.
fn rejection(error: Error) -> Error {
    match error.code() {
        ErrorCode::UpstreamUnauthorized | ErrorCode::UpstreamForbidden | ErrorCode::InsufficientScope => {
            let rejected = Error::new(ErrorCode::CredentialRejected);
            match error.details().provider.clone() {
                Some(evidence) => rejected.provider(evidence),
                None => rejected,
            }
        }
        _ => error,
    }
}
