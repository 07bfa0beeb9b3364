//! `POST /v1/connect/diagnoses`

use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;
use valetkey_domain::Error;
use valetkey_engine::{AccountRef, DiagnosisOf, DiagnosisOptions};

use super::DiagnosisBody;
use crate::{
    auth::Authenticated,
    extract::Json,
    rest::{
        common::{Reply, filled},
        openapi::Errors,
    },
    state::App,
};

/// What to diagnose: an account by `account_id` or by `identifier` (with `connection_name`), a call by `execution_id`,
/// or a connection by `connection_name` alone.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = Diagnose)]
#[serde(deny_unknown_fields)]
pub(crate) struct DiagnoseBody {
    /// The account: `ca_…`
    account_id: Option<String>,
    /// Your own id of the end user.
    #[schema(example = "user_123")]
    identifier: Option<String>,
    /// The name (or id) of the connection.
    #[schema(example = "gmail")]
    connection_name: Option<String>,
    /// Which of several accounts of the identifier on the connection.
    account_name: Option<String>,
    /// The call: `ex_…`
    execution_id: Option<String>,
    /// Whether to ask the provider too.
    #[serde(default)]
    probe: bool,
    /// The redirect URIs that are registered at the provider, as its console shows them: a difference to ours is named.
    #[serde(default)]
    registered_redirect_uris: Vec<String>,
}

impl DiagnoseBody {
    fn subject(&mut self) -> Result<DiagnosisOf, Error> {
        let (id, identifier) = (filled(self.account_id.take()), filled(self.identifier.take()));
        let connection_name = filled(self.connection_name.take());
        let name = filled(self.account_name.take());
        let of_account = id.is_some() || identifier.is_some();
        match filled(self.execution_id.take()) {
            Some(_) if of_account || connection_name.is_some() => Err(Error::invalid(
                "execution_id",
                "cannot be given together with an account or a connection",
            )),
            Some(id) => Ok(DiagnosisOf::Execution(id)),
            None if of_account => Ok(DiagnosisOf::Account(AccountRef {
                id,
                identifier,
                connection_name,
                name,
                ..AccountRef::default()
            })),
            None => match connection_name {
                Some(connection) => Ok(DiagnosisOf::Connection(connection)),
                None => Err(Error::invalid(
                    "account_id",
                    "is required, or identifier and connection_name, or connection_name, or execution_id",
                )),
            },
        }
    }
}

/// Diagnose
///
/// Finds out why an account, a call or a connection does not work, whose move it is and what to do. Needs
/// `connected_accounts:read` for an account, `agent_logs:read` too for a call, `connections:read` for a connection; with
/// `probe` also `connected_accounts:write`, for a connection `connections:write`. Remedies hold an authorization link for
/// callers with `connected_accounts:access`.
#[utoipa::path(
    post, path = "/v1/connect/diagnoses", operation_id = "diagnose", tag = "diagnoses",
    request_body = DiagnoseBody,
    responses((status = OK, description = "The diagnosis", body = DiagnosisBody), Errors)
)]
pub(crate) async fn create(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Json(mut body): Json<DiagnoseBody>,
) -> Reply<DiagnosisBody> {
    let of = body.subject()?;
    let options =
        DiagnosisOptions { probe: body.probe, registered_redirect_uris: body.registered_redirect_uris };
    let diagnosis = app.engine.diagnose(&caller, &of, &options).await?;
    Ok(axum::Json(DiagnosisBody::new(&app, diagnosis)))
}
