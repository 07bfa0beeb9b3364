//! Static API tokens.

mod create;
mod list;
mod revoke;

use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use valetkey_domain::ApiToken;

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
            created_at: token.created_at,
            expires_at: token.expires_at,
            revoked_at: token.revoked_at,
        }
    }
}
