//! The code flow from link to ACTIVE.

use std::collections::HashSet;

use valetkey_domain::{AccountStatus, ErrorCode, ExposeSecret, SecretString, event::EventKind};
use valetkey_engine::{AccountRef, CallbackOutcome, LinkOptions, LinkStep, StartOutcome};
use valetkey_testkit::engine_fixture::{Browser, EngineFixture, PUBLIC_URL};

use crate::{done, failed, kinds};

#[tokio::test]
async fn flow_from_link_to_consent_activates_account() {
    let fixture = EngineFixture::start().await;
    let connection = fixture.connection("acme", "acme").await;
    let link = fixture.link("acme", "user_1").await;
    assert_eq!(link.account.account.status(), AccountStatus::Pending);

    let mut browser = Browser::default();
    let page = browser.open(&fixture.engine, &link.url).await.unwrap();
    assert_eq!(page.connector_name, "Acme");
    assert_eq!(page.identifier, "user_1");
    assert_eq!(page.step, LinkStep::GoToProvider);
    assert_eq!(page.scopes[0].description.as_ref().map(|words| words.english()), Some("See your notes"));

    let StartOutcome::Redirect(url) = browser.press(&fixture.engine, &link.url, &page).await.unwrap() else {
        panic!("no redirect")
    };
    let consent = fixture.provider.consent(&url);
    assert_eq!(consent.redirect_uri, format!("{PUBLIC_URL}/oauth/callback/{}", connection.connection.id));
    assert_eq!(consent.redirect_uri, connection.redirect_uri);
    let page = done(browser.come_back(&fixture.engine, &consent.redirect_uri, &consent.params).await);
    assert_eq!(page.label.as_deref(), Some("user-1@acme.example"));
    assert_eq!(page.missing_scopes, Vec::<String>::new());

    let account = fixture.account("acme", "user_1").await;
    assert_eq!(account.account.status(), AccountStatus::Active);
    assert_eq!(account.account.scopes, ["read", "write"]);
    assert_eq!(account.account.provider_subject.as_deref(), Some("user-1"));
    assert_eq!(account.account.token_expires_at, Some(fixture.now() + time::Duration::hours(1)));
    assert_eq!(account.account.generation, 1);
    assert_eq!(
        kinds(&fixture.events(&account).await),
        [
            "account.created",
            "authorization.link_created",
            "authorization.link_opened",
            "authorization.started",
            "account.activated"
        ]
    );
    assert_eq!(fixture.provider.token_requests("authorization_code").len(), 1);
}

#[tokio::test]
async fn link_opened_by_scanners_is_not_used_up() {
    let fixture = EngineFixture::start().await;
    fixture.connection("acme", "acme").await;
    let link = fixture.link("acme", "user_1").await;
    for _ in 0..20 {
        Browser::default().open(&fixture.engine, &link.url).await.unwrap();
    }
    assert_eq!(fixture.events(&link.account).await.len(), 2, "looking leaves no trace");
    assert!(Browser::default().go(&fixture.engine, &link.url).await.is_ok());
}

#[tokio::test]
async fn link_after_success_is_used_in_every_browser() {
    let fixture = EngineFixture::start().await;
    fixture.connection("acme", "acme").await;
    let link = fixture.link("acme", "user_1").await;
    let mut browser = Browser::default();
    let url = browser.go(&fixture.engine, &link.url).await.unwrap();
    let consent = fixture.provider.consent(&url);
    done(browser.come_back(&fixture.engine, &consent.redirect_uri, &consent.params).await);
    for mut browser in [browser, Browser::default()] {
        let error = browser.open(&fixture.engine, &link.url).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::LinkUsed);
    }
}

#[tokio::test]
async fn link_after_its_time_is_expired() {
    let fixture = EngineFixture::start().await;
    fixture.connection("acme", "acme").await;
    let link = fixture.link("acme", "user_1").await;
    let mut browser = Browser::default();
    let page = browser.open(&fixture.engine, &link.url).await.unwrap();
    fixture.clock.advance(time::Duration::hours(24));
    let error = browser.open(&fixture.engine, &link.url).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::LinkExpired);
    let error = browser.press(&fixture.engine, &link.url, &page).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::LinkExpired);
}

#[tokio::test]
async fn link_unknown_or_malformed_is_invalid() {
    let fixture = EngineFixture::start().await;
    for token in ["", "x", &"A".repeat(43), &"A".repeat(4000), "../../etc/passwd", "ä"] {
        let error = fixture.engine.open_link(token, None).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::LinkInvalid, "{token}");
    }
}

#[tokio::test]
async fn continue_pressed_again_in_same_browser_starts_afresh() {
    let fixture = EngineFixture::start().await;
    fixture.connection("acme", "acme").await;
    let link = fixture.link("acme", "user_1").await;
    let mut browser = Browser::default();
    let first = browser.go(&fixture.engine, &link.url).await.unwrap();
    let second = browser.go(&fixture.engine, &link.url).await.unwrap();
    let stale = fixture.provider.consent(&first);
    let page = failed(browser.come_back(&fixture.engine, &stale.redirect_uri, &stale.params).await);
    assert_eq!(page.error.code(), ErrorCode::StateUnknown);
    let fresh = fixture.provider.consent(&second);
    done(browser.come_back(&fixture.engine, &fresh.redirect_uri, &fresh.params).await);
}

#[tokio::test]
async fn new_link_leaves_active_account_working_until_new_grant() {
    let fixture = EngineFixture::start().await;
    fixture.connection("acme", "acme").await;
    let before = fixture.authorize("acme", "user_1").await;
    let link = fixture.link("acme", "user_1").await;
    let mut browser = Browser::default();
    let page = browser.open(&fixture.engine, &link.url).await.unwrap();
    assert!(page.connected);
    let url = browser.go(&fixture.engine, &link.url).await.unwrap();
    let during = fixture.account("acme", "user_1").await;
    assert_eq!(during.account.status(), AccountStatus::Active);
    assert_eq!(during.account.generation, 1);
    fixture.provider.sign_in("somebody-else");
    let consent = fixture.provider.consent(&url);
    done(browser.come_back(&fixture.engine, &consent.redirect_uri, &consent.params).await);
    let after = fixture.account("acme", "user_1").await;
    assert_eq!(after.account.generation, 2);
    assert_eq!(after.account.id, before.account.id);
    let events = fixture.events(&after).await;
    let activated =
        events.iter().rev().find(|event| event.event.kind == EventKind::AccountActivated).unwrap();
    assert_eq!(activated.event.data["provider_account_changed"], true);
    assert_eq!(events.last().unwrap().event.kind, EventKind::IdentityChanged);
}

#[tokio::test]
async fn provider_without_pkce_gets_no_challenge() {
    let fixture = EngineFixture::start().await;
    fixture.connection("plain", "acmeplain").await;
    let link = fixture.link("plain", "user_1").await;
    let mut browser = Browser::default();
    let url = browser.go(&fixture.engine, &link.url).await.unwrap();
    assert!(!url.query().unwrap().contains("code_challenge"));
    let consent = fixture.provider.consent(&url);
    done(browser.come_back(&fixture.engine, &consent.redirect_uri, &consent.params).await);
}

#[tokio::test]
async fn userinfo_failure_costs_only_the_label() {
    let fixture = EngineFixture::start().await;
    fixture.connection("acme", "acme").await;
    let script = valetkey_testkit::fake_provider::Scripted::error(500, "oops", "broken");
    fixture.provider.script("/userinfo", [script.clone(), script]);
    let account = fixture.authorize("acme", "user_1").await;
    assert_eq!(account.account.status(), AccountStatus::Active);
    assert_eq!(account.account.label, None);
}

/// S09: what was granted counts, and the difference is told.
#[tokio::test]
async fn fewer_scopes_granted_are_recorded() {
    let fixture = EngineFixture::start().await;
    fixture.connection("acme", "acme").await;
    fixture.provider.grant_only(Some("read"));
    let link = fixture.link("acme", "user_1").await;
    let mut browser = Browser::default();
    let url = browser.go(&fixture.engine, &link.url).await.unwrap();
    let consent = fixture.provider.consent(&url);
    let page = done(browser.come_back(&fixture.engine, &consent.redirect_uri, &consent.params).await);
    assert_eq!(page.missing_scopes, ["write"]);
    let account = fixture.account("acme", "user_1").await;
    assert_eq!(account.account.scopes, ["read"]);
    let events = fixture.events(&account).await;
    let told = events.iter().find(|e| e.event.kind.as_str() == "account.scopes_changed").unwrap();
    assert_eq!(told.event.data["missing"], serde_json::json!(["write"]));
    assert_eq!(told.event.data["requested"], serde_json::json!(["read", "write"]));
}

/// S09: a link asks for nothing that the connection does not have.
#[tokio::test]
async fn scopes_of_link_stay_within_connection() {
    let fixture = EngineFixture::start().await;
    fixture.connection("acme", "acme").await;
    let account = AccountRef::named("acme", "user_1");
    let narrow = LinkOptions { scopes: vec!["read".into()], ..LinkOptions::default() };
    let link = fixture.link_with("acme", "user_1", narrow).await;
    let url = Browser::default().go(&fixture.engine, &link.url).await.unwrap();
    assert!(url.query_pairs().any(|(n, v)| n == "scope" && v == "read"), "{url}");
    let wide = LinkOptions { scopes: vec!["read".into(), "admin".into()], ..LinkOptions::default() };
    let error = fixture.engine.authorization_link(&fixture.caller, &account, wide).await.unwrap_err();
    assert_eq!(error.details().fields[0].field, "scopes[1]");
}

/// S01: S256 on every flow, challenges all distinct, verifiers match (the provider checks each).
#[tokio::test]
async fn thousand_flows_have_thousand_distinct_challenges_and_states() {
    let fixture = EngineFixture::start().await;
    fixture.connection("acme", "acme").await;
    let (mut challenges, mut states, mut links) = (HashSet::new(), HashSet::new(), HashSet::new());
    for n in 0..1000 {
        let link = fixture.link("acme", &format!("user_{}", n % 10)).await;
        assert!(links.insert(link.url.to_string()));
        let mut browser = Browser::default();
        let url = browser.go(&fixture.engine, &link.url).await.unwrap();
        let query: std::collections::HashMap<_, _> = url.query_pairs().into_owned().collect();
        assert_eq!(query["code_challenge_method"], "S256");
        assert_eq!(query["code_challenge"].len(), 43);
        assert!(query["state"].len() >= 43);
        assert!(challenges.insert(query["code_challenge"].clone()));
        assert!(states.insert(query["state"].clone()));
        if n % 10 == 0 {
            let consent = fixture.provider.consent(&url);
            done(browser.come_back(&fixture.engine, &consent.redirect_uri, &consent.params).await);
        }
    }
    assert_eq!(challenges.len(), 1000);
    let verifiers: HashSet<_> = fixture
        .provider
        .token_requests("authorization_code")
        .iter()
        .map(|request| request.field("code_verifier").unwrap())
        .collect();
    assert_eq!(verifiers.len(), 100);
    assert!(verifiers.iter().all(|verifier| verifier.len() == 43));
}

#[tokio::test]
async fn client_credentials_account_needs_no_user() {
    let fixture = EngineFixture::start().await;
    fixture.connection("machine", "acmemachine").await;
    let new = valetkey_engine::NewAccount::new("machine", "robot_1");
    let account = fixture.engine.create_account(&fixture.caller, new).await.unwrap();
    assert_eq!(account.account.status(), AccountStatus::Active);
    assert_eq!(account.account.scopes, ["read"]);
    assert_eq!(fixture.provider.token_requests("client_credentials").len(), 1);
}

#[tokio::test]
async fn client_credentials_link_only_asks_to_continue() {
    let fixture = EngineFixture::start().await;
    fixture.connection("machine", "acmemachine").await;
    let link = fixture.link("machine", "robot_1").await;
    let mut browser = Browser::default();
    let page = browser.open(&fixture.engine, &link.url).await.unwrap();
    assert_eq!(page.step, LinkStep::Confirm);
    let StartOutcome::Ended(outcome) = browser.press(&fixture.engine, &link.url, &page).await.unwrap() else {
        panic!("redirected")
    };
    done(*outcome);
    assert_eq!(fixture.account("machine", "robot_1").await.account.status(), AccountStatus::Active);
}

#[tokio::test]
async fn client_credentials_refused_fail_and_mark_the_connection() {
    let fixture = EngineFixture::start().await;
    let mut new = fixture.new_connection("machine", "acmemachine");
    new.client_secret = Some(SecretString::from("wrong-secret"));
    fixture.engine.create_connection(&fixture.caller, new).await.unwrap();
    let new = valetkey_engine::NewAccount::new("machine", "robot_1");
    let error = fixture.engine.create_account(&fixture.caller, new).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidClient);
    let connection = fixture.engine.get_connection(&fixture.caller, "machine").await.unwrap();
    assert_eq!(connection.connection.fault.unwrap().code, ErrorCode::InvalidClient);
    let link = fixture.link("machine", "robot_1").await;
    let mut browser = Browser::default();
    let page = browser.open(&fixture.engine, &link.url).await.unwrap();
    let StartOutcome::Ended(outcome) = browser.press(&fixture.engine, &link.url, &page).await.unwrap() else {
        panic!("redirected")
    };
    let page = failed(*outcome);
    assert_eq!(page.error.code(), ErrorCode::InvalidClient);
    assert!(page.retry_url.is_some());
    let account = fixture.account("machine", "robot_1").await.account;
    assert_eq!((account.status(), account.cause), (AccountStatus::Error, Some(ErrorCode::InvalidClient)));
}

#[tokio::test]
async fn account_without_authentication_is_active_at_once() {
    let fixture = EngineFixture::start().await;
    fixture.connection("open", "acmeopen").await;
    let new = valetkey_engine::NewAccount::new("open", "user_1");
    let account = fixture.engine.create_account(&fixture.caller, new).await.unwrap();
    assert_eq!(account.account.status(), AccountStatus::Active);
    let link = fixture.link("open", "user_2").await;
    let mut browser = Browser::default();
    let page = browser.open(&fixture.engine, &link.url).await.unwrap();
    assert_eq!(page.step, LinkStep::Confirm);
    assert!(matches!(
        browser.press(&fixture.engine, &link.url, &page).await.unwrap(),
        StartOutcome::Ended(outcome) if matches!(*outcome, CallbackOutcome::Connected(_))
    ));
}

#[tokio::test]
async fn caller_gone_during_exchange_loses_no_grant() {
    let fixture = EngineFixture::start().await;
    fixture.connection("acme", "acme").await;
    let link = fixture.link("acme", "user_1").await;
    let mut browser = Browser::default();
    let url = browser.go(&fixture.engine, &link.url).await.unwrap();
    let consent = fixture.provider.consent(&url);
    fixture.provider.set_delay(std::time::Duration::from_millis(300));
    let (engine, tab) = (fixture.engine.clone(), browser.clone());
    let request =
        tokio::spawn(async move { tab.come_back(&engine, &consent.redirect_uri, &consent.params).await });
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(10);
    while fixture.provider.requests_to("/token").is_empty() {
        assert!(tokio::time::Instant::now() < deadline, "no token request");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    request.abort();
    fixture.engine.drain().await;
    assert_eq!(fixture.account("acme", "user_1").await.account.status(), AccountStatus::Active);
}

/// S28: nothing that is secret is written in the clear: tokens, codes, client secret, verifiers, cookies, states.
#[tokio::test]
async fn whole_flow_writes_no_secret_in_the_clear() {
    let fixture = EngineFixture::start().await;
    fixture.connection("acme", "acme").await;
    let link = fixture.link("acme", "user_1").await;
    let mut browser = Browser::default();
    let url = browser.go(&fixture.engine, &link.url).await.unwrap();
    let consent = fixture.provider.consent(&url);
    done(browser.come_back(&fixture.engine, &consent.redirect_uri, &consent.params).await);
    let verifier = fixture.provider.requests_to("/token")[0].field("code_verifier").unwrap();
    let written = fixture.written();
    let holds = |needle: &str| written.windows(needle.len()).any(|window| window == needle.as_bytes());
    assert!(holds("user_1"), "the scan sees the database");
    for secret in [
        "canary-",
        verifier.as_str(),
        consent.params["state"].as_str(),
        browser.cookie.as_ref().unwrap().expose_secret(),
        EngineFixture::token_of(&link.url).as_str(),
    ] {
        assert!(!holds(secret), "found {secret}");
    }
}
