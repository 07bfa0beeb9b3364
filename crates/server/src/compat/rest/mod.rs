//! The same RPCs over plain HTTP, as the HTTP rules in `proto/` say.
//!
//! JSON follows the proto3 mapping. Input may use either spelling of a field (`page_size`, `pageSize`) and unknown
//! fields are refused; output uses the names of the `.proto` files and shows fields that are empty, as the official
//! REST API does. Errors are the `google.rpc.Status` of the gRPC door as JSON, with the HTTP status that the error
//! catalogue gives the code.

mod answer;
mod input;

use std::sync::Arc;

use axum::{
    Json,
    extract::Request,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, Method, header};
use http_body_util::BodyExt;
use tonic::Status;
use valetkey_api::{Descriptors, Rpc, http_rules::HttpRoute};
use valetkey_domain::{Error, ErrorCode, execution::Source};

use super::{
    frame,
    gate::{Arrival, Gate},
    status::{Facts, Failure, error_in},
};
use crate::{
    RequestContext,
    error::{retry_after_ms, status_of},
    extract::{is_json, read_body},
};

/// Answers one request.
pub(super) async fn serve(gate: &Gate, request: Request) -> Response {
    let context = request.extensions().get::<RequestContext>().cloned();
    let facts = gate.facts(context.as_ref());
    match answer(gate, request, context.as_ref(), &facts).await {
        Ok(response) => response,
        Err(failure) => refused(&failure.status(&facts)),
    }
}

/// The error as a whole answer. For errors that arise before the door.
pub(super) fn render(error: &Error, request_id: &str, docs_base: &str) -> Response {
    let facts = Facts { request_id: request_id.to_owned(), docs_base: docs_base.into() };
    refused(&Failure::from(error.clone()).status(&facts))
}

async fn answer(
    gate: &Gate,
    request: Request,
    context: Option<&RequestContext>,
    facts: &Arc<Facts>,
) -> Result<Response, Failure> {
    let (parts, body) = request.into_parts();
    let descriptors = Descriptors::embedded().map_err(Error::internal)?;
    let (rpc, route) = find(descriptors, &parts.method, parts.uri.path())?;
    if let Some(context) = context {
        context.note_route(&route.template);
    }
    let caller = gate.admit(rpc, &parts.headers, context).await?;
    let body = read_body(body).await?;
    if !body.is_empty() && !is_json(&parts.headers) {
        return Err(Error::new(ErrorCode::UnsupportedMediaType).into());
    }
    let message = input::message(rpc, route, parts.uri.path(), parts.uri.query().unwrap_or_default(), &body)?;
    let arrival = Arrival { source: Source::CompatRest, deadline: None, max_answer: None };
    let answer = gate.call(rpc, caller, facts, arrival, &message).await?;
    if let Some(status) = answer.extensions().get::<Status>() {
        return Ok(refused(status));
    }
    let answer = answer.into_body().collect().await.map_err(Error::internal)?.to_bytes();
    let answer = frame::read(answer).map_err(Error::internal)?;
    Ok(Json(answer::json(rpc.output.clone(), &answer)?).into_response())
}

/// The RPC that a method and path mean.
fn find<'d>(
    descriptors: &'d Descriptors,
    method: &Method,
    path: &str,
) -> Result<(&'d Rpc, &'d HttpRoute), Error> {
    let fitting = || {
        descriptors
            .rpcs()
            .iter()
            .flat_map(|rpc| rpc.routes.iter().map(move |route| (rpc, route)))
            .filter(|(_, route)| route.matches(path).is_some())
    };
    let found = fitting().filter(|(_, route)| route.method == method.as_str());
    found.max_by_key(|(_, route)| route.specificity()).ok_or_else(|| {
        let code = match fitting().next() {
            Some(_) => ErrorCode::MethodNotAllowed,
            None => ErrorCode::RouteNotFound,
        };
        Error::new(code)
    })
}

fn refused(status: &Status) -> Response {
    let internal;
    let error = match error_in(status) {
        Some(error) => error,
        // Everything of ours carries its error; this is a fault in between.
        None => {
            internal = Error::internal(status.message());
            &internal
        }
    };
    let mut response = (status_of(error.code()), Json(answer::error(status))).into_response();
    let headers = response.headers_mut();
    if let Some(millis) = retry_after_ms(error) {
        // RFC 9110 §10.2.3
        headers.insert(header::RETRY_AFTER, HeaderValue::from(millis.div_ceil(1000)));
    }
    if error.code() == ErrorCode::Unauthenticated {
        // RFC 6750 §3
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response.extensions_mut().insert(error.code());
    response
}
