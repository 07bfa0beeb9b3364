//! `docs/simulator.md` says what there is, all of it, and nothing else.

use axum::http::StatusCode;
use serde_json::json;
use valetkey_simulator::{Profile, Settings};

use crate::harness::Provider;

const DOCUMENT: &str = include_str!("../../../../docs/simulator.md");

#[tokio::test]
async fn document_names_every_kind_of_fault() {
    let provider = Provider::new();
    let refused = provider.post_json("/_sim/faults", "", json!({"endpoint": "api", "kind": "?"})).await;
    let text = refused.json()["error"]["message"].as_str().unwrap().to_owned();
    let kinds: Vec<&str> = text.split("none of ").nth(1).unwrap().split(", ").collect();
    assert_eq!(kinds.len(), 12, "{kinds:?}");
    for kind in kinds {
        assert!(DOCUMENT.contains(&format!("\n| `{kind}` |")), "{kind}");
    }
}

#[test]
fn document_names_every_trait_and_profile() {
    let settings = serde_json::to_value(Settings::default()).unwrap();
    for name in settings.as_object().unwrap().keys() {
        assert!(DOCUMENT.contains(&format!("`{name}`")), "{name}");
    }
    for (name, _) in Profile::ALL {
        assert!(DOCUMENT.contains(&format!("\n| `{name}` |")), "{name}");
    }
}

/// Every request of the table is answered by the control API, whatever it thinks of an empty body.
#[tokio::test]
async fn document_names_no_request_that_there_is_not() {
    let provider = Provider::new();
    let rows = DOCUMENT
        .lines()
        .filter(|line| line.starts_with("| `POST /_sim/") || line.starts_with("| `GET /_sim/"));
    let mut seen = 0;
    for row in rows {
        let named = row.split('|').nth(1).unwrap();
        let post = named.contains("POST");
        for path in named.split('`').filter(|part| part.contains('/')) {
            let path = path.rsplit(' ').next().unwrap();
            let path = if path.starts_with("/_sim") { path.to_owned() } else { format!("/_sim{path}") };
            let answer = match post {
                true => provider.post_json(&path, "", json!({})).await,
                false => provider.get(&path, "").await,
            };
            assert!(
                !matches!(answer.status, StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED),
                "{path}"
            );
            seen += 1;
        }
    }
    assert!(seen >= 24, "{seen}");
}
