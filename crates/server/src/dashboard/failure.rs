//! What went wrong, as a page: what happened, why, and what to do.

use askama::Template;
use axum::{http::header, response::Response};
use valetkey_domain::{ErrorCode, Remedy, error::FieldViolation};
use valetkey_engine::Visitor;

use super::shell::{Shell, page_response};
use crate::{
    RequestContext,
    error::{ApiError, status_of},
    state::App,
};

#[derive(Template)]
#[template(path = "dashboard/failure.html")]
struct Failure<'a> {
    shell: Shell,
    title: String,
    cause: String,
    remedies: Vec<Remedy>,
    fields: &'a [FieldViolation],
    code: &'static str,
    docs: String,
    request_id: &'a str,
}

/// Turns an error that a handler answered with into a page; anything else stays as it is.
pub(super) fn page(
    mut answer: Response,
    app: &App,
    context: Option<&RequestContext>,
    visitor: Option<&Visitor>,
) -> Response {
    let Some(ApiError(error)) = answer.extensions_mut().remove::<ApiError>() else { return answer };
    let code = error.code();
    let status = status_of(code);
    let details = error.details();
    if status.is_server_error() {
        tracing::warn!(code = code.as_str(), reason = details.internal, "a page of the dashboard failed");
    } else {
        tracing::debug!(code = code.as_str(), reason = details.internal, "a page of the dashboard refused");
    }
    let view = Failure {
        shell: Shell::of(app, visitor, "", ""),
        title: match code {
            ErrorCode::RouteNotFound => "There is no such page".to_owned(),
            _ => details.message.clone(),
        },
        cause: error.cause_text().to_owned(),
        remedies: match code {
            ErrorCode::RouteNotFound => Vec::new(),
            _ => error.remedies(),
        },
        fields: &details.fields,
        code: code.as_str(),
        docs: app.options.path_of(&format!("/docs/errors/{}", code.as_str())),
        request_id: context.map_or("", |context| context.id().as_str()),
    };
    let mut response = page_response(status, &view);
    // A 405 has to name what would do (RFC 9110 §15.5.6).
    if let Some(allowed) = answer.headers_mut().remove(header::ALLOW) {
        response.headers_mut().insert(header::ALLOW, allowed);
    }
    response.extensions_mut().insert(code);
    response
}
