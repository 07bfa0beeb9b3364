//! Static API tokens.

mod create;
mod list;
mod revoke;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use valetkey_domain::{ApiToken, Bounds};

use super::clients::names;
use crate::state::App;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(create::create, list::list)).routes(routes!(revoke::revoke))
}

/// A static API token. Only its hash is kept.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ApiToken)]
pub(crate) struct TokenBody {
    /// `tok_…`: the id, not the token.
    id: String,
    /// The API client that it acts for.
    client_id: String,
    /// Its name for people.
    name: String,
    /// The first characters of the token, to recognise it by.
    hint: String,
    /// What it may do.
    permissions: Vec<&'static str>,
    /// What it is bounded to, if it was made for an agent.
    bounds: Option<BoundsBody>,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    /// When it stops working, if ever.
    #[serde(with = "time::serde::rfc3339::option")]
    expires_at: Option<OffsetDateTime>,
    /// When it was revoked.
    #[serde(with = "time::serde::rfc3339::option")]
    revoked_at: Option<OffsetDateTime>,
}

impl From<ApiToken> for TokenBody {
    fn from(token: ApiToken) -> Self {
        Self {
            id: token.id.into(),
            client_id: token.client.into(),
            name: token.name,
            hint: token.hint,
            permissions: names(&token.permissions),
            bounds: token.bounds.map(BoundsBody::from),
            created_at: token.created_at,
            expires_at: token.expires_at,
            revoked_at: token.revoked_at,
        }
    }
}

/// What a token that an agent holds is bounded to. An empty list means any.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[schema(as = TokenBounds)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct BoundsBody {
    /// The connectors whose tools it may call.
    #[schema(example = json!(["gmail"]))]
    connectors: BTreeSet<String>,
    /// The tools that it may call. A token with tools makes no proxied calls.
    #[schema(example = json!(["gmail_get_profile", "gmail_send_email"]))]
    tools: BTreeSet<String>,
    /// The users whose accounts it may use.
    #[schema(example = json!(["user_123"]))]
    identifiers: BTreeSet<String>,
    /// Whether it may only read: tools that change nothing, and proxied `GET`, `HEAD` and `OPTIONS`.
    read_only: bool,
}

impl From<Bounds> for BoundsBody {
    fn from(Bounds { connectors, tools, identifiers, read_only }: Bounds) -> Self {
        Self { connectors, tools, identifiers, read_only }
    }
}

impl From<BoundsBody> for Bounds {
    fn from(BoundsBody { connectors, tools, identifiers, read_only }: BoundsBody) -> Self {
        Self { connectors, tools, identifiers, read_only }
    }
}
