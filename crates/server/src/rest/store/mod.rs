//! The database: whether it was restored or copied, and that it goes on all the same.

mod confirm;
mod status;

use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use valetkey_engine::StoreStatus;

use crate::state::App;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(status::status)).routes(routes!(confirm::confirm))
}

/// The state of the database.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Store)]
pub(crate) struct StoreBody {
    /// Set while the database counts as a restored backup or a copy.
    frozen: Option<FrozenBody>,
}

/// Grants whose refresh token works once, and that were stored before `since`, are not renewed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Frozen)]
struct FrozenBody {
    /// When it was noticed.
    #[serde(with = "time::serde::rfc3339")]
    since: OffsetDateTime,
    /// How it was noticed.
    reason: String,
    /// How many active accounts, of all environments, are not renewed because of it.
    accounts: u64,
}

impl From<StoreStatus> for StoreBody {
    fn from(status: StoreStatus) -> Self {
        let frozen = status.frozen.map(|frozen| FrozenBody {
            since: frozen.since,
            reason: frozen.reason,
            accounts: status.held_back,
        });
        Self { frozen }
    }
}
