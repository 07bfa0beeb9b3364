//! The real binary: how it starts, what it refuses, what its commands print.
#![expect(clippy::unwrap_used, reason = "tests: a panic is the failure")]

mod commands;
mod dev;
mod doctor_postgres;
mod doctor_system;
mod errors;
mod harness;
mod key_service;
mod serve;
mod simulate;
mod support_bundle;
