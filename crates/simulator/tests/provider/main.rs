//! The provider as a client sees it: over its router, with a clock that stands still.

mod api;
mod authorize;
mod control;
mod faults;
mod harness;
mod snapshot;
mod token;
