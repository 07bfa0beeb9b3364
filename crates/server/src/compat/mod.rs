//! The compatible API: the gRPC services that the official SDKs speak, and the same RPCs over plain HTTP under
//! `/api/v1`. An adapter over the engine without behaviour of its own.
//!
//! Both doors lead through [`Gate`]: known caller, permission, limits, then the one implementation of the RPC. What
//! is allowed and how it is reached over HTTP is read from the descriptors of `proto/`, nothing of it is written
//! here a second time.

mod account_wire;
mod accounts;
mod call;
mod frame;
mod gate;
mod google;
mod grpc;
mod rest;
mod status;
mod structs;
mod tools;
mod wire;
mod words;

use std::sync::Arc;

use axum::{
    Router,
    extract::{Request, State},
    response::Response,
};
use valetkey_domain::Error;
use valetkey_engine::Engine;

use crate::{ServerOptions, front::is_grpc};
use gate::Gate;

/// Everything of the compatible API: the gRPC services and their HTTP transcoding. Paths that it does not know are
/// answered in the shape of the door they came through: gRPC with UNIMPLEMENTED, never with an HTTP status.
pub(crate) fn routes(engine: Engine, options: &ServerOptions) -> Router {
    Router::new().fallback(choose).with_state(Arc::new(Gate::new(engine, options)))
}

async fn choose(State(gate): State<Arc<Gate>>, request: Request) -> Response {
    match Door::of(&request) {
        Door::Grpc => grpc::serve(&gate, request).await,
        Door::Rest => rest::serve(&gate, request).await,
    }
}

/// The two ways in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Door {
    Grpc,
    Rest,
}

impl Door {
    /// By content type, not by path: a method that does not exist must still be answered as gRPC.
    fn of(request: &Request) -> Self {
        if is_grpc(request.headers()) { Self::Grpc } else { Self::Rest }
    }
}

/// How errors are to be written that arise before or outside of the compatible API, if the request was one of its
/// own: too large a body, a panic. `None` for any other request.
pub(crate) fn renderer(request: &Request) -> Option<Renderer> {
    match Door::of(request) {
        Door::Grpc => Some(grpc::render),
        Door::Rest if request.uri().path().starts_with("/api/v1/") => Some(rest::render),
        Door::Rest => None,
    }
}

/// Writes an error out. Takes the request id and where the error pages are.
pub(crate) type Renderer = fn(&Error, &str, &str) -> Response;
