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

/// A failed call: what went wrong, when, with what ids, the versions, the history and the verdict, for people and programs.
#[tokio::test(flavor = "multi_thread")]
async fn bundle_of_a_failed_call_has_its_error_times_versions_and_verdict() {
    let folder = folder();
    let dev = Dev::start(folder.path());
    dev.connect("user_1").await;
    assert_eq!(dev.run(&["simulate", "do", "change-password", "user=ada"]).code, 0);
    let failed = dev.run(&["tool", "run", "sandbox_get_profile", "--identifier", "user_1"]);
    let after = |head: &str| failed.stderr.lines().find_map(|line| line.strip_prefix(head)).unwrap();
    let (execution, request) = (after("Execution: "), after("Request id: "));
    let arguments =
        ["support-bundle", "--execution", execution, "--steps", "ran the profile tool", "--expected", "Ada"];
    let ask = |how: &str| dev.run(&[&arguments[..], &["--stage", "production", how]].concat()).stdout;
    let markdown = ask("--markdown");
    for piece in [
        "# Support bundle",
        execution,
        request,
        "ca_",
        "user_1",
        "sandbox",
        "**Code:** account_revoked",
        "**Tool:** sandbox_get_profile",
        "**Stage:** production",
        "**Environment id:** env_",
        concat!("**Server:** ", env!("CARGO_PKG_VERSION")),
        "**Command line:** ",
        "**System:** ",
        "## Steps to reproduce\n\n> ran the profile tool",
        "## Expected\n\n> Ada",
        "password_changed",
        "end_user must act",
        "- To do: ",
        "- Evidence: ",
        "## Recent events",
        "account.revoked",
        "## Renewals",
        "## Recent calls",
    ] {
        assert!(markdown.contains(piece), "{piece} is not in {markdown}");
    }
    let bundle: Value = serde_json::from_str(&ask("--json")).unwrap();
    assert_eq!(bundle["execution"]["id"], execution);
    assert_eq!(bundle["execution"]["error_code"], "account_revoked");
    assert!(bundle["execution"]["started_at"].is_string() && bundle["made_at"].is_string(), "{bundle:#}");
    assert_eq!(bundle["diagnosis"]["findings"][0]["code"], "password_changed");
    assert_eq!(bundle["told"]["stage"], "production");
    for list in ["events", "refreshes", "executions"] {
        assert!(!bundle[list].as_array().unwrap().is_empty(), "{list}: {bundle:#}");
    }
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
