//! Preflight: every situation is set up for real, and told with code, evidence and remedy.

use time::Duration;
use valetkey_domain::{
    ErrorCode, SecretString,
    catalogue::{Actor, RemedyAction},
    diagnosis::{Confidence, Diagnosis, Finding, StepOutcome, SubjectKind, Verdict},
};
use valetkey_engine::{AccountRef, ConnectionUpdate, Engine, NewConnection};
use valetkey_testkit::{
    engine_fixture::EngineFixture,
    fake_provider::{CLIENT_ID, CLIENT_SECRET, Scripted},
};

/// A server that answers `/readyz` with this text, as the public URL of a fixture.
async fn public(answer: impl Fn() -> String + Clone + Send + Sync + 'static) -> url::Url {
    let router = axum::Router::new()
        .route("/readyz", axum::routing::get(move || std::future::ready((answer.clone())())));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

/// A fixture whose public URL leads to itself.
async fn fixture() -> EngineFixture {
    let mark = std::sync::Arc::new(std::sync::OnceLock::<String>::new());
    let told = mark.clone();
    let url = public(move || {
        format!("{{\"status\":\"ready\",\"server\":\"{}\"}}", told.get().map_or("", String::as_str))
    })
    .await;
    let fixture = EngineFixture::with(|settings| settings.public_url = url).await;
    mark.set(fixture.engine.server_mark().await.unwrap()).unwrap();
    fixture
}

async fn preflight(fixture: &EngineFixture, engine: &Engine, name: &str) -> Diagnosis {
    let diagnosis = engine.preflight(&fixture.caller, name).await.unwrap();
    assert_eq!(diagnosis.subject.kind, SubjectKind::Connection);
    assert_eq!(diagnosis.subject.connection_name.as_deref(), Some(name));
    let told = serde_json::to_string(&diagnosis).unwrap();
    assert!(!told.contains(CLIENT_SECRET), "{told}");
    diagnosis
}

fn finding(diagnosis: &Diagnosis, code: ErrorCode) -> &Finding {
    let found = diagnosis.findings.iter().find(|finding| finding.code == code);
    let found = found.unwrap_or_else(|| panic!("{code:?} is not in {diagnosis:#?}"));
    assert!(!found.evidence.is_empty() && !found.remedies.is_empty(), "{found:#?}");
    found
}

fn lacks(diagnosis: &Diagnosis, code: ErrorCode) {
    assert!(diagnosis.findings.iter().all(|finding| finding.code != code), "{diagnosis:#?}");
}

fn step(diagnosis: &Diagnosis, name: &str) -> StepOutcome {
    diagnosis
        .steps
        .iter()
        .find(|step| step.name == name)
        .unwrap_or_else(|| panic!("{name}: {diagnosis:#?}"))
        .outcome
}

/// A connection of a connector of the product, whose endpoints lead to the provider of the fixture.
async fn real(fixture: &EngineFixture, engine: &Engine, connector: &str, scopes: &[&str]) {
    let new = NewConnection {
        client_id: Some(CLIENT_ID.to_owned()),
        client_secret: Some(SecretString::from(CLIENT_SECRET)),
        scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
        ..fixture.new_connection(connector, connector)
    };
    engine.create_connection(&fixture.caller, new).await.unwrap();
}

#[tokio::test]
async fn connection_in_order_on_this_machine_is_only_warned_of_that() {
    let fixture = fixture().await;
    fixture.connection("acme", "acme").await;
    let diagnosis = preflight(&fixture, &fixture.engine, "acme").await;
    let codes: Vec<_> = diagnosis.findings.iter().map(|finding| finding.code).collect();
    assert_eq!(codes, [ErrorCode::RedirectUriUnsuitable], "{diagnosis:#?}");
    assert_eq!(diagnosis.verdict, Verdict::Degraded);
    for name in [
        "enabled",
        "public_url",
        "scopes",
        "offline_access",
        "pkce",
        "client_credentials",
        "client_secret_age",
    ] {
        assert_eq!(step(&diagnosis, name), StepOutcome::Ok, "{name}");
    }
    assert_eq!(step(&diagnosis, "redirect_uri_registered"), StepOutcome::Skipped);
    let exact = fixture.engine.get_connection(&fixture.caller, "acme").await.unwrap().redirect_uri;
    assert!(diagnosis.steps.iter().any(|step| step.detail.contains(&format!("exactly {exact} "))));
}

#[tokio::test]
async fn client_refused_by_the_provider_is_broken() {
    let fixture = fixture().await;
    let new = NewConnection {
        client_secret: Some(SecretString::from("canary-another-secret")),
        ..fixture.new_connection("acme", "acme")
    };
    fixture.engine.create_connection(&fixture.caller, new).await.unwrap();
    let diagnosis = preflight(&fixture, &fixture.engine, "acme").await;
    let found = finding(&diagnosis, ErrorCode::InvalidClient);
    assert_eq!((diagnosis.verdict, found.actor), (Verdict::Broken, Actor::Developer));
    assert_eq!(found.remedies[0].action, RemedyAction::ConfigureConnection);
    assert_eq!(step(&diagnosis, "client_credentials"), StepOutcome::Failed);
    assert!(!serde_json::to_string(&diagnosis).unwrap().contains("canary-another-secret"));
}

#[tokio::test]
async fn provider_that_is_down_is_told_as_such_and_not_as_a_wrong_client() {
    let fixture = fixture().await;
    fixture.connection("acme", "acme").await;
    fixture.provider.script("/token", [Scripted::error(503, "temporarily_unavailable", "busy")]);
    let diagnosis = preflight(&fixture, &fixture.engine, "acme").await;
    finding(&diagnosis, ErrorCode::ExchangeFailed);
    lacks(&diagnosis, ErrorCode::InvalidClient);
}

/// What went wrong on the way to the token endpoint is told with its own code.
#[tokio::test]
async fn token_endpoint_that_refuses_the_connection_is_told_as_such() {
    let fixture = fixture().await;
    let mut new = fixture.new_connection("acme", "acme");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nowhere = format!("http://{}/token", listener.local_addr().unwrap());
    drop(listener);
    new.overrides.token_url = Some(nowhere.parse().unwrap());
    fixture.engine.create_connection(&fixture.caller, new).await.unwrap();
    let diagnosis = preflight(&fixture, &fixture.engine, "acme").await;
    let found = finding(&diagnosis, ErrorCode::UpstreamRefused);
    assert_eq!((found.actor, step(&diagnosis, "token_endpoint")), (Actor::Operator, StepOutcome::Failed));
    lacks(&diagnosis, ErrorCode::InvalidClient);
}

#[tokio::test]
async fn public_url_leading_elsewhere_or_nowhere_is_told() {
    let elsewhere = public(|| "{\"status\":\"ready\",\"server\":\"0123456789abcdef\"}".to_owned()).await;
    let fixture = EngineFixture::with(|settings| settings.public_url = elsewhere).await;
    fixture.connection("acme", "acme").await;
    let diagnosis = preflight(&fixture, &fixture.engine, "acme").await;
    let found = finding(&diagnosis, ErrorCode::PublicUrlElsewhere);
    assert_eq!((found.severity, found.actor), (Verdict::Broken, Actor::Operator));
    assert!(found.message.contains("another Valetkey server"), "{}", found.message);
    assert!(found.evidence[0].detail.ends_with("/readyz answered 200"), "{found:#?}");
    assert!(found.remedies[0].text.contains("public_url"), "{found:#?}");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nowhere = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
    drop(listener);
    let fixture = EngineFixture::with(|settings| settings.public_url = nowhere).await;
    fixture.connection("acme", "acme").await;
    let diagnosis = preflight(&fixture, &fixture.engine, "acme").await;
    let found = finding(&diagnosis, ErrorCode::PublicUrlUnreachable);
    assert_eq!(found.evidence[0].reference.as_deref(), Some("upstream_refused"));
    assert_eq!((found.actor, found.remedies[0].action), (Actor::Operator, RemedyAction::ConfigureServer));
    assert!(
        found.cause.contains("connection refused") && !found.cause.contains("provider"),
        "{}",
        found.cause
    );
}

#[tokio::test]
async fn scopes_that_tools_need_and_nobody_asks_for_are_named_with_the_tools() {
    let fixture = fixture().await;
    let new = NewConnection { scopes: vec!["read".to_owned()], ..fixture.new_connection("acme", "acme") };
    fixture.engine.create_connection(&fixture.caller, new).await.unwrap();
    let diagnosis = preflight(&fixture, &fixture.engine, "acme").await;
    let found = finding(&diagnosis, ErrorCode::ConnectionScopesMissing);
    assert_eq!(found.severity, Verdict::Degraded);
    assert_eq!(found.evidence[0].reference.as_deref(), Some("write"));
    assert!(found.evidence[0].detail.contains("acme_create_note"));
    assert!(found.remedies[0].text.contains("\"write\""));
}

#[tokio::test]
async fn google_app_that_asks_for_more_than_identity_may_be_in_testing() {
    let fixture = fixture().await;
    let engine = fixture.engine_with_all_connectors().await;
    real(&fixture, &engine, "gmail", &[]).await;
    let diagnosis = preflight(&fixture, &engine, "gmail").await;
    let risk = finding(&diagnosis, ErrorCode::TestModeRisk);
    assert_eq!((risk.confidence, risk.severity), (Confidence::Possible, Verdict::Degraded));
    assert!(risk.message.contains("7 days"), "{}", risk.message);
    assert!(risk.remedies[0].url.as_deref().is_some_and(|url| url.contains("console.cloud.google.com")));
    let verification = finding(&diagnosis, ErrorCode::VerificationNeeded);
    assert!(
        verification
            .evidence
            .iter()
            .any(|evidence| evidence.detail.ends_with("gmail.readonly is restricted"))
    );
    assert!(
        verification.evidence.iter().any(|evidence| evidence.detail.ends_with("gmail.send is sensitive"))
    );
    assert_eq!(step(&diagnosis, "offline_access"), StepOutcome::Ok);

    // Only the user's identity: nothing to shorten, nothing to verify.
    engine
        .update_connection(
            &fixture.caller,
            "gmail",
            ConnectionUpdate { scopes: Some(vec!["openid".into()]), ..ConnectionUpdate::default() },
        )
        .await
        .unwrap();
    let diagnosis = preflight(&fixture, &engine, "gmail").await;
    lacks(&diagnosis, ErrorCode::TestModeRisk);
    lacks(&diagnosis, ErrorCode::VerificationNeeded);
}

#[tokio::test]
async fn account_that_outlived_testing_shows_that_the_app_is_not_in_it() {
    let fixture = fixture().await;
    fixture.connection("wide", "acmewide").await;
    let account = fixture.authorize("wide", "user_1").await;
    finding(&preflight(&fixture, &fixture.engine, "wide").await, ErrorCode::TestModeRisk);
    let wanted = AccountRef::id(account.account.id.as_str());
    fixture.clock.advance(Duration::days(6));
    fixture.engine.refresh_account(&fixture.caller, &wanted).await.unwrap();
    finding(&preflight(&fixture, &fixture.engine, "wide").await, ErrorCode::TestModeRisk);
    fixture.clock.advance(Duration::days(2));
    fixture.engine.refresh_account(&fixture.caller, &wanted).await.unwrap();
    let diagnosis = preflight(&fixture, &fixture.engine, "wide").await;
    lacks(&diagnosis, ErrorCode::TestModeRisk);
    assert_eq!(step(&diagnosis, "test_mode"), StepOutcome::Ok);
}

#[tokio::test]
async fn microsoft_scopes_for_administrators_are_named_in_any_spelling() {
    let fixture = fixture().await;
    let engine = fixture.engine_with_all_connectors().await;
    real(&fixture, &engine, "microsoft365", &["User.Read", "https://graph.microsoft.com/User.Read.All"])
        .await;
    let diagnosis = preflight(&fixture, &engine, "microsoft365").await;
    let found = finding(&diagnosis, ErrorCode::AdminConsentRequired);
    assert_eq!(found.actor, Actor::ProviderAdmin);
    assert_eq!(found.evidence.len(), 1);
    assert!(found.message.ends_with("https://graph.microsoft.com/User.Read.All."), "{}", found.message);
    assert_eq!(
        found.evidence[0].reference.as_deref(),
        Some("https://graph.microsoft.com/User.Read.All"),
        "{found:#?}"
    );
    assert_eq!(found.remedies[0].action, RemedyAction::CheckProvider);
    assert!(found.remedies[0].text.contains("administrator of each organization"), "{found:#?}");
    lacks(&diagnosis, ErrorCode::OfflineAccessMissing);
}

/// A provider that gives a refresh token for a scope only.
const LASTING: &str = r#"
slug: lasting
display_name: Lasting
description: A provider that gives a refresh token only for the scope offline.
auth:
  oauth:
    scopes: { default: [read, offline] }
    authorize: { url: "https://lasting.example/authorize" }
    token: { url: "https://lasting.example/token" }
    lifetimes: { offline_scope: offline }
api: { base_url: "https://lasting.example/api" }
tools:
  - name: lasting_get_profile
    title: Get profile
    description: Reads the profile of the user who is signed in.
    read_only: true
    scopes: [[read]]
    input: {}
    example: {}
    request: { path: /profile }
"#;

#[tokio::test]
async fn lasting_access_that_nobody_asks_for_is_told_with_its_scope() {
    let fixture = EngineFixture::with_all_connectors(&[("lasting.yaml", LASTING)], |_| {}).await;
    let new =
        NewConnection { scopes: vec!["read".to_owned()], ..fixture.new_connection("lasting", "lasting") };
    fixture.engine.create_connection(&fixture.caller, new).await.unwrap();
    let diagnosis = preflight(&fixture, &fixture.engine, "lasting").await;
    let found = finding(&diagnosis, ErrorCode::OfflineAccessMissing);
    assert_eq!((found.severity, found.actor), (Verdict::Broken, Actor::Developer));
    assert!(found.evidence[0].detail.contains("It asks for: read"), "{found:#?}");
    assert_eq!(found.remedies[0].action, RemedyAction::ConfigureConnection);
    assert!(found.remedies[0].text.contains("Add \"offline\""), "{found:#?}");
    assert_eq!(step(&diagnosis, "offline_access"), StepOutcome::Failed);
    let scopes = Some(vec!["read".to_owned(), "offline".to_owned()]);
    let update = ConnectionUpdate { scopes, ..ConnectionUpdate::default() };
    fixture.engine.update_connection(&fixture.caller, "lasting", update).await.unwrap();
    let diagnosis = preflight(&fixture, &fixture.engine, "lasting").await;
    lacks(&diagnosis, ErrorCode::OfflineAccessMissing);
    assert_eq!(step(&diagnosis, "offline_access"), StepOutcome::Ok);
}

/// Providers refuse a redirect URI in the clear, and users elsewhere do not come back from a private network.
#[tokio::test]
async fn redirect_uri_that_providers_refuse_is_told_with_its_setting() {
    for (url, severity, words) in [
        ("http://connect.acme.invalid/", Verdict::Broken, "is not https"),
        ("https://connect.acme.invalid/", Verdict::Degraded, "private network"),
        ("http://127.0.0.1:9/", Verdict::Degraded, "this machine alone"),
    ] {
        let fixture = EngineFixture::with(|settings| settings.public_url = url.parse().unwrap()).await;
        fixture.connection("acme", "acme").await;
        let diagnosis = preflight(&fixture, &fixture.engine, "acme").await;
        let found = finding(&diagnosis, ErrorCode::RedirectUriUnsuitable);
        assert_eq!((found.severity, found.actor), (severity, Actor::Operator), "{url}");
        assert!(found.message.contains(words), "{}", found.message);
        assert_eq!(found.evidence[0].reference.as_deref(), Some("public_url"));
        assert!(found.evidence[0].detail.contains(url), "{found:#?}");
        assert_eq!(found.remedies[0].action, RemedyAction::ConfigureServer);
    }
}

#[tokio::test]
async fn client_secret_grows_old_and_is_young_again_once_replaced() {
    let fixture = fixture().await;
    let engine = fixture.engine_with_all_connectors().await;
    real(&fixture, &engine, "microsoft365", &[]).await;
    fixture.connection("acme", "acme").await;
    for (days, microsoft, acme) in [
        (300, None, None),
        (400, Some(ErrorCode::ClientSecretOld), Some(ErrorCode::ClientSecretOld)),
        // Microsoft lets secrets live two years at most.
        (710, Some(ErrorCode::ClientSecretExpiring), Some(ErrorCode::ClientSecretOld)),
    ] {
        let connection = engine.get_connection(&fixture.caller, "acme").await.unwrap().connection;
        fixture.clock.set(connection.created_at + Duration::days(days));
        for (name, expected) in [("microsoft365", microsoft), ("acme", acme)] {
            let diagnosis = preflight(&fixture, &engine, name).await;
            match expected {
                Some(code) => {
                    let found = finding(&diagnosis, code);
                    assert!(found.message.contains(&days.to_string()), "{found:#?}");
                    assert_eq!(found.actor, Actor::Developer);
                    assert!(found.evidence[0].detail.contains(&format!("set {days} days ago")), "{found:#?}");
                    let todo = ["Make a new secret", "set client_secret_expires_at"];
                    assert!(todo.iter().any(|todo| found.remedies[0].text.contains(todo)), "{found:#?}");
                }
                None => assert_eq!(step(&diagnosis, "client_secret_age"), StepOutcome::Ok),
            }
        }
    }
    let update = ConnectionUpdate {
        client_secret: Some(Some(SecretString::from("canary-new"))),
        ..ConnectionUpdate::default()
    };
    engine.update_connection(&fixture.caller, "microsoft365", update).await.unwrap();
    let diagnosis = preflight(&fixture, &engine, "microsoft365").await;
    assert_eq!(step(&diagnosis, "client_secret_age"), StepOutcome::Ok);
}

#[tokio::test]
async fn client_secret_with_a_known_end_is_told_before_and_after_it() {
    let fixture = fixture().await;
    let end = fixture.now() + Duration::days(100);
    let new = NewConnection { client_secret_expires_at: Some(end), ..fixture.new_connection("acme", "acme") };
    let view = fixture.engine.create_connection(&fixture.caller, new).await.unwrap();
    assert_eq!(view.connection.client_secret_expires_at, Some(end));
    let diagnosis = preflight(&fixture, &fixture.engine, "acme").await;
    assert_eq!(step(&diagnosis, "client_secret_age"), StepOutcome::Ok);
    lacks(&diagnosis, ErrorCode::ClientSecretExpiring);
    fixture.clock.set(end - Duration::days(9));
    let diagnosis = preflight(&fixture, &fixture.engine, "acme").await;
    let found = finding(&diagnosis, ErrorCode::ClientSecretExpiring);
    assert!(found.message.contains("ends in 9 days"), "{}", found.message);
    assert_eq!((found.severity, found.actor), (Verdict::Degraded, Actor::Developer));
    // The provider refuses the client once the secret has ended: the date says why.
    fixture.clock.set(end + Duration::days(3));
    fixture.provider.script("/token", [Scripted::error(401, "invalid_client", "no")]);
    let diagnosis = preflight(&fixture, &fixture.engine, "acme").await;
    let found = finding(&diagnosis, ErrorCode::ClientSecretExpired);
    assert_eq!((found.severity, found.confidence), (Verdict::Broken, Confidence::Certain));
    assert!(found.remedies[0].text.contains("client_secret_expires_at"), "{:?}", found.remedies);
    lacks(&diagnosis, ErrorCode::InvalidClient);
    // It still takes the client: then the date is what is wrong.
    let diagnosis = preflight(&fixture, &fixture.engine, "acme").await;
    let found = finding(&diagnosis, ErrorCode::ClientSecretExpired);
    assert_eq!((found.severity, found.confidence), (Verdict::Degraded, Confidence::Possible));
}

#[tokio::test]
async fn public_client_without_pkce_is_told() {
    let fixture = fixture().await;
    let new = NewConnection { client_secret: None, ..fixture.new_connection("plain", "acmeplain") };
    fixture.engine.create_connection(&fixture.caller, new).await.unwrap();
    let diagnosis = preflight(&fixture, &fixture.engine, "plain").await;
    let found = finding(&diagnosis, ErrorCode::PkceMissing);
    assert_eq!(found.actor, Actor::Developer);
    assert_eq!(found.evidence[0].detail, "authorize.pkce is off");
    assert!(found.remedies[0].text.contains("client secret"));
    // With a secret the code is bound all the same.
    fixture.connection("secret", "acmeplain").await;
    lacks(&preflight(&fixture, &fixture.engine, "secret").await, ErrorCode::PkceMissing);
}

#[tokio::test]
async fn connection_disabled_or_of_a_stranger_is_told_or_hidden() {
    let fixture = fixture().await;
    fixture.connection("acme", "acme").await;
    let off = ConnectionUpdate { enabled: Some(false), ..ConnectionUpdate::default() };
    fixture.engine.update_connection(&fixture.caller, "acme", off).await.unwrap();
    let diagnosis = preflight(&fixture, &fixture.engine, "acme").await;
    finding(&diagnosis, ErrorCode::ConnectionDisabled);
    let stranger = fixture.stranger().await;
    let hidden = fixture.engine.preflight(&stranger, "acme").await.unwrap_err();
    assert_eq!(hidden.code(), ErrorCode::ConnectionNotFound);
}
