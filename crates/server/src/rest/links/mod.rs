//! Authorization links.

mod create;
mod create_for_account;

use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use valetkey_engine::Link;

use crate::{rest::accounts::AccountBody, state::App};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(create::create)).routes(routes!(create_for_account::create))
}

/// An authorization link. Send it to the user: it works once, in the browser that goes on with it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuthorizationLink)]
pub(crate) struct LinkBody {
    /// The address to open.
    link: String,
    /// When it stops working.
    #[serde(with = "time::serde::rfc3339")]
    expires_at: OffsetDateTime,
    /// The account that it is for.
    account: AccountBody,
}

impl From<Link> for LinkBody {
    fn from(link: Link) -> Self {
        Self { link: link.url.into(), expires_at: link.expires_at, account: link.account.into() }
    }
}
