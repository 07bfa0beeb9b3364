//! The gRPC door.

use std::time::Duration;

use axum::{body::Body, extract::Request, response::Response};
use http::{HeaderMap, header};
use tonic::Status;
use valetkey_api::Descriptors;
use valetkey_domain::{Error, ErrorCode, execution::Source};

use super::{
    frame,
    gate::{Arrival, Gate, unimplemented},
    status::{Facts, Failure},
};
use crate::{RequestContext, extract::read_body};

/// What clients built on the gRPC core take unless told otherwise, and the official SDKs do not tell otherwise.
const GRPC_CORE_MAX_ANSWER: usize = 4 * 1024 * 1024;

/// Answers one call, always with HTTP 200 and a gRPC status.
pub(super) async fn serve(gate: &Gate, request: Request) -> Response {
    let context = request.extensions().get::<RequestContext>().cloned();
    let facts = gate.facts(context.as_ref());
    match answer(gate, request, context.as_ref(), &facts).await {
        Ok(response) => noted(response),
        Err(failure) => noted(failure.status(&facts).into_http()),
    }
}

async fn answer(
    gate: &Gate,
    request: Request,
    context: Option<&RequestContext>,
    facts: &std::sync::Arc<Facts>,
) -> Result<http::Response<tonic::body::Body>, Failure> {
    let (parts, body) = request.into_parts();
    let descriptors = Descriptors::embedded().map_err(Error::internal)?;
    let rpc = descriptors.rpc(parts.uri.path()).ok_or_else(|| unimplemented(parts.uri.path()))?;
    if let Some(context) = context {
        context.note_route(&rpc.path);
    }
    let caller = gate.admit(rpc, &parts.headers, context).await?;
    let arrival = Arrival {
        source: Source::Grpc,
        deadline: timeout(&parts.headers)?,
        max_answer: is_grpc_core(&parts.headers).then_some(GRPC_CORE_MAX_ANSWER),
    };
    let message = frame::read(read_body(body).await?)?;
    gate.call(rpc, caller, facts, arrival, &message).await
}

/// The error as a whole gRPC answer. For errors that arise before the door.
pub(super) fn render(error: &Error, request_id: &str, docs_base: &str) -> Response {
    let error = match error.code() {
        // What has no path is, in gRPC, a method that does not exist.
        ErrorCode::RouteNotFound | ErrorCode::MethodNotAllowed => Error::new(ErrorCode::Unimplemented),
        _ => error.clone(),
    };
    let facts = Facts { request_id: request_id.to_owned(), docs_base: docs_base.into() };
    noted(Failure::from(error).status(&facts).into_http())
}

/// Tells the log how it ended.
fn noted(response: http::Response<tonic::body::Body>) -> Response {
    let code = response.extensions().get::<Status>().and_then(super::status::error_in).map(Error::code);
    let mut response = response.map(Body::new);
    if let Some(code) = code {
        response.extensions_mut().insert(code);
    }
    response
}

fn is_grpc_core(headers: &HeaderMap) -> bool {
    // `grpc-python/1.76.0 grpc-c/…`, `grpc-java-netty/…`, `grpc-go/…`; the SDKs put their own name before it.
    headers
        .get(header::USER_AGENT)
        .and_then(|agent| agent.to_str().ok())
        .is_some_and(|agent| agent.split(' ').any(|product| product.starts_with("grpc-")))
}

/// How long the caller waits: `grpc-timeout`, at most eight digits and a unit.
fn timeout(headers: &HeaderMap) -> Result<Option<Duration>, Error> {
    let Some(value) = headers.get("grpc-timeout") else { return Ok(None) };
    parse_timeout(value.as_bytes())
        .map(Some)
        .ok_or_else(|| Error::new(ErrorCode::InvalidRequest).message("The grpc-timeout header is malformed."))
}

fn parse_timeout(value: &[u8]) -> Option<Duration> {
    let (unit, digits) = value.split_last()?;
    if !(1..=8).contains(&digits.len()) || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number: u64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    Some(match unit {
        b'H' => Duration::from_secs(number * 3600),
        b'M' => Duration::from_secs(number * 60),
        b'S' => Duration::from_secs(number),
        b'm' => Duration::from_millis(number),
        b'u' => Duration::from_micros(number),
        b'n' => Duration::from_nanos(number),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeout_every_unit_is_read() {
        let cases = [
            ("20S", Some(Duration::from_secs(20))),
            ("60000m", Some(Duration::from_secs(60))),
            ("1H", Some(Duration::from_secs(3600))),
            ("2M", Some(Duration::from_secs(120))),
            ("99999999n", Some(Duration::from_nanos(99_999_999))),
            ("5u", Some(Duration::from_micros(5))),
            ("", None),
            ("S", None),
            ("20", None),
            ("20s", None),
            ("-1S", None),
            ("123456789S", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_timeout(text.as_bytes()), expected, "{text}");
        }
    }
}
