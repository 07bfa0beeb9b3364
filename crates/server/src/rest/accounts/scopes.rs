//! `GET /v1/connect/accounts/{account_id}/scopes`

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::{IntoParams, ToSchema};
use valetkey_engine::{AccountRef, AccountScopes, ToolScopes};

use crate::{
    auth::Authenticated,
    extract::{Path, Query},
    rest::{
        common::{Reply, filled, instant},
        openapi::Errors,
    },
    state::App,
};

/// Which use of tools counts.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ScopesQuery {
    /// Since when. Default: 90 days ago.
    #[param(format = DateTime, example = "2026-01-01T00:00:00Z")]
    since: Option<String>,
}

/// The scopes of an account, from every side.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AccountScopes)]
pub(crate) struct ScopesBody {
    /// `ca_…`
    account_id: String,
    /// The account at the provider, as people know it.
    label: Option<String>,
    /// What the connection asks for now.
    asked: Vec<String>,
    /// What the provider granted. Empty where the provider does not tell.
    granted: Vec<String>,
    /// What is asked for and was not granted.
    missing: Vec<String>,
    /// What was granted and the connection does not ask for (any more).
    not_asked: Vec<String>,
    /// The tools of the connector that need a scope or were used, by name.
    tools: Vec<ToolScopesBody>,
    /// The granted scopes that the used tools need.
    used: Vec<String>,
    /// The granted scopes that no used tool needs. What proxied calls need nobody knows.
    unused: Vec<String>,
    /// From when on the use of tools was looked at.
    #[serde(with = "time::serde::rfc3339")]
    since: OffsetDateTime,
}

/// What one tool needs, and whether the account has it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ToolScopes)]
struct ToolScopesBody {
    /// The tool.
    #[schema(example = "gmail_get_profile")]
    name: String,
    /// Every group must be met by at least one of its scopes.
    needs: Vec<Vec<String>>,
    /// Of each group that is not met, the narrowest scope.
    missing: Vec<String>,
    /// How many executions there were.
    executions: u64,
    /// How many of them succeeded.
    succeeded: u64,
    /// When the last one began.
    #[serde(with = "time::serde::rfc3339::option")]
    last_used_at: Option<OffsetDateTime>,
}

impl From<ToolScopes> for ToolScopesBody {
    fn from(tool: ToolScopes) -> Self {
        Self {
            name: tool.tool,
            needs: tool.needs,
            missing: tool.missing,
            executions: tool.used.as_ref().map_or(0, |used| used.executions),
            succeeded: tool.used.as_ref().map_or(0, |used| used.succeeded),
            last_used_at: tool.used.map(|used| used.last_at),
        }
    }
}

impl From<AccountScopes> for ScopesBody {
    fn from(scopes: AccountScopes) -> Self {
        Self {
            account_id: scopes.account.account.id.into(),
            label: scopes.account.account.label,
            asked: scopes.asked,
            granted: scopes.granted,
            missing: scopes.missing,
            not_asked: scopes.not_asked,
            tools: scopes.tools.into_iter().map(Into::into).collect(),
            used: scopes.used,
            unused: scopes.unused,
            since: scopes.since,
        }
    }
}

/// Show the scopes of an account
///
/// Asked for, granted, needed by the tools of its connector, really used. Needs `connected_accounts:read`.
#[utoipa::path(
    get, path = "/v1/connect/accounts/{account_id}/scopes", operation_id = "getAccountScopes", tag = "accounts",
    params(("account_id" = String, Path, description = "`ca_…`"), ScopesQuery),
    responses((status = OK, description = "The scopes", body = ScopesBody), Errors)
)]
pub(crate) async fn scopes(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(account_id): Path<String>,
    Query(query): Query<ScopesQuery>,
) -> Reply<ScopesBody> {
    let since = instant("since", filled(query.since))?;
    Ok(Json(app.engine.account_scopes(&caller, &AccountRef::id(account_id), since).await?.into()))
}
