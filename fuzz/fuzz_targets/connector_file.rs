//! Arbitrary text as a connector file: loaded or refused with words, never a panic.
#![no_main]

use valetkey_upstream::connector::Connectors;

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Err(refusal) = Connectors::from_files([("fuzz.yaml".to_owned(), text.to_owned())]) {
        assert!(!refusal.to_string().is_empty());
    }
});
