//! The real binary: how it starts, what it refuses, what its commands print.
#![expect(clippy::unwrap_used, reason = "tests: a panic is the failure")]

mod commands;
mod dev;
mod harness;
mod serve;
mod simulate;
