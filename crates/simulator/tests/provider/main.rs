//! The provider as a client sees it: over its router, with a clock that stands still.

mod api;
mod authorize;
mod control;
mod document;
mod faults;
mod harness;
mod profiles;
mod snapshot;
mod token;
