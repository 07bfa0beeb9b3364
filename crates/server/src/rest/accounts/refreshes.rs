//! `GET /v1/connect/accounts/{account_id}/refreshes`

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::{IntoParams, ToSchema};
use valetkey_domain::{RefreshAttempt, RefreshId};
use valetkey_engine::AccountRef;

use crate::{
    auth::Authenticated,
    extract::{Path, Query},
    rest::{
        common::{Reply, page_body, page_request},
        openapi::Errors,
    },
    state::App,
};

/// Which attempts.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListRefreshes {
    /// Rows of a page: 1 to 100. Default: 20.
    page_size: Option<u32>,
    /// The token of the page wanted, from an earlier answer.
    page_token: Option<String>,
}

/// One attempt to renew a credential. It was written down before the provider was asked.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Refresh)]
pub(crate) struct RefreshBody {
    /// `rf_…`
    id: String,
    /// Counts the attempts of the account from 1.
    number: u64,
    /// The generation of the credential that was to be renewed.
    generation: u64,
    /// Why: `due`, `ahead`, `keep_alive`, `refused`, `asked` or `recovery`.
    #[schema(example = "ahead")]
    reason: &'static str,
    /// What became of it: `renewed`, `transient`, `configuration`, `dead`, `unknown`, `overtaken` or `not_sent`; `null`
    /// while it is under way.
    #[schema(example = "renewed")]
    outcome: Option<&'static str>,
    /// What it failed with, as a code from the catalogue.
    #[schema(example = "upstream_timeout")]
    code: Option<&'static str>,
    /// The number of the server process that made it.
    instance: u32,
    /// When it began.
    #[serde(with = "time::serde::rfc3339")]
    started_at: OffsetDateTime,
    /// Until when nobody else takes it for lost.
    #[serde(with = "time::serde::rfc3339")]
    lease_until: OffsetDateTime,
    /// When it ended.
    #[serde(with = "time::serde::rfc3339::option")]
    ended_at: Option<OffsetDateTime>,
}

page_body! {
    /// One page of attempts, newest first.
    RefreshPage of RefreshBody
}

impl From<RefreshAttempt> for RefreshBody {
    fn from(attempt: RefreshAttempt) -> Self {
        Self {
            id: attempt.id.into(),
            number: attempt.fence,
            generation: attempt.generation,
            reason: attempt.reason.as_str(),
            outcome: attempt.outcome.map(|outcome| outcome.as_str()),
            code: attempt.code.map(|code| code.as_str()),
            instance: attempt.holder.0,
            started_at: attempt.started_at,
            lease_until: attempt.lease_until,
            ended_at: attempt.ended_at,
        }
    }
}

/// List the attempts to renew an account's credential
///
/// The journal of its refreshes, newest first: why each was made, what became of it, and when. Needs
/// `connected_accounts:read`.
#[utoipa::path(
    get, path = "/v1/connect/accounts/{account_id}/refreshes", operation_id = "listAccountRefreshes", tag = "accounts",
    params(("account_id" = String, Path, description = "`ca_…`"), ListRefreshes),
    responses((status = OK, description = "One page", body = RefreshPage), Errors)
)]
pub(crate) async fn refreshes(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(account_id): Path<String>,
    Query(query): Query<ListRefreshes>,
) -> Reply<RefreshPage> {
    let page = page_request::<RefreshId>(query.page_size, query.page_token.as_deref())?;
    Ok(Json(app.engine.refreshes(&caller, &AccountRef::id(account_id), &page).await?.into()))
}
