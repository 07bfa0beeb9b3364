//! What the provider says about a credential when it is asked without using it up.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use valetkey_domain::{Connection, Credential, ErrorCode};
use valetkey_upstream::{
    connector::IntrospectedToken,
    oauth::{self, ClientConfig},
};

use super::{Subject, call::config_of};
use crate::{Engine, context::target};

/// What was found out about an access token.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Finding {
    /// Whether it works.
    pub(crate) works: bool,
    /// Who said so: `introspection`, `userinfo`, `probe`.
    pub(crate) source: &'static str,
    /// What was said, bounded and redacted.
    pub(crate) said: Value,
}

impl Engine {
    /// Whether a token of `subject` is active, as the provider says (RFC 7662); `None` if it does not say.
    pub(super) async fn introspected(&self, subject: &Subject, kind: IntrospectedToken) -> Option<bool> {
        let client = self.oauth_client(&subject.connection).await.ok()?;
        let redirect_uri = self.redirect_uri(&subject.connection);
        let config = config_of(subject, &client, &redirect_uri)?;
        match oauth::introspect(&self.0.egress, &config, &subject.tokens, kind).await {
            Ok(found) => found.map(|found| found.active),
            Err(error) => {
                tracing::debug!(%error, account = %subject.account.id, "a token could not be introspected");
                None
            }
        }
    }

    /// Whether the access token of an OAuth credential works, by the best source that the connector has: introspection,
    /// then the account's own data at the provider, then the connector's cheapest read. `None` if nothing tells.
    pub(crate) async fn finding(
        &self,
        metadata: &BTreeMap<String, String>,
        connection: &Connection,
        credential: &Credential,
    ) -> Option<Finding> {
        let connector = self.connector_of(connection).ok()?;
        let Credential::OAuth(tokens) = credential else { return None };
        if let Some(profile) = connector.auth.oauth().filter(|profile| profile.introspect.is_some()) {
            let client = self.oauth_client(connection).await.ok()?;
            let redirect_uri = self.redirect_uri(connection);
            let config = ClientConfig {
                target: target(connector, connection, metadata),
                profile,
                client_id: &client.id,
                client_secret: client.secret.as_ref(),
                redirect_uri: &redirect_uri,
            };
            let kind = IntrospectedToken::AccessToken;
            if let Ok(Some(found)) = oauth::introspect(&self.0.egress, &config, tokens, kind).await {
                let said = json!({"active": found.active});
                return Some(Finding { works: found.active, source: "introspection", said });
            }
        }
        let target = target(connector, connection, metadata);
        let asked = oauth::identity(&self.0.egress, &target, credential).await;
        match asked {
            Ok(Some(_)) => {
                return Some(Finding { works: true, source: "userinfo", said: json!({}) });
            }
            Err(error) if error.code() == ErrorCode::UpstreamUnauthorized => {
                let said = json!(error.details().provider);
                return Some(Finding { works: false, source: "userinfo", said });
            }
            Ok(None) | Err(_) => {}
        }
        connector.probe.as_ref()?;
        match self.try_call(connection, metadata, credential).await {
            Ok(()) => Some(Finding { works: true, source: "probe", said: json!({}) }),
            Err(error) if error.code() == ErrorCode::UpstreamUnauthorized => {
                Some(Finding { works: false, source: "probe", said: json!(error.details().provider) })
            }
            Err(_) => None,
        }
    }
}
