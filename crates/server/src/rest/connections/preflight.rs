//! `POST /v1/connect/connections/{connection}/preflight`

use axum::{Json, extract::State};

use crate::{
    auth::Authenticated,
    extract::Path,
    rest::{common::Reply, diagnoses::DiagnosisBody, openapi::Errors},
    state::App,
};

/// Check a connection before launch
///
/// Redirect URI, scopes against what the connector's tools need, access that lasts, PKCE, client credentials (the provider
/// is asked, as in a test), age of the client secret, the risk of an app in testing, and consent of administrators: each
/// is a step of a diagnosis, and a finding with remedies if it is not in order. Needs `connections:write`.
#[utoipa::path(
    post, path = "/v1/connect/connections/{connection}/preflight", operation_id = "preflightConnection",
    tag = "connections",
    params(("connection" = String, Path, description = "Id or name")),
    responses((status = OK, description = "The diagnosis", body = DiagnosisBody), Errors)
)]
pub(crate) async fn preflight(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(connection): Path<String>,
) -> Reply<DiagnosisBody> {
    let diagnosis = app.engine.preflight(&caller, &connection).await?;
    Ok(Json(DiagnosisBody::new(&app, diagnosis)))
}
