//! The API description is a reviewed file: a change of the API shows up as a change of `docs/openapi.json`.

use std::{env, fs, path::Path};

use pretty_assertions::assert_str_eq;
use serde_json::Value;

fn golden() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json")
}

/// Run with `UPDATE_GOLDEN=1` to write the file anew, then read the difference.
#[test]
fn openapi_document_matches_the_reviewed_file() {
    let mut document = valetkey_server::openapi().to_pretty_json().unwrap();
    document.push('\n');
    if env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(golden(), &document).unwrap();
    }
    let reviewed = fs::read_to_string(golden()).unwrap_or_default();
    assert_str_eq!(
        reviewed,
        document,
        "the API changed: run this test with UPDATE_GOLDEN=1 and review the file"
    );
}

#[test]
fn openapi_references_all_lead_somewhere() {
    let document = serde_json::to_value(valetkey_server::openapi()).unwrap();
    let mut references = Vec::new();
    collect(&document, &mut references);
    assert!(!references.is_empty());
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
}

fn collect<'a>(value: &'a Value, references: &mut Vec<&'a str>) {
    match value {
        Value::Object(fields) => {
            references.extend(fields.get("$ref").and_then(Value::as_str));
            fields.values().for_each(|value| collect(value, references));
        }
        Value::Array(items) => items.iter().for_each(|value| collect(value, references)),
        _ => {}
    }
}

#[test]
fn openapi_operations_all_described() {
    let document = serde_json::to_value(valetkey_server::openapi()).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    let mut ids = std::collections::HashSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap();
            assert!(ids.insert(id.to_owned()), "{id} twice");
            assert!(operation["summary"].is_string(), "{method} {path} has no summary");
            assert!(operation["responses"]["default"].is_object(), "{method} {path} says nothing of errors");
        }
    }
}
