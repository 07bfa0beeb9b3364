//! The compiled-in files.

use super::Connectors;

#[test]
fn embedded_files_all_load() {
    let connectors = Connectors::embedded().unwrap_or_else(|error| panic!("{error}"));
    assert!(connectors.get("SANDBOX").is_some());
}
