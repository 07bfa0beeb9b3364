//! The only outbound door: connector definitions, OAuth protocol, tool rendering and calls, egress guard.
//!
//! Everything that leaves the system goes through [`http::Egress`]: one client that resolves names once, vets every
//! address, dials only vetted ones, follows no redirect and keeps every answer bounded in size and time.

pub mod connector;
pub(crate) mod encode;
pub mod http;
pub mod oauth;
pub mod oidc;
pub mod proxy;
pub mod tool;
