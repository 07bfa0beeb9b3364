//! `GET /v1/connect/accounts/{account_id}/diagnosis`

use axum::{Json, extract::State};
use serde::Deserialize;
use utoipa::IntoParams;
use valetkey_engine::{AccountRef, DiagnosisOf, DiagnosisOptions};

use super::DiagnosisBody;
use crate::{
    auth::Authenticated,
    extract::{Path, Query},
    rest::{common::Reply, openapi::Errors},
    state::App,
};

/// How far to go.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct DiagnoseAccount {
    /// Whether to ask the provider too: refresh the credential, compare scopes, make the cheapest read call. Without
    /// it only what is known here is read.
    #[serde(default)]
    probe: bool,
}

/// Diagnose an account
///
/// Finds out why it does not work, whose move it is and what to do. Needs `connected_accounts:read`; with `probe` also
/// `connected_accounts:write`. Remedies hold an authorization link for callers with `connected_accounts:access`.
#[utoipa::path(
    get, path = "/v1/connect/accounts/{account_id}/diagnosis", operation_id = "diagnoseAccount", tag = "diagnoses",
    params(("account_id" = String, Path, description = "`ca_…`"), DiagnoseAccount),
    responses((status = OK, description = "The diagnosis", body = DiagnosisBody), Errors)
)]
pub(crate) async fn of_account(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(account_id): Path<String>,
    Query(query): Query<DiagnoseAccount>,
) -> Reply<DiagnosisBody> {
    let of = DiagnosisOf::Account(AccountRef::id(account_id));
    let options = DiagnosisOptions { probe: query.probe, ..DiagnosisOptions::default() };
    let diagnosis = app.engine.diagnose(&caller, &of, &options).await?;
    Ok(Json(DiagnosisBody::new(&app, diagnosis)))
}
