//! `GET /v1/connect/revocations`

use axum::{Json, extract::State};
use serde::Deserialize;
use utoipa::IntoParams;
use valetkey_domain::{AccountId, Error, RevocationId};

use super::RevocationPage;
use crate::{
    auth::Authenticated,
    extract::Query,
    rest::{
        common::{Reply, filled, page_request},
        openapi::Errors,
    },
    state::App,
};

/// Which pending revocations.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListRevocations {
    /// Of this account: `ca_…`. It may be deleted.
    account_id: Option<String>,
    /// Rows of a page: 1 to 100. Default: 20.
    page_size: Option<u32>,
    /// The token of the page wanted, from an earlier answer.
    page_token: Option<String>,
}

/// List pending revocations
///
/// Grants of ended accounts that could not be taken back at the provider yet. They are tried again for a day. Needs
/// `connected_accounts:read`.
#[utoipa::path(
    get, path = "/v1/connect/revocations", operation_id = "listRevocations", tag = "accounts",
    params(ListRevocations),
    responses((status = OK, description = "One page", body = RevocationPage), Errors)
)]
pub(crate) async fn list(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Query(query): Query<ListRevocations>,
) -> Reply<RevocationPage> {
    let page = page_request::<RevocationId>(query.page_size, query.page_token.as_deref())?;
    let account: Option<AccountId> = filled(query.account_id)
        .map(|id| id.parse().map_err(|_| Error::invalid("account_id", "is not the id of an account")))
        .transpose()?;
    Ok(Json(app.engine.pending_revocations(&caller, account.as_ref(), &page).await?.into()))
}
