//! API clients: who may ask for access tokens.

mod create;
mod disable;
mod list;

use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use valetkey_domain::{ApiClient, Error, Permissions};

use crate::state::App;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(create::create, list::list)).routes(routes!(disable::disable))
}

/// An API client. Its secret is kept as a hash only.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ApiClient)]
pub(crate) struct ClientBody {
    /// The `client_id`.
    id: String,
    /// Its name for people.
    name: String,
    /// What it may do.
    permissions: Vec<&'static str>,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    /// Set when it was disabled: nothing it holds works any more.
    #[serde(with = "time::serde::rfc3339::option")]
    disabled_at: Option<OffsetDateTime>,
}

impl From<ApiClient> for ClientBody {
    fn from(client: ApiClient) -> Self {
        Self {
            id: client.id.into(),
            name: client.name,
            permissions: names(&client.permissions),
            created_at: client.created_at,
            disabled_at: client.disabled_at,
        }
    }
}

/// The names of permissions.
pub(super) fn names(permissions: &Permissions) -> Vec<&'static str> {
    permissions.iter().map(|permission| permission.as_str()).collect()
}

/// Reads the names of permissions.
///
/// # Errors
/// `invalid_argument` naming the first one that is unknown.
pub(super) fn permissions(names: Option<Vec<String>>) -> Result<Option<Permissions>, Error> {
    let Some(names) = names else { return Ok(None) };
    let read = names.iter().enumerate().map(|(at, name)| {
        name.parse().map_err(|_| Error::invalid(format!("permissions[{at}]"), "there is no such permission"))
    });
    read.collect::<Result<Permissions, Error>>().map(Some)
}
