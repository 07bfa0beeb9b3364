//! The one place that turns a [`valetkey_domain::Error`] into the native JSON shape.
//!
//! Handlers answer with [`ApiError`]; it travels to the front of the server inside the response, where request id
//! and public URL are known, and is written out there by [`render`].

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;
use valetkey_domain::{
    Error, ErrorCode, Remedy, RequestId,
    diagnosis::ShortDiagnosis,
    error::{FieldViolation, ProviderEvidence},
};

/// An error on its way out of a handler.
#[derive(Debug, Clone)]
pub struct ApiError(pub Error);

impl<E: Into<Error>> From<E> for ApiError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = status_of(self.0.code()).into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// The HTTP status of a code.
pub(crate) fn status_of(code: ErrorCode) -> StatusCode {
    StatusCode::from_u16(code.entry().http_status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// What every error answer of the native API looks like.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ErrorResponse {
    error: ErrorBody,
}

/// One error: what happened, why, and what to do about it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Error)]
pub(crate) struct ErrorBody {
    /// The code from the catalogue; programs branch on it.
    #[schema(example = "account_revoked")]
    pub(crate) code: &'static str,
    /// What happened, for people.
    pub(crate) message: String,
    /// Why.
    pub(crate) cause: String,
    /// Who must act: `end_user`, `developer`, `provider_admin`, `operator`, or `nobody`, who waits.
    #[schema(example = "end_user")]
    pub(crate) actor: &'static str,
    /// Whether the same request may be sent again: `never`, it would fail again; `safe`, nothing was done; `later`, with
    /// care, since it may have had an effect.
    #[schema(example = "never")]
    pub(crate) retry: &'static str,
    /// What to do, in order.
    pub(crate) remedies: Vec<RemedyBody>,
    /// The fields of the request at fault.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub(crate) fields: Vec<FieldBody>,
    /// The page that explains the code.
    pub(crate) docs: String,
    /// The id of this request, as in the server's log.
    #[schema(example = "req_01k0p9zq3v8x6m5n4c2b1a0s9d")]
    pub(crate) request_id: String,
    /// The connected account concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    account_id: Option<String>,
    /// The connection concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    connection_id: Option<String>,
    /// The execution that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) execution_id: Option<String>,
    /// When a retry may help, in milliseconds from now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) retry_after_ms: Option<u64>,
    /// What the provider said.
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<ProviderBody>,
    /// Of a failed call: what a diagnosis says in short.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) diagnosis: Option<ShortBody>,
}

/// A diagnosis in short. With a `verdict` of `broken` the same call fails again until somebody has acted.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ShortDiagnosis)]
pub(crate) struct ShortBody {
    /// `healthy`, `degraded` or `broken`.
    #[schema(example = "broken")]
    verdict: &'static str,
    /// The code of the first finding.
    #[schema(example = "access_revoked_by_user")]
    pub(crate) code: &'static str,
    /// Whose move it is: `end_user`, `developer`, `provider_admin`, `operator` or `nobody`.
    #[schema(example = "end_user")]
    pub(crate) actor: &'static str,
    /// The answer in prose.
    pub(crate) summary: String,
}

impl From<&ShortDiagnosis> for ShortBody {
    fn from(short: &ShortDiagnosis) -> Self {
        Self {
            verdict: short.verdict.as_str(),
            code: short.code.as_str(),
            actor: short.actor.as_str(),
            summary: short.summary.clone(),
        }
    }
}

/// One thing to do.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Remedy)]
pub(crate) struct RemedyBody {
    /// The kind of step; programs branch on it.
    #[schema(example = "reauthorize")]
    action: &'static str,
    /// The step in words.
    pub(crate) text: String,
    /// A link that performs or explains the step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) url: Option<String>,
}

/// One field at fault.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FieldViolation)]
pub(crate) struct FieldBody {
    /// The path of the field: `tool_input.to`.
    pub(crate) field: String,
    /// What is wrong with it.
    pub(crate) message: String,
}

/// What the provider said.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ProviderEvidence)]
struct ProviderBody {
    /// The HTTP status.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    /// The provider's own code.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    /// The provider's own words.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    /// The provider's name for the request, which its support asks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
}

impl From<Remedy> for RemedyBody {
    fn from(remedy: Remedy) -> Self {
        Self { action: remedy.action.as_str(), text: remedy.text, url: remedy.url }
    }
}

impl From<&FieldViolation> for FieldBody {
    fn from(violation: &FieldViolation) -> Self {
        Self { field: violation.field.clone(), message: violation.message.clone() }
    }
}

impl From<&ProviderEvidence> for ProviderBody {
    fn from(evidence: &ProviderEvidence) -> Self {
        Self {
            status: evidence.status,
            code: evidence.code.clone(),
            message: evidence.message.clone(),
            request_id: evidence.answer.as_ref().and_then(|answer| answer.request_id.clone()),
        }
    }
}

impl ErrorBody {
    /// An error inside an answer that is none as a whole. `docs_base` as for [`render`].
    pub(crate) fn of(error: &Error, request_id: &RequestId, docs_base: &str) -> Self {
        let details = error.details();
        let code = error.code();
        let retry_after_ms = retry_after_ms(error);
        let remedies = match retry_after_ms {
            Some(millis) if details.retry_after_ms.is_none() => {
                error.clone().retry_after_ms(millis).remedies()
            }
            _ => error.remedies(),
        };
        Self {
            code: code.as_str(),
            message: details.message.clone(),
            cause: error.cause_text().to_owned(),
            actor: code.entry().actor.as_str(),
            retry: code.entry().retry.as_str(),
            remedies: remedies.into_iter().map(RemedyBody::from).collect(),
            fields: details.fields.iter().map(FieldBody::from).collect(),
            docs: format!("{docs_base}{}", code.as_str()),
            request_id: request_id.to_string(),
            account_id: details.account.as_ref().map(ToString::to_string),
            connection_id: details.connection.as_ref().map(ToString::to_string),
            execution_id: details.execution.as_ref().map(ToString::to_string),
            retry_after_ms,
            provider: details.provider.as_ref().map(ProviderBody::from),
            diagnosis: details.diagnosis.as_ref().map(ShortBody::from),
        }
    }
}

/// Writes an error out: status, headers and JSON. `docs_base` is where the error pages are: `…/docs/errors/`.
pub(crate) fn render(error: &Error, request_id: &RequestId, docs_base: &str) -> Response {
    respond(error, ErrorResponse { error: ErrorBody::of(error, request_id, docs_base) })
}

/// Status and headers of an error, around a body of any shape.
pub(crate) fn respond(error: &Error, body: impl Serialize) -> Response {
    let code = error.code();
    let retry_after_ms = retry_after_ms(error);
    let mut response = (status_of(code), Json(body)).into_response();
    let headers = response.headers_mut();
    if let Some(millis) = retry_after_ms {
        // RFC 9110 §10.2.3: whole seconds; never earlier than meant.
        headers.insert(header::RETRY_AFTER, HeaderValue::from(millis.div_ceil(1000)));
    }
    if matches!(code, ErrorCode::Unauthenticated) {
        // RFC 6750 §3
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

/// When a retry may help, in milliseconds from now. Some codes always deserve an answer to that.
pub(crate) fn retry_after_ms(error: &Error) -> Option<u64> {
    error.details().retry_after_ms.or_else(|| {
        matches!(
            error.code(),
            ErrorCode::Overloaded | ErrorCode::ShuttingDown | ErrorCode::StorageUnavailable
        )
        .then_some(1000)
    })
}
