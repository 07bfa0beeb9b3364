//! Revocations that failed when their account ended, and are tried again.

mod list;

use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use valetkey_engine::PendingView;

use crate::{rest::common::page_body, state::App};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list::list))
}

/// A grant that could not be taken back yet. Its credential is erased from the account, and kept sealed for this alone.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PendingRevocation)]
pub(crate) struct RevocationBody {
    /// `rv_…`
    id: String,
    /// The account that ended; it may be deleted.
    account_id: String,
    /// Its connection.
    connection_id: String,
    /// The name of its connection; `null` if that was deleted.
    connection_name: Option<String>,
    /// Your own id of the end user.
    #[schema(example = "user_123")]
    identifier: String,
    /// How often it was tried.
    attempts: u32,
    /// What the last try failed with, as a code from the catalogue.
    #[schema(example = "upstream_error")]
    last_code: Option<&'static str>,
    /// When it is tried next.
    #[serde(with = "time::serde::rfc3339")]
    next_at: OffsetDateTime,
    /// When it is given up, and the credential erased.
    #[serde(with = "time::serde::rfc3339")]
    give_up_at: OffsetDateTime,
    /// When the account ended.
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
}

page_body! {
    /// One page of pending revocations, newest first.
    RevocationPage of RevocationBody
}

impl From<PendingView> for RevocationBody {
    fn from(view: PendingView) -> Self {
        let revocation = view.revocation;
        Self {
            id: revocation.id.into(),
            account_id: revocation.account.into(),
            connection_id: revocation.connection.into(),
            connection_name: view.connection_name,
            identifier: revocation.identifier,
            attempts: revocation.attempts,
            last_code: revocation.last_code.map(|code| code.as_str()),
            next_at: revocation.next_at,
            give_up_at: revocation.give_up_at,
            created_at: revocation.created_at,
        }
    }
}
