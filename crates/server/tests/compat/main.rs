//! The compatible API through the whole router: real gRPC framing, real HTTP, the real engine behind.
//!
//! The modules are marked as tests for the lints: helpers may unwrap.

#[cfg(test)]
mod accounts;
#[cfg(test)]
mod bounds;
#[cfg(test)]
mod doors;
#[cfg(test)]
mod errors;
#[cfg(test)]
mod every_error;
#[cfg(test)]
mod isolation;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod rest;
#[cfg(test)]
mod support;
#[cfg(test)]
mod tools;
