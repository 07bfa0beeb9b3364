//! `GET /docs/errors` and `GET /docs/errors/{code}`: the catalogue of errors, to read.

use askama::Template;
use axum::{extract::State, response::Response};
use http::{HeaderValue, StatusCode, header};
use valetkey_domain::{
    ErrorCode,
    catalogue::{Actor, Entry, GrpcCode, Retry},
};

use super::site::{Site, respond};
use crate::{extract::Path, state::App};

#[derive(Template)]
#[template(path = "error_index.html")]
struct IndexPage {
    site: Site,
    base: String,
    entries: Vec<&'static Entry>,
}

#[derive(Template)]
#[template(path = "error_doc.html")]
struct ErrorPage {
    site: Site,
    index: String,
    entry: &'static Entry,
    actor: &'static str,
    retry: &'static str,
    grpc: &'static str,
}

#[derive(Template)]
#[template(path = "not_found.html")]
struct NotFoundPage {
    site: Site,
    index: String,
}

/// All errors.
pub(super) async fn index(State(app): State<App>) -> Response {
    let page = IndexPage {
        site: Site::of(&app.options),
        base: app.options.path_of("/docs/errors/"),
        entries: ErrorCode::ALL.iter().map(|code| code.entry()).collect(),
    };
    cacheable(respond(StatusCode::OK, &page))
}

/// One error.
pub(super) async fn page(State(app): State<App>, Path(code): Path<String>) -> Response {
    let site = Site::of(&app.options);
    let index = app.options.path_of("/docs/errors");
    let Some(code) = ErrorCode::parse(&code) else {
        return respond(StatusCode::NOT_FOUND, &NotFoundPage { site, index });
    };
    let entry = code.entry();
    let page = ErrorPage {
        site,
        index,
        entry,
        actor: actor(entry.actor),
        retry: retry(entry.retry),
        grpc: grpc(entry.grpc_code),
    };
    cacheable(respond(StatusCode::OK, &page))
}

fn cacheable(mut response: Response) -> Response {
    let cache = HeaderValue::from_static("public, max-age=3600");
    response.headers_mut().insert(header::CACHE_CONTROL, cache);
    response
}

const fn actor(actor: Actor) -> &'static str {
    match actor {
        Actor::EndUser => "The person whose account it is",
        Actor::Developer => "Who builds the app or agent",
        Actor::ProviderAdmin => "An administrator at the provider",
        Actor::Operator => "Who runs this server",
        Actor::Nobody => "Nobody: it passes",
    }
}

const fn retry(retry: Retry) -> &'static str {
    match retry {
        Retry::Never => "Does not help: the same request fails again",
        Retry::Safe => "Safe at once: nothing was done",
        Retry::Later => "Later and with care: the call may have had an effect",
    }
}

const fn grpc(code: GrpcCode) -> &'static str {
    match code {
        GrpcCode::Ok => "OK",
        GrpcCode::InvalidArgument => "INVALID_ARGUMENT",
        GrpcCode::DeadlineExceeded => "DEADLINE_EXCEEDED",
        GrpcCode::NotFound => "NOT_FOUND",
        GrpcCode::AlreadyExists => "ALREADY_EXISTS",
        GrpcCode::PermissionDenied => "PERMISSION_DENIED",
        GrpcCode::ResourceExhausted => "RESOURCE_EXHAUSTED",
        GrpcCode::FailedPrecondition => "FAILED_PRECONDITION",
        GrpcCode::Aborted => "ABORTED",
        GrpcCode::Unimplemented => "UNIMPLEMENTED",
        GrpcCode::Internal => "INTERNAL",
        GrpcCode::Unavailable => "UNAVAILABLE",
        GrpcCode::Unauthenticated => "UNAUTHENTICATED",
    }
}
