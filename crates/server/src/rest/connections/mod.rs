//! Connections: configured connectors.

mod create;
mod delete;
mod events;
mod get;
mod list;
mod preflight;
mod scope_gaps;
mod secret_end;
mod test;
mod update;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use url::Url;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use valetkey_domain::{
    Error,
    connection::{IdentityPolicy, Overrides},
};
use valetkey_engine::ConnectionView;

use crate::{rest::common::page_body, state::App};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(create::create, list::list))
        .routes(routes!(get::get, update::update, delete::delete))
        .routes(routes!(events::events))
        .routes(routes!(scope_gaps::scope_gaps))
        .routes(routes!(preflight::preflight))
        .routes(routes!(test::test))
}

/// A connection. Its client secret is never shown.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Connection)]
pub(crate) struct ConnectionBody {
    /// `conn_…`
    id: String,
    /// Its name, unique within the environment.
    #[schema(example = "gmail")]
    name: String,
    /// The connector.
    #[schema(example = "gmail")]
    connector: String,
    /// The connector's official upper-case name.
    #[schema(example = "GMAIL")]
    provider: String,
    /// The connector's name for people.
    #[schema(example = "Gmail")]
    display_name: String,
    /// How its accounts are authorized.
    #[schema(example = "OAUTH")]
    auth_type: &'static str,
    /// The OAuth client at the provider.
    client_id: Option<String>,
    /// Whether a client secret is stored.
    has_client_secret: bool,
    /// When the client secret ends at the provider, if somebody said so.
    #[serde(with = "time::serde::rfc3339::option")]
    client_secret_expires_at: Option<OffsetDateTime>,
    /// Whether the operator-wide OAuth client is used.
    use_shared_credentials: bool,
    /// The scopes asked for; empty means the connector's defaults.
    scopes: Vec<String>,
    /// Other base URLs than the connector's.
    overrides: OverridesBody,
    /// Values for the connector's URL templates.
    variables: BTreeMap<String, String>,
    /// What happens when a user authorizes again with another account at the provider.
    identity_policy: PolicyBody,
    /// The longest that a call may take, in milliseconds; `null` leaves it to connector and server.
    call_timeout_ms: Option<u32>,
    /// Whether it is enabled.
    enabled: bool,
    /// Register exactly this at the provider.
    redirect_uri: String,
    /// Set while the provider refuses the connection's own configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<FaultBody>,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    updated_at: OffsetDateTime,
}

page_body! {
    /// One page of connections, newest first.
    ConnectionPage of ConnectionBody
}

/// Why the provider refuses a connection's configuration.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ConnectionFault)]
struct FaultBody {
    /// The code from the catalogue.
    #[schema(example = "invalid_client")]
    code: &'static str,
    /// What it means.
    message: &'static str,
    #[serde(with = "time::serde::rfc3339")]
    since: OffsetDateTime,
}

/// What happens when a user authorizes an account again, but signs in to another account at the provider than before.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, ToSchema)]
#[schema(as = IdentityPolicy)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PolicyBody {
    /// The new grant is taken, and an event `account.identity_changed` tells of it.
    #[default]
    Flag,
    /// The new grant is refused; the old one goes on working.
    Refuse,
}

impl From<PolicyBody> for IdentityPolicy {
    fn from(policy: PolicyBody) -> Self {
        match policy {
            PolicyBody::Flag => Self::Flag,
            PolicyBody::Refuse => Self::Refuse,
        }
    }
}

impl From<IdentityPolicy> for PolicyBody {
    fn from(policy: IdentityPolicy) -> Self {
        match policy {
            IdentityPolicy::Flag => Self::Flag,
            IdentityPolicy::Refuse => Self::Refuse,
        }
    }
}

/// Base URLs that replace the connector's own.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[schema(as = Overrides)]
#[serde(deny_unknown_fields)]
pub(crate) struct OverridesBody {
    /// The authorization endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = "uri")]
    authorize_url: Option<String>,
    /// The token endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = "uri")]
    token_url: Option<String>,
    /// The revocation endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = "uri")]
    revoke_url: Option<String>,
    /// The userinfo endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = "uri")]
    userinfo_url: Option<String>,
    /// The base URL of the API; the credential goes nowhere else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = "uri")]
    api_base_url: Option<String>,
}

impl OverridesBody {
    fn read(self) -> Result<Overrides, Error> {
        fn url(field: &str, text: Option<String>) -> Result<Option<Url>, Error> {
            text.map(|text| {
                Url::parse(&text).map_err(|_| {
                    Error::invalid(
                        format!("overrides.{field}"),
                        "must be an absolute URL such as https://example.com/path",
                    )
                })
            })
            .transpose()
        }
        Ok(Overrides {
            authorize_url: url("authorize_url", self.authorize_url)?,
            token_url: url("token_url", self.token_url)?,
            revoke_url: url("revoke_url", self.revoke_url)?,
            userinfo_url: url("userinfo_url", self.userinfo_url)?,
            api_base_url: url("api_base_url", self.api_base_url)?,
        })
    }
}

impl From<Overrides> for OverridesBody {
    fn from(overrides: Overrides) -> Self {
        Self {
            authorize_url: overrides.authorize_url.map(Into::into),
            token_url: overrides.token_url.map(Into::into),
            revoke_url: overrides.revoke_url.map(Into::into),
            userinfo_url: overrides.userinfo_url.map(Into::into),
            api_base_url: overrides.api_base_url.map(Into::into),
        }
    }
}

impl From<ConnectionView> for ConnectionBody {
    fn from(view: ConnectionView) -> Self {
        let connection = view.connection;
        Self {
            id: connection.id.into(),
            name: connection.name,
            connector: connection.connector,
            provider: view.provider,
            display_name: view.display_name,
            auth_type: view.auth_type.as_str(),
            client_id: connection.client_id,
            has_client_secret: connection.client_secret.is_some(),
            client_secret_expires_at: connection.client_secret_expires_at,
            use_shared_credentials: connection.use_shared_credentials,
            scopes: connection.scopes,
            overrides: connection.overrides.into(),
            variables: connection.variables,
            identity_policy: connection.identity_policy.into(),
            call_timeout_ms: connection.call_timeout_ms,
            enabled: connection.enabled,
            redirect_uri: view.redirect_uri,
            fault: connection.fault.map(|fault| FaultBody {
                code: fault.code.as_str(),
                message: fault.code.entry().meaning,
                since: fault.since,
            }),
            created_at: connection.created_at,
            updated_at: connection.updated_at,
        }
    }
}
