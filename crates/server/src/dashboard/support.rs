//! A support bundle, to be handed on as it is.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, header};
use valetkey_domain::Error;
use valetkey_engine::{AccountRef, DiagnosisOf};

use super::{gate::Visiting, shell::Answer};
use crate::{extract::Path, rest, state::App};

/// The bundle of an account.
pub(super) async fn of_account(
    State(app): State<App>,
    Visiting(visitor): Visiting,
    Path(id): Path<String>,
) -> Answer {
    let of = DiagnosisOf::Account(AccountRef::id(id));
    let bundle = rest::support_bundle(&app, &visitor.caller, &of, serde_json::json!({})).await?;
    let text = serde_json::to_string_pretty(&bundle).map_err(Error::internal)?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (
            header::CONTENT_DISPOSITION,
            HeaderValue::from_static("attachment; filename=\"support-bundle.json\""),
        ),
    ];
    let response: Response = (headers, text).into_response();
    Ok(response)
}
