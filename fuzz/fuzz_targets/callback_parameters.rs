//! Arbitrary bytes as the query of an OAuth callback: read or refused, never a panic.
#![no_main]

libfuzzer_sys::fuzz_target!(|query: &[u8]| valetkey_server::fuzz_callback_query(query));
