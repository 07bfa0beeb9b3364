//! REST, gRPC, proxy and hosted pages over the engine.

mod error;
mod front;
mod listener;
mod options;

pub use error::ApiError;
pub use front::RequestContext;
pub use listener::{Drained, ListenerSettings, TlsError, serve, server_config};
pub use options::ServerOptions;
