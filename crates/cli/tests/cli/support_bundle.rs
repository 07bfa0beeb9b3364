//! `valetkey support-bundle` and the preflight, against a running server with the simulator.

use serde_json::{Value, json};

use crate::harness::{Dev, folder};

/// I4: what was planted as a secret is in neither file.
#[tokio::test(flavor = "multi_thread")]
async fn bundle_of_an_account_has_what_a_helper_asks_for_and_no_secret() {
    let folder = folder();
    let dev = Dev::start(folder.path());
    dev.connect("user_1").await;
    let account = dev.json(&["account", "list"])["items"][0].clone();
    let id = account["id"].as_str().unwrap().to_owned();
    let out = folder.path().join("out");
    std::fs::create_dir(&out).unwrap();
    let steps = "called it with vk_canary-canary-canary";
    let made = dev.run(&[
        "support-bundle",
        "--identifier",
        "user_1",
        "--connection",
        "sandbox",
        "--output",
        "out",
        "--steps",
        steps,
        "--expected",
        "a profile",
        "--stage",
        "staging",
    ]);
    assert_eq!(made.code, 0, "{}", made.stderr);
    let files: Vec<_> = std::fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 2, "{files:?}");
    let secrets = ["VALETKEY_CLIENT_SECRET", "VALETKEY_API_TOKEN"].map(|name| dev.env.get(name).cloned());
    for file in &files {
        let text = std::fs::read_to_string(file).unwrap();
        for secret in secrets.iter().flatten() {
            assert!(!text.contains(secret.as_str()), "{} holds a secret", file.display());
        }
        assert!(!text.contains("canary-canary"), "{text}");
        for piece in [id.as_str(), "user_1", "sandbox", "a profile", "staging", "account.activated"] {
            assert!(text.contains(piece), "{piece} is not in {}: {text}", file.display());
        }
    }
    let json = files.iter().find(|file| file.extension().is_some_and(|ext| ext == "json")).unwrap();
    let bundle: Value = serde_json::from_str(&std::fs::read_to_string(json).unwrap()).unwrap();
    assert_eq!(bundle["diagnosis"]["verdict"], "healthy", "{bundle:#}");
    assert_eq!(bundle["server"]["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(bundle["account"]["label"], Value::Null);
    assert_eq!(dev.run(&["support-bundle"]).code, 2);
    dev.run(&["support-bundle", "--identifier", "nobody", "--connection", "sandbox"])
        .refused(1, &["account_not_found"]);
}

#[test]
fn preflight_of_the_sandbox_is_a_diagnosis_with_its_steps() {
    let folder = folder();
    let dev = Dev::start(folder.path());
    let ended = dev.run(&["doctor", "connection", "sandbox", "--preflight", "--json"]);
    let diagnosis: Value = serde_json::from_str(&ended.stdout).unwrap();
    let steps = diagnosis["steps"].as_array().unwrap();
    let named =
        |name: &str| steps.iter().find(|step| step["name"] == name).map(|step| step["outcome"].clone());
    for name in ["enabled", "redirect_uri", "pkce", "client_credentials"] {
        assert_eq!(named(name), Some(json!("ok")), "{name}: {diagnosis:#}");
    }
    assert_eq!(diagnosis["subject"]["connection_name"], "sandbox");
    assert_eq!(ended.code, i32::from(diagnosis["verdict"] == "broken"));
    dev.run(&["doctor", "connection", "sandbox", "--preflight", "--probe"]).refused(2, &["cannot be used"]);
}
