//! REST, gRPC, MCP, proxy and hosted pages over the engine.
//!
//! [`router`] is the whole surface as one [`axum::Router`]; [`serve`] puts it on a port.

mod auth;
mod client_address;
mod compat;
mod dashboard;
mod docs;
mod error;
mod extract;
mod front;
mod health;
mod listener;
mod mcp;
mod oauth_token;
mod options;
mod pages;
mod proxy;
mod rest;
mod routes;
mod same_site;
mod state;

pub use error::ApiError;
pub use front::RequestContext;
pub use listener::{Drained, ListenerSettings, TlsError, serve, server_config};
pub use options::{ServerOptions, SimulatorDesk};
#[doc(hidden)]
pub use pages::fuzz_callback_query;
pub use routes::{description as openapi, health_router, router};
