//! The compatible API.

use axum::Router;
use valetkey_engine::Engine;

/// Everything of the compatible API: the gRPC services and their HTTP transcoding.
pub(crate) fn routes(_engine: Engine) -> Router {
    Router::new()
}
