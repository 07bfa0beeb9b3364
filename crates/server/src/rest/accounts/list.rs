//! `GET /v1/connect/accounts`

use axum::{Json, extract::State};
use serde::Deserialize;
use utoipa::IntoParams;
use valetkey_domain::{AccountId, AccountStatus, Error, store::AccountFilter};

use super::AccountPage;
use crate::{
    auth::Authenticated,
    extract::Query,
    rest::{
        common::{COUNTED, Reply, filled, page_request},
        openapi::Errors,
    },
    state::App,
};

/// Which accounts. Every filter given must fit.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListAccounts {
    /// With exactly this identifier. Together with `connection_name` and `account_name` it
    /// names at most one account.
    identifier: Option<String>,
    /// With exactly this name among the accounts of its identifier.
    account_name: Option<String>,
    /// Of the connection of this name (or id).
    connection_name: Option<String>,
    /// Of a connection of this connector.
    connector: Option<String>,
    /// In this status.
    status: Option<String>,
    /// Of this organization.
    organization_id: Option<String>,
    /// Of this user.
    user_id: Option<String>,
    /// Whose identifier, label, id, organization or user id contains this, whatever the case.
    query: Option<String>,
    /// Rows of a page: 1 to 100. Default: 20.
    page_size: Option<u32>,
    /// The token of the page wanted, from an earlier answer.
    page_token: Option<String>,
}

/// List connected accounts
///
/// Newest first. Needs `connected_accounts:read`.
#[utoipa::path(
    get, path = "/v1/connect/accounts", operation_id = "listAccounts", tag = "accounts",
    params(ListAccounts),
    responses((status = OK, description = "One page", body = AccountPage), Errors)
)]
pub(crate) async fn list(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Query(query): Query<ListAccounts>,
) -> Reply<AccountPage> {
    let page = page_request::<AccountId>(query.page_size, query.page_token.as_deref())?;
    let filter = AccountFilter {
        connections: Vec::new(),
        identifier: filled(query.identifier),
        name: filled(query.account_name),
        organization_id: filled(query.organization_id),
        user_id: filled(query.user_id),
        status: filled(query.status).map(|text| status(&text)).transpose()?,
        connector: filled(query.connector),
        query: filled(query.query),
        count_at_most: Some(COUNTED + 1),
        ..AccountFilter::default()
    };
    let connections = Vec::from_iter(filled(query.connection_name));
    let found = app.engine.list_accounts(&caller, &connections, filter, &page).await?;
    Ok(Json(found.into()))
}

fn status(text: &str) -> Result<AccountStatus, Error> {
    AccountStatus::parse(text).ok_or_else(|| {
        let known: Vec<_> = AccountStatus::ALL.iter().map(|status| status.as_str()).collect();
        Error::invalid("status", format!("must be one of {}", known.join(", ")))
    })
}
