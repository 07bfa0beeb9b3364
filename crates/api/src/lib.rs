//! Wire types of the compatible API, and what its descriptors say beyond types: the HTTP rules, the limits of every
//! field and the permission of every RPC. No behaviour: who calls what, and what then happens, is the server's.

pub mod descriptors;
pub mod http_rules;
pub mod limits;
pub mod proto;

pub use descriptors::{Descriptors, Rpc};
