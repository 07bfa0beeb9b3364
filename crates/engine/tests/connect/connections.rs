//! Connections: every rule, and what is told of a change.

use std::collections::BTreeMap;

use serde_json::json;
use url::Url;
use valetkey_domain::{
    ErrorCode, PageRequest, SecretString, Store,
    connection::Overrides,
    store::{ConnectionFilter, EventFilter},
};
use valetkey_engine::{ConnectionUpdate, NewConnection};
use valetkey_testkit::{
    engine_fixture::EngineFixture,
    fake_provider::{CLIENT_SECRET, Scripted},
};

use crate::kinds;

#[tokio::test]
async fn connection_created_is_shown_without_its_secret() {
    let fixture = EngineFixture::start().await;
    let view = fixture.connection("github-qkHFhMip", "ACME").await;
    assert_eq!(view.connection.connector, "acme");
    assert_eq!((view.provider.as_str(), view.display_name.as_str()), ("ACME", "Acme"));
    assert!(view.redirect_uri.ends_with(&format!("/oauth/callback/{}", view.connection.id)));
    assert!(!format!("{view:?}").contains(CLIENT_SECRET));
    let written = fixture.written();
    assert!(!written.windows(CLIENT_SECRET.len()).any(|w| w == CLIENT_SECRET.as_bytes()), "S28");
    let by_id = fixture.engine.get_connection(&fixture.caller, view.connection.id.as_str()).await.unwrap();
    assert_eq!(by_id, view);
    let by_name = fixture.engine.get_connection(&fixture.caller, "github-qkHFhMip").await.unwrap();
    assert_eq!(by_name, view);
}

#[tokio::test]
async fn connection_without_name_gets_one() {
    let fixture = EngineFixture::start().await;
    let new = NewConnection { name: None, ..fixture.new_connection("", "acme") };
    let view = fixture.engine.create_connection(&fixture.caller, new).await.unwrap();
    assert!(view.connection.name.starts_with("acme-"));
    assert_eq!(view.connection.name.len(), "acme-".len() + 8);
}

#[tokio::test]
async fn names_of_the_official_api_are_accepted() {
    let fixture = EngineFixture::start().await;
    for name in ["GMAIL", "github-qkHFhMip", "freshdesk-8", "My Mail: work_1", &"x".repeat(400)] {
        fixture.connection(name, "acme").await;
    }
}

#[tokio::test]
async fn field_wrong_is_named_and_nothing_created() {
    let fixture = EngineFixture::start().await;
    let base = || fixture.new_connection("c", "acme");
    let url = |text: &str| Some(Url::parse(text).unwrap());
    let with = |overrides: Overrides| NewConnection { overrides, ..base() };
    let none = Overrides::default;
    let secret = |text: &str| Some(SecretString::from(text));
    let table = [
        (NewConnection { name: Some(String::new()), ..base() }, "name"),
        (NewConnection { name: Some("a/b".into()), ..base() }, "name"),
        (NewConnection { name: Some(" a".into()), ..base() }, "name"),
        (NewConnection { name: Some("x".repeat(401)), ..base() }, "name"),
        (NewConnection { name: Some(format!("conn_{}", "0".repeat(26))), ..base() }, "name"),
        (NewConnection { client_id: Some(String::new()), ..base() }, "client_id"),
        (NewConnection { client_id: Some("id ".into()), ..base() }, "client_id"),
        (NewConnection { client_id: None, ..base() }, "client_id"),
        (NewConnection { client_secret: secret(""), ..base() }, "client_secret"),
        (NewConnection { client_secret: secret("secret\n"), ..base() }, "client_secret"),
        (NewConnection { scopes: vec!["read write".into()], ..base() }, "scopes[0]"),
        (NewConnection { scopes: vec!["read".into(), String::new()], ..base() }, "scopes[1]"),
        (NewConnection { scopes: vec!["re\"ad".into()], ..base() }, "scopes[0]"),
        (with(Overrides { token_url: url("ftp://x.example/"), ..none() }), "overrides.token_url"),
        (with(Overrides { token_url: url("http://93.184.216.34/"), ..none() }), "overrides.token_url"),
        (
            with(Overrides { authorize_url: url("https://u:p@x.example/"), ..none() }),
            "overrides.authorize_url",
        ),
        (with(Overrides { revoke_url: url("https://x.example/#f"), ..none() }), "overrides.revoke_url"),
        (with(Overrides { userinfo_url: url("data:x"), ..none() }), "overrides.userinfo_url"),
        (with(Overrides { api_base_url: url("https://x.example/?q"), ..none() }), "overrides.api_base_url"),
        (NewConnection { variables: BTreeMap::from([("x".into(), "y".into())]), ..base() }, "variables.x"),
        (NewConnection { use_shared_credentials: true, ..base() }, "client_id"),
        (
            NewConnection { client_id: Some("x".into()), ..fixture.new_connection("c", "acmekey") },
            "client_id",
        ),
        (NewConnection { scopes: vec!["x".into()], ..fixture.new_connection("c", "acmekey") }, "scopes"),
    ];
    for (new, field) in table {
        let error = fixture.engine.create_connection(&fixture.caller, new).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidArgument, "{field}");
        assert_eq!(error.details().fields[0].field, field, "{error}");
    }
    let page = PageRequest::default();
    let all = fixture.engine.list_connections(&fixture.caller, &ConnectionFilter::default(), &page).await;
    assert_eq!(all.unwrap().total, 0);
}

#[tokio::test]
async fn private_override_is_refused_unless_allowed() {
    let fixture = EngineFixture::with(|settings| settings.allow_private_upstreams = false).await;
    let to = |text: &str| NewConnection {
        name: None,
        overrides: Overrides { token_url: Some(Url::parse(text).unwrap()), ..Overrides::default() },
        ..fixture.new_connection("c", "acme")
    };
    for text in [
        "http://127.0.0.1:1/",
        "https://127.0.0.1/",
        "https://10.0.0.1/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://localhost/",
        "https://x.localhost/",
        "http://emulator:4000/",
    ] {
        let error = fixture.engine.create_connection(&fixture.caller, to(text)).await.unwrap_err();
        assert_eq!(error.details().fields[0].field, "overrides.token_url", "{text}");
    }
    assert!(fixture.engine.create_connection(&fixture.caller, to("https://ghe.example.com/")).await.is_ok());
    let open: std::net::SocketAddr = "127.0.0.1:4000".parse().unwrap();
    let fixture = EngineFixture::with(|settings| {
        settings.allow_private_upstreams = false;
        settings.allowed_upstreams = vec![open];
    })
    .await;
    assert!(fixture.engine.create_connection(&fixture.caller, to("http://127.0.0.1:4000/")).await.is_ok());
    assert!(fixture.engine.create_connection(&fixture.caller, to("http://127.0.0.1:4001/")).await.is_err());
}

#[tokio::test]
async fn connector_unknown_suggests_near_ones() {
    let fixture = EngineFixture::start().await;
    let error = fixture
        .engine
        .create_connection(&fixture.caller, fixture.new_connection("c", "acmee"))
        .await
        .unwrap_err();
    assert_eq!(error.code(), ErrorCode::ConnectorNotFound);
    assert!(error.remedies()[0].text.contains("acme"), "{:?}", error.remedies());
    let far = fixture.new_connection("c", "zzzzzzzzzzzz");
    let error = fixture.engine.create_connection(&fixture.caller, far).await.unwrap_err();
    assert!(!error.remedies()[0].text.contains("Did you mean"));
}

#[tokio::test]
async fn name_taken_is_refused_in_same_environment_only() {
    let fixture = EngineFixture::start().await;
    fixture.connection("acme", "acme").await;
    let error = fixture
        .engine
        .create_connection(&fixture.caller, fixture.new_connection("acme", "acme"))
        .await
        .unwrap_err();
    assert_eq!(error.code(), ErrorCode::ConnectionAlreadyExists);
    assert_eq!(error.details().fields[0].field, "name");
    let stranger = fixture.stranger().await;
    assert!(
        fixture.engine.create_connection(&stranger, fixture.new_connection("acme", "acme")).await.is_ok()
    );
}

#[tokio::test]
async fn update_tells_names_of_fields_and_never_values() {
    let fixture = EngineFixture::start().await;
    let view = fixture.connection("acme", "acme").await;
    let update = ConnectionUpdate {
        name: Some("renamed".into()),
        client_secret: Some(Some(SecretString::from("canary-second-secret"))),
        scopes: Some(vec!["read".into(), "read".into()]),
        ..ConnectionUpdate::default()
    };
    let after = fixture.engine.update_connection(&fixture.caller, "acme", update).await.unwrap();
    assert_eq!(after.connection.scopes, ["read"]);
    assert_eq!(after.connection.id, view.connection.id);
    let filter = EventFilter { connection: Some(view.connection.id), ..EventFilter::default() };
    let page = PageRequest::default();
    let events = fixture.engine.list_events(&fixture.caller, &filter, &page).await.unwrap().items;
    assert_eq!(kinds(&events), ["connection.updated", "connection.created"]);
    assert_eq!(events[0].event.data["changed"], json!(["name", "client_secret", "scopes"]));
    assert!(!format!("{events:?}").contains("canary"));
    let nothing = ConnectionUpdate { name: Some("renamed".into()), ..ConnectionUpdate::default() };
    let same = fixture.engine.update_connection(&fixture.caller, "renamed", nothing).await.unwrap();
    assert_eq!(same.connection.version, after.connection.version);
}

#[tokio::test]
async fn new_credentials_clear_the_fault() {
    let fixture = EngineFixture::start().await;
    fixture.connection("machine", "acmemachine").await;
    fixture.provider.script("/token", [Scripted::error(401, "invalid_client", "x")]);
    let new = || valetkey_engine::NewAccount::new("machine", "robot");
    let error = fixture.engine.create_account(&fixture.caller, new()).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidClient);
    let fault = || async {
        fixture.engine.get_connection(&fixture.caller, "machine").await.unwrap().connection.fault
    };
    assert!(fault().await.is_some());
    let update = ConnectionUpdate {
        client_secret: Some(Some(SecretString::from(CLIENT_SECRET))),
        ..ConnectionUpdate::default()
    };
    fixture.engine.update_connection(&fixture.caller, "machine", update).await.unwrap();
    assert!(fault().await.is_none());
    assert!(fixture.engine.create_account(&fixture.caller, new()).await.is_ok());
}

#[tokio::test]
async fn connection_with_accounts_is_not_deleted() {
    let fixture = EngineFixture::start().await;
    let view = fixture.connection("acme", "acme").await;
    fixture.link("acme", "user_1").await;
    let error = fixture.engine.delete_connection(&fixture.caller, "acme").await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::ConnectionInUse);
    fixture.connection("empty", "acme").await;
    fixture.engine.delete_connection(&fixture.caller, "empty").await.unwrap();
    let error = fixture.engine.get_connection(&fixture.caller, "empty").await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::ConnectionNotFound);
    assert!(fixture.store.connection(&view.connection.id).await.unwrap().is_some());
}

#[tokio::test]
async fn shared_credentials_are_used_where_the_operator_set_them() {
    let fixture = EngineFixture::with(|settings| {
        let shared = ("acme-client".to_owned(), SecretString::from(CLIENT_SECRET));
        settings.shared_credentials.insert("acme".into(), shared);
    })
    .await;
    let shared = |connector: &str| NewConnection {
        client_id: None,
        client_secret: None,
        use_shared_credentials: true,
        ..fixture.new_connection("shared", connector)
    };
    let error = fixture.engine.create_connection(&fixture.caller, shared("acmeplain")).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::SharedCredentialsUnavailable);
    fixture.engine.create_connection(&fixture.caller, shared("acme")).await.unwrap();
    fixture.authorize("shared", "user_1").await;
}

#[tokio::test]
async fn link_on_connection_without_client_or_disabled_is_refused() {
    let fixture = EngineFixture::start().await;
    let bare =
        NewConnection { client_id: None, client_secret: None, ..fixture.new_connection("bare", "acme") };
    fixture.engine.create_connection(&fixture.caller, bare).await.unwrap();
    let link = |name: &'static str| {
        let account = valetkey_engine::AccountRef::named(name, "user_1");
        let engine = &fixture.engine;
        let caller = &fixture.caller;
        async move { engine.authorization_link(caller, &account, Default::default()).await.unwrap_err().code() }
    };
    assert_eq!(link("bare").await, ErrorCode::ConnectionNotConfigured);
    let off = NewConnection { enabled: Some(false), ..fixture.new_connection("off", "acme") };
    fixture.engine.create_connection(&fixture.caller, off).await.unwrap();
    assert_eq!(link("off").await, ErrorCode::ConnectionDisabled);
    assert_eq!(link("nothing").await, ErrorCode::ConnectionNotFound);
}
