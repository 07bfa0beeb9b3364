//! `valetkey errors`, failures as JSON, and the recipes of the documentation.

use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use valetkey_domain::{
    ErrorCode,
    catalogue::{Step, page},
};

use crate::harness::{Dev, folder, run, valetkey};

#[test]
fn errors_explained_without_a_server() {
    let folder = folder();
    let all = run(valetkey(folder.path()).arg("errors"), "");
    let every = run(valetkey(folder.path()).args(["errors", "--json"]), "").json();
    assert_eq!(every["items"].as_array().unwrap().len(), ErrorCode::ALL.len());
    for code in ErrorCode::ALL {
        assert!(all.stdout.contains(&format!("  {} ", code.as_str())), "{code:?}");
    }
    let one = run(valetkey(folder.path()).args(["errors", "account_revoked"]), "");
    for part in ["account_revoked\n", "Cause: ", "Who must act: the person", "  1. ", "Retry: ", "HTTP 409"] {
        assert!(one.stdout.contains(part), "{part}: {}", one.stdout);
    }
    let one = run(valetkey(folder.path()).args(["errors", "account_revoked", "--json"]), "").json();
    assert_eq!((&one["code"], &one["http_status"]), (&json!("account_revoked"), &json!(409)));
    let unknown = run(valetkey(folder.path()).args(["errors", "revoked"]), "");
    unknown.refused(2, &["no error with this code", "account_revoked", "valetkey errors command_invalid"]);
}

#[test]
fn errors_as_pages_are_those_of_the_repository() {
    let folder = folder();
    let written = run(valetkey(folder.path()).args(["errors", "--markdown", "pages"]), "");
    assert_eq!(written.code, 0, "{}", written.stderr);
    for code in ErrorCode::ALL {
        let file = folder.path().join("pages").join(format!("{}.md", code.as_str()));
        assert_eq!(std::fs::read_to_string(file).unwrap(), page(*code));
    }
}

/// The one line on stderr that programs read.
fn told(stderr: &str) -> (ErrorCode, Value) {
    let body: Value = serde_json::from_str(stderr.trim_end()).unwrap_or_else(|e| panic!("{e}: {stderr}"));
    let code = body["error"]["code"].as_str().unwrap();
    (ErrorCode::parse(code).unwrap_or_else(|| panic!("{code} is not of the catalogue")), body)
}

#[test]
fn failures_as_json_each_have_a_code_of_the_catalogue() {
    let folder = folder();
    let dev = Dev::start(folder.path());
    let cases: [(&[&str], i32, ErrorCode); 6] = [
        (&["account", "get", "ca_00000000000000000000000000", "--json"], 1, ErrorCode::AccountNotFound),
        (&["tool", "run", "nothing", "--identifier", "user_1", "--json"], 1, ErrorCode::ToolNotFound),
        (&["account", "get", "--json"], 2, ErrorCode::CommandInvalid),
        (&["account", "bogus", "--json"], 2, ErrorCode::CommandInvalid),
        (&["connection", "update", "sandbox", "--json"], 2, ErrorCode::CommandInvalid),
        (&["account", "get", "--identifier", "nobody", "--json"], 1, ErrorCode::CommandFailed),
    ];
    for (arguments, exit, expected) in cases {
        let ended = dev.run(arguments);
        let (code, body) = told(&ended.stderr);
        assert_eq!((ended.code, code), (exit, expected), "{arguments:?}: {body}");
        for field in ["message", "cause", "actor", "retry"] {
            assert!(body["error"][field].is_string(), "{arguments:?}: {field}: {body}");
        }
        assert!(!body["error"]["remedies"].as_array().unwrap().is_empty());
    }
    let mut nowhere = valetkey(folder.path());
    nowhere.args(["connection", "list", "--json"]).env("VALETKEY_URL", "http://127.0.0.1:1");
    let ended = run(nowhere.env("VALETKEY_API_TOKEN", "vk_any"), "");
    assert_eq!((ended.code, told(&ended.stderr).0), (3, ErrorCode::ServerUnreachable));
    // A server that does not start.
    let ended = run(valetkey(folder.path()).args(["serve", "--listen", "0.0.0.0:0"]), "");
    assert!(ended.stderr.ends_with("More: valetkey errors setting_invalid\n"), "{}", ended.stderr);
    // A wrong key, at the API and at the token endpoint.
    let mut wrong = valetkey(folder.path());
    wrong.args(["connection", "list", "--json"]).env("VALETKEY_URL", dev.url());
    wrong.env("VALETKEY_CA_FILE", &dev.env["VALETKEY_CA_FILE"]).env("VALETKEY_API_TOKEN", "vk_wrong");
    assert_eq!(told(&run(&mut wrong, "").stderr).0, ErrorCode::Unauthenticated);
    let mut wrong = valetkey(folder.path());
    wrong.args(["connection", "list", "--json"]).env("VALETKEY_URL", dev.url());
    wrong.env("VALETKEY_CA_FILE", &dev.env["VALETKEY_CA_FILE"]);
    wrong.env("VALETKEY_CLIENT_ID", "vkc_wrong").env("VALETKEY_CLIENT_SECRET", "wrong");
    let (code, body) = told(&run(&mut wrong, "").stderr);
    assert_eq!(code, ErrorCode::InvalidClientCredentials);
    assert!(body["error"]["docs"].as_str().unwrap().ends_with("/docs/errors/invalid_client_credentials"));
}

/// What the pages say under *Try it* brings about just the error of the page.
#[tokio::test(flavor = "multi_thread")]
async fn recipes_followed_each_bring_about_their_error() {
    let folder = folder();
    // A deadline that a test can wait for.
    let dev = Dev::start_with(folder.path(), &["--call-deadline-s", "2"]);
    let control = format!("{}/_sim", dev.simulator());
    let mut followed = 0;
    // The account is left alone for a while after the rate limit: that recipe comes last.
    let (limited, others): (Vec<ErrorCode>, Vec<ErrorCode>) =
        ErrorCode::ALL.iter().partition(|code| **code == ErrorCode::UpstreamRateLimited);
    for code in others.iter().chain(&limited) {
        let Some(recipe) = code.recipe() else { continue };
        for step in recipe {
            // Whatever is posted is understood, in recipes that end by hand too.
            if let Step::Simulator { path, body } = step {
                let body: Value = serde_json::from_str(body).unwrap();
                let sent = dev.http().post(format!("{control}/{path}")).json(&body).send().await.unwrap();
                assert_eq!(sent.status(), 200, "{}: {path}", code.as_str());
            }
        }
        let reset = dev.http().post(format!("{control}/reset")).json(&json!({})).send().await.unwrap();
        assert_eq!(reset.status(), 200);
        let by_hand = recipe.iter().any(|step| matches!(step, Step::Do(_)));
        if by_hand {
            continue;
        }
        followed += 1;
        dev.connect("user_123").await;
        let mut last = None;
        for step in recipe {
            match step {
                Step::Simulator { path, body } => {
                    let body: Value = serde_json::from_str(body).unwrap();
                    dev.http().post(format!("{control}/{path}")).json(&body).send().await.unwrap();
                }
                Step::Run(command) => {
                    let words: Vec<&str> = command.split(' ').skip(1).collect();
                    last = Some(dev.run(&[&words[..], &["--json"]].concat()));
                }
                Step::Do(_) => {}
            }
        }
        let last = last.unwrap();
        assert_ne!(last.code, 0, "{}: nothing went wrong: {}", code.as_str(), last.stdout);
        assert_eq!(told(&last.stderr).0, *code, "{}", last.stderr);
        dev.http().post(format!("{control}/reset")).json(&json!({})).send().await.unwrap();
    }
    assert!(followed >= 15, "only {followed}");
}
