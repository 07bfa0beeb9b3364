//! Support bundles: what a helper asks for is in them, and no secret (I4).

use http::Method;
use serde_json::{Value, json};
use valetkey_domain::{
    Change, EventId, Permission, Permissions, Store as _,
    event::{EventKind, NewEvent},
};
use valetkey_testkit::fake_provider::CLIENT_SECRET;

use crate::app::App;

const ACCESS: &str = "canary-access-5d21";
const REFRESH: &str = "canary-refresh-88e0";
const KEY: &str = "canary-api-key-77aa";

/// An app with an account of imported tokens and one of an API key, each with a history into which every secret has
/// leaked by some mistake.
async fn leaky() -> (App, Vec<String>, Vec<String>) {
    let app = App::start().await;
    app.fixture.connection("notes", "acme").await;
    app.fixture.connection("keyed", "acmekey").await;
    let oauth = json!({"connection_name": "notes", "identifier": "user_1",
        "credential": {"oauth": {"access_token": ACCESS, "refresh_token": REFRESH, "scopes": ["read"]}}});
    let keyed = json!({"connection_name": "keyed", "identifier": "user_2", "skip_probe": true,
        "credential": {"fields": {"api_key": KEY}}});
    let mut ids = Vec::new();
    for body in [oauth, keyed] {
        let made = app.post("/v1/connect/accounts", &body).await;
        assert!(made.status.is_success(), "{made:?}");
        ids.push(made.json()["id"].as_str().unwrap().to_owned());
    }
    let link = app
        .ok(
            Method::POST,
            "/v1/connect/authorization-links",
            &json!({"connection_name": "notes", "identifier": "user_1"}),
        )
        .await["link"]
        .as_str()
        .unwrap()
        .to_owned();
    let link_token = link.rsplit('/').next().unwrap().to_owned();
    let secrets = [ACCESS, REFRESH, KEY, CLIENT_SECRET, &link_token, &app.token].map(str::to_owned).to_vec();
    for id in &ids {
        let account = app.fixture.store.account(&id.parse().unwrap()).await.unwrap().unwrap();
        let event = NewEvent::of_account(&account, EventKind::RefreshFailed).data(json!({
            "evidence": {"message": format!("{ACCESS} and {REFRESH}: no"), "refresh_token": REFRESH},
            "request": format!("https://u:{CLIENT_SECRET}@acme.example/x?key={KEY}"),
            "said": [format!("Bearer {}", app.token), link, CLIENT_SECRET, KEY],
        }));
        let event_id = EventId::new(&*app.fixture.clock, &*app.fixture.entropy);
        let event = event.at(event_id, app.fixture.now());
        app.fixture.store.commit(Change::AppendEvent(event).into()).await.unwrap();
    }
    (app, ids, secrets)
}

fn assert_clean(bundle: &Value, secrets: &[String], known: &[&str]) {
    let text = bundle.to_string();
    for secret in
        secrets.iter().filter(|secret| known.contains(&secret.as_str()) || !secret.starts_with("canary"))
    {
        assert!(!text.contains(secret.as_str()), "{secret} is in {bundle:#}");
    }
}

/// I4: an account's own secrets, its client's, and ours, planted everywhere, are in no bundle.
#[tokio::test]
async fn bundle_holds_ids_times_and_words_and_no_secret() {
    let (app, ids, secrets) = leaky().await;
    let call = json!({"connected_account_id": ids[0], "tool_name": "acme_get_profile"});
    let failed = app.post("/v1/connect/tools/execute", &call).await;
    let execution = failed.json()["error"]["execution_id"].as_str().unwrap().to_owned();
    let of_oauth = [ACCESS, REFRESH, CLIENT_SECRET];
    let rows = [
        (json!({"account_id": ids[0]}), &of_oauth[..]),
        (json!({"identifier": "user_1", "connection_name": "notes"}), &of_oauth[..]),
        (json!({"execution_id": execution}), &of_oauth[..]),
        (json!({"connection_name": "notes"}), &[CLIENT_SECRET][..]),
        (json!({"account_id": ids[1]}), &[KEY][..]),
    ];
    for (mut body, known) in rows {
        body["steps"] = json!(format!("I sent Authorization: Bearer {}", app.token));
        let bundle = app.ok(Method::POST, "/v1/connect/support-bundles", &body).await;
        assert_clean(&bundle, &secrets, known);
        assert_eq!(bundle["server"]["version"], env!("CARGO_PKG_VERSION"));
        assert!(!bundle["diagnosis"]["findings"].as_array().unwrap().is_empty());
        assert!(bundle["connection"]["redirect_uri"].is_string() && bundle["made_at"].is_string());
        assert!(!bundle["events"].as_array().unwrap().is_empty(), "{bundle:#}");
        assert!(
            bundle["told"]["steps"].as_str().unwrap().starts_with("I sent Authorization"),
            "{}",
            bundle["told"]
        );
    }
    let bundle =
        app.ok(Method::POST, "/v1/connect/support-bundles", &json!({"execution_id": execution})).await;
    assert_eq!(bundle["execution"]["id"], execution.as_str());
    assert_eq!(bundle["account"]["id"], ids[0].as_str());
    assert_eq!(bundle["account"]["identifier"], "user_1");
    assert!(bundle["account"].get("label").is_none() && bundle["account"].get("api_config").is_none());
    assert!(bundle["executions"].as_array().unwrap().iter().any(|row| row["id"] == execution.as_str()));
}

/// Making one makes no authorization link, whatever the caller may do.
#[tokio::test]
async fn bundle_makes_no_link_and_needs_the_rights_to_read() {
    let (app, ids, _) = leaky().await;
    let count = |app: &App| {
        let filter = valetkey_domain::store::EventFilter {
            kinds: vec![EventKind::LinkCreated],
            ..valetkey_domain::store::EventFilter::default()
        };
        let (store, environment) = (app.fixture.store.clone(), app.fixture.caller.environment.clone());
        async move {
            let page = valetkey_domain::PageRequest { size: 100, cursor: None };
            store.events(&environment, &filter, &page).await.unwrap().items.len()
        }
    };
    let before = count(&app).await;
    app.ok(Method::POST, "/v1/connect/support-bundles", &json!({"account_id": ids[0]})).await;
    assert_eq!(count(&app).await, before);
    for missing in [Permission::AccountsRead, Permission::ConnectionsRead, Permission::ExecutionsRead] {
        let rest: Permissions =
            Permissions::standard().iter().filter(|permission| *permission != missing).collect();
        let token = app.token_for(rest).await;
        let body = json!({"account_id": ids[0]});
        let refused = app.call_as(&token, Method::POST, "/v1/connect/support-bundles", &body).await;
        assert_eq!((refused.status.as_u16(), refused.code().as_str()), (403, "permission_denied"));
    }
    let stranger = app.stranger().await;
    let body = json!({"account_id": ids[0]});
    let hidden = app.call_as(&stranger, Method::POST, "/v1/connect/support-bundles", &body).await;
    assert_eq!((hidden.status.as_u16(), hidden.code().as_str()), (404, "account_not_found"));
}

/// The preflight over the wire, as the dashboard reads it.
#[tokio::test]
async fn preflight_answers_with_a_diagnosis() {
    let app = App::start().await;
    app.fixture.connection("notes", "acme").await;
    let diagnosis = app.ok(Method::POST, "/v1/connect/connections/notes/preflight", &json!({})).await;
    assert_eq!(diagnosis["subject"]["kind"], "connection");
    let steps = diagnosis["steps"].as_array().unwrap();
    assert!(
        steps.iter().any(|step| step["name"] == "client_credentials" && step["outcome"] == "ok"),
        "{steps:#?}"
    );
    let finding = &diagnosis["findings"][0];
    assert!(finding["docs"].as_str().unwrap().ends_with(finding["code"].as_str().unwrap()));
}
