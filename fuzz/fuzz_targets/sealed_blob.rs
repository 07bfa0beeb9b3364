//! Arbitrary bytes as a sealed value: refused, never a panic, never opened.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| valetkey_vault::fuzz_open(input));
