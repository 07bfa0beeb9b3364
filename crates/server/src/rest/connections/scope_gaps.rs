//! `GET /v1/connect/connections/{connection}/scope-gaps`

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use valetkey_domain::AccountId;
use valetkey_engine::{ScopeGap, ScopeGaps};

use crate::{
    auth::Authenticated,
    extract::{Path, Query},
    rest::{
        accounts::AccountBody,
        common::{Reply, page_request},
        openapi::Errors,
    },
    state::App,
};

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct GapsQuery {
    /// Rows of a page: 1 to 100. Default: 20.
    page_size: Option<u32>,
    /// The token of the page wanted, from an earlier answer.
    page_token: Option<String>,
}

/// An account that lacks scopes which its connection asks for.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ScopeGap)]
struct GapBody {
    /// The account.
    account: AccountBody,
    /// What is asked for and was not granted.
    missing: Vec<String>,
    /// The tools that cannot be used with the account for want of a scope.
    tools: Vec<String>,
}

/// One page of accounts that lack scopes, newest first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ScopeGapPage)]
pub(crate) struct GapsBody {
    /// The rows. There may be fewer than asked for, or none, although there is a next page: accounts without a gap are
    /// passed over.
    items: Vec<GapBody>,
    /// The `page_token` of the next page, if there may be more.
    next_page_token: Option<String>,
    /// How many accounts the connection has, those without a gap included.
    accounts: u64,
}

impl From<ScopeGap> for GapBody {
    fn from(gap: ScopeGap) -> Self {
        Self { account: gap.account.into(), missing: gap.missing, tools: gap.tools }
    }
}

impl From<ScopeGaps> for GapsBody {
    fn from(gaps: ScopeGaps) -> Self {
        Self {
            items: gaps.items.into_iter().map(Into::into).collect(),
            next_page_token: gaps.next,
            accounts: gaps.accounts,
        }
    }
}

/// List accounts that lack scopes
///
/// After a connection's scopes were changed: which accounts lack what. A link with `add_scopes`, or any new link, asks
/// for all of it. Needs `connections:read` and `connected_accounts:read`.
#[utoipa::path(
    get, path = "/v1/connect/connections/{connection}/scope-gaps", operation_id = "listScopeGaps",
    tag = "connections",
    params(("connection" = String, Path, description = "Id or name"), GapsQuery),
    responses((status = OK, description = "One page", body = GapsBody), Errors)
)]
pub(crate) async fn scope_gaps(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(connection): Path<String>,
    Query(query): Query<GapsQuery>,
) -> Reply<GapsBody> {
    let page = page_request::<AccountId>(query.page_size, query.page_token.as_deref())?;
    Ok(Json(app.engine.scope_gaps(&caller, &connection, &page).await?.into()))
}
