//! The flow under attack.

use std::collections::BTreeMap;

use valetkey_domain::{AccountStatus, ErrorCode, ExposeSecret, SecretString};
use valetkey_engine::{CallbackParams, ConnectionUpdate, LinkOptions};
use valetkey_testkit::{
    engine_fixture::{Browser, EngineFixture},
    fake_provider::{Consent, ISSUER},
};

use crate::{done, event_with, failed, kinds, params};

async fn started(fixture: &EngineFixture, connection: &str, identifier: &str) -> (Browser, Consent) {
    let link = fixture.link(connection, identifier).await;
    let mut browser = Browser::default();
    let url = browser.go(&fixture.engine, &link.url).await.unwrap();
    (browser, fixture.provider.consent(&url))
}

/// S02: replay, another user's cookie, no cookie, altered, missing, too old: none is accepted, no token is asked for.
#[tokio::test]
async fn state_abused_500_times_is_never_accepted() {
    let fixture = EngineFixture::start().await;
    fixture.connection("acme", "acme").await;
    let (other, _) = started(&fixture, "acme", "user_other").await;
    let mut refused = 0;
    for round in 0..100_u32 {
        let (browser, consent) = started(&fixture, "acme", "user_1").await;
        let uri = consent.redirect_uri.as_str();
        let engine = &fixture.engine;
        let mut altered = consent.params.clone();
        let state = altered.get_mut("state").unwrap();
        let at = round as usize % 43;
        let replacement = if &state[at..=at] == "A" { "B" } else { "A" };
        state.replace_range(at..=at, replacement);
        let mut missing = consent.params.clone();
        missing.remove("state");
        let nobody = Browser::default();
        for (who, pairs) in [
            (&other, &consent.params),
            (&nobody, &consent.params),
            (&browser, &altered),
            (&browser, &missing),
        ] {
            let page = failed(who.come_back(engine, uri, pairs).await);
            assert!(matches!(
                page.error.code(),
                ErrorCode::BrowserMismatch | ErrorCode::StateUnknown | ErrorCode::StateMissing
            ));
            assert!(page.retry_url.is_none(), "no way on for a foreign browser");
            refused += 1;
        }
        fixture.clock.advance(time::Duration::minutes(11));
        let page = failed(browser.come_back(engine, uri, &consent.params).await);
        assert_eq!(page.error.code(), ErrorCode::StateExpired);
        refused += 1;
    }
    assert_eq!(refused, 500);
    assert_eq!(fixture.provider.requests_to("/token").len(), 0);
    assert_eq!(fixture.account("acme", "user_1").await.account.status(), AccountStatus::Pending);
}

/// S02: a foreign browser can look, but not use up: the right one still arrives.
#[tokio::test]
async fn foreign_browser_does_not_burn_the_attempt() {
    let fixture = EngineFixture::start().await;
    fixture.connection("acme", "acme").await;
    let (browser, consent) = started(&fixture, "acme", "user_1").await;
    let uri = consent.redirect_uri.as_str();
    for cookie in [None, Some("A".repeat(43)), Some(String::new()), Some("x".repeat(10_000))] {
        let thief = Browser { cookie: cookie.map(SecretString::from), user_agent: None };
        let page = failed(thief.come_back(&fixture.engine, uri, &consent.params).await);
        assert_eq!(page.error.code(), ErrorCode::BrowserMismatch);
        let denied = params(&[("error", "access_denied"), ("state", &consent.params["state"])]);
        failed(thief.come_back(&fixture.engine, uri, &denied).await);
    }
    let account = fixture.account("acme", "user_1").await;
    let events = fixture.events(&account).await;
    event_with(&events, ErrorCode::BrowserMismatch);
    assert_eq!(kinds(&events).iter().filter(|k| **k == "authorization.callback_refused").count(), 1);
    done(browser.come_back(&fixture.engine, uri, &consent.params).await);
}

/// S03: the attacker starts with a link and sends the provider's address to a victim: nothing lands anywhere.
#[tokio::test]
async fn authorization_url_sent_to_victim_connects_nothing() {
    let fixture = EngineFixture::start().await;
    fixture.connection("acme", "acme").await;
    for round in 0..50 {
        let attacker_id = format!("attacker_{round}");
        let (_attacker, consent) = started(&fixture, "acme", &attacker_id).await;
        let (victim, _) = started(&fixture, "acme", &format!("victim_{round}")).await;
        fixture.provider.sign_in("victim");
        failed(victim.come_back(&fixture.engine, &consent.redirect_uri, &consent.params).await);
        for id in [&attacker_id, &format!("victim_{round}")] {
            assert_eq!(fixture.account("acme", id).await.account.status(), AccountStatus::Pending);
        }
    }
    assert_eq!(fixture.provider.requests_to("/token").len(), 0);
}

/// S03: whoever was not on the page cannot press *Continue* in a user's browser.
#[tokio::test]
async fn continue_forged_from_elsewhere_is_refused() {
    let fixture = EngineFixture::start().await;
    fixture.connection("acme", "acme").await;
    let link = fixture.link("acme", "attacker").await;
    let token = EngineFixture::token_of(&link.url);
    let mut attacker = Browser::default();
    let page = attacker.open(&fixture.engine, &link.url).await.unwrap();
    let mut victim = Browser::default();
    victim.open(&fixture.engine, &fixture.link("acme", "victim").await.url).await.unwrap();
    let engine = &fixture.engine;
    // The attacker's form token is worthless with the victim's cookie, and so is none.
    for form in [page.form_token.as_str(), "", "x"] {
        let error = engine.start_authorization(&token, victim.cookie.as_ref(), form).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::FormExpired);
    }
    let error = engine.start_authorization(&token, None, &page.form_token).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::BrowserMismatch);
    // The attacker's form token of one link does not fit another link.
    let other = EngineFixture::token_of(&fixture.link("acme", "x").await.url);
    let error =
        engine.start_authorization(&other, attacker.cookie.as_ref(), &page.form_token).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::FormExpired);
}

/// S02: of several browsers that press *Continue* at once, one gets the link.
#[tokio::test]
async fn link_pressed_in_many_browsers_goes_to_one() {
    let fixture = EngineFixture::start().await;
    fixture.connection("acme", "acme").await;
    let link = fixture.link("acme", "user_1").await;
    let mut browsers = Vec::new();
    for _ in 0..10 {
        let mut browser = Browser::default();
        let page = browser.open(&fixture.engine, &link.url).await.unwrap();
        browsers.push((browser, page));
    }
    let presses = browsers.iter().map(|(b, page)| b.press(&fixture.engine, &link.url, page));
    let outcomes = futures::future::join_all(presses).await;
    assert_eq!(outcomes.iter().filter(|o| o.is_ok()).count(), 1);
    for error in outcomes.into_iter().filter_map(Result::err) {
        assert!(matches!(error.code(), ErrorCode::LinkOtherBrowser | ErrorCode::LinkUsed));
    }
}

/// S04, S05: iss is compared byte for byte; after a mismatch the code goes nowhere and no error counts.
#[tokio::test]
async fn issuer_other_than_expected_stops_everything() {
    let fixture = EngineFixture::start().await;
    let exact = valetkey_engine::NewConnection {
        variables: BTreeMap::from([("issuer".to_owned(), ISSUER.to_owned())]),
        ..fixture.new_connection("acme", "acme")
    };
    fixture.engine.create_connection(&fixture.caller, exact).await.unwrap();
    let wrong = [
        "https://evil.example",
        "https://acme.example/",
        "https://ACME.example",
        "https://acme.example:443",
        "http://acme.example",
        "https://acme.example ",
        "acme.example",
        "",
    ];
    for iss in wrong {
        let (browser, consent) = started(&fixture, "acme", "user_1").await;
        for with_error in [false, true] {
            let mut pairs = consent.params.clone();
            pairs.insert("iss".into(), iss.into());
            if with_error {
                pairs.insert("error".into(), "access_denied".into());
                pairs.insert("error_description".into(), "canary-description".into());
            }
            let page = failed(browser.come_back(&fixture.engine, &consent.redirect_uri, &pairs).await);
            let expected = if with_error { ErrorCode::StateReused } else { ErrorCode::IssuerMismatch };
            assert_eq!(page.error.code(), expected, "{iss:?}");
        }
        let (browser, consent) = started(&fixture, "acme", "user_1").await;
        let state = &consent.params["state"];
        let pairs = params(&[
            ("iss", iss),
            ("error", "access_denied"),
            ("error_description", "canary-description"),
            ("state", state),
        ]);
        let page = failed(browser.come_back(&fixture.engine, &consent.redirect_uri, &pairs).await);
        assert_eq!(page.error.code(), ErrorCode::IssuerMismatch, "{iss:?}");
    }
    assert_eq!(fixture.provider.requests_to("/token").len(), 0);
    let account = fixture.account("acme", "user_1").await;
    assert_eq!(account.account.status(), AccountStatus::Pending);
    let told = serde_json::to_string(
        &fixture.events(&account).await.iter().map(|e| e.event.data.clone()).collect::<Vec<_>>(),
    )
    .unwrap();
    assert!(!told.contains("canary-description"));
    // The right one works, and so does none: this provider does not promise to send it.
    for iss in [Some(ISSUER), None] {
        let (browser, mut consent) = started(&fixture, "acme", "user_1").await;
        consent.params.extend(iss.map(|iss| ("iss".to_owned(), iss.to_owned())));
        done(browser.come_back(&fixture.engine, &consent.redirect_uri, &consent.params).await);
    }
}

/// S04: a provider that promises iss and does not send it is refused.
#[tokio::test]
async fn issuer_promised_and_missing_is_refused() {
    let fixture = EngineFixture::start().await;
    let exact = valetkey_engine::NewConnection {
        variables: BTreeMap::from([("issuer".to_owned(), ISSUER.to_owned())]),
        ..fixture.new_connection("plain", "acmeplain")
    };
    fixture.engine.create_connection(&fixture.caller, exact).await.unwrap();
    let (browser, consent) = started(&fixture, "plain", "user_1").await;
    let page = failed(browser.come_back(&fixture.engine, &consent.redirect_uri, &consent.params).await);
    assert_eq!(page.error.code(), ErrorCode::IssuerMismatch);
    let (browser, mut consent) = started(&fixture, "plain", "user_1").await;
    consent.params.insert("iss".into(), ISSUER.into());
    done(browser.come_back(&fixture.engine, &consent.redirect_uri, &consent.params).await);
}

/// S04: iss given twice is a mix-up attempt.
#[tokio::test]
async fn issuer_given_twice_is_refused() {
    let fixture = EngineFixture::start().await;
    fixture.connection("acme", "acme").await;
    let (browser, consent) = started(&fixture, "acme", "user_1").await;
    let mut values: BTreeMap<_, _> =
        consent.params.iter().map(|(n, v)| (n.clone(), SecretString::from(v.as_str()))).collect();
    values.insert("iss".into(), SecretString::from(fixture.provider.base().as_str().trim_end_matches('/')));
    let params = CallbackParams { values, repeated: vec!["iss".into()], user_agent: None };
    let id = consent.redirect_uri.rsplit('/').next().unwrap();
    let page = failed(fixture.engine.handle_callback(id, params, browser.cookie.as_ref()).await);
    assert_eq!(page.error.code(), ErrorCode::IssuerMismatch);
    assert_eq!(fixture.provider.requests_to("/token").len(), 0);
}

/// S04: the answer for one connection arrives at the redirect URI of another: mix-up.
#[tokio::test]
async fn callback_of_another_connection_is_refused() {
    let fixture = EngineFixture::start().await;
    fixture.connection("acme", "acme").await;
    let other = fixture.connection("other", "acme").await;
    for redirect_uri in [other.redirect_uri.as_str(), "https://x/oauth/callback/conn_unknown", ""] {
        let (browser, consent) = started(&fixture, "acme", "user_1").await;
        let page = failed(browser.come_back(&fixture.engine, redirect_uri, &consent.params).await);
        assert_eq!(page.error.code(), ErrorCode::IssuerMismatch);
    }
    assert_eq!(fixture.provider.requests_to("/token").len(), 0);
}

/// S06: the redirect URI is the connection's own, always; nothing of a browser's request gets into it or into where
/// the user goes afterwards.
#[tokio::test]
async fn redirects_go_where_the_app_said_and_nowhere_else() {
    let fixture = EngineFixture::start().await;
    let connection = fixture.connection("acme", "acme").await;
    let options = LinkOptions {
        state: Some("a b&c=d#e\u{e4}".into()),
        user_verify_url: Some("https://app.example.com/verify?tenant=1".into()),
        scopes: Vec::new(),
        add_scopes: Vec::new(),
    };
    let link = fixture.link_with("acme", "user_1", options).await;
    let mut browser = Browser::default();
    let url = browser.go(&fixture.engine, &link.url).await.unwrap();
    let mut consent = fixture.provider.consent(&url);
    assert_eq!(consent.redirect_uri, connection.redirect_uri);
    for name in ["redirect_uri", "user_verify_url", "next", "return_to", "auth_request_id"] {
        consent.params.insert(name.into(), "https://evil.example/".into());
    }
    let outcome = browser.come_back(&fixture.engine, &consent.redirect_uri, &consent.params).await;
    let valetkey_engine::CallbackOutcome::Verify(to) = outcome else { panic!("{outcome:?}") };
    assert_eq!(to.host_str(), Some("app.example.com"));
    assert_eq!(to.path(), "/verify");
    let pairs: Vec<_> = to.query_pairs().into_owned().collect();
    assert_eq!(pairs[0], ("tenant".into(), "1".into()));
    assert_eq!(pairs[1].0, "auth_request_id");
    assert!(pairs[1].1.starts_with("ar_"));
    assert_eq!(pairs[2], ("state".into(), "a b&c=d#e\u{e4}".into()));
    assert_eq!(pairs.len(), 3);
}

/// The state of before does not work after a change of credentials either way round; a callback in flight fails
/// cleanly.
#[tokio::test]
async fn credentials_changed_meanwhile_fail_with_own_code() {
    let fixture = EngineFixture::start().await;
    fixture.connection("acme", "acme").await;
    let (browser, consent) = started(&fixture, "acme", "user_1").await;
    let other = ConnectionUpdate {
        client_secret: Some(Some(SecretString::from("another-secret"))),
        ..ConnectionUpdate::default()
    };
    fixture.engine.update_connection(&fixture.caller, "acme", other).await.unwrap();
    let page = failed(browser.come_back(&fixture.engine, &consent.redirect_uri, &consent.params).await);
    assert_eq!(page.error.code(), ErrorCode::InvalidClient);
}

/// S07: what is shown and thrown holds neither code nor state nor cookie.
#[tokio::test]
async fn failures_print_no_secret() {
    let fixture = EngineFixture::start().await;
    fixture.connection("acme", "acme").await;
    let (browser, consent) = started(&fixture, "acme", "user_1").await;
    let mut pairs = consent.params.clone();
    pairs.insert("iss".into(), "https://evil.example".into());
    let outcome = browser.come_back(&fixture.engine, &consent.redirect_uri, &pairs).await;
    let text = format!("{outcome:?}");
    for secret in [&consent.params["code"], &consent.params["state"]] {
        assert!(!text.contains(secret.as_str()));
    }
    assert!(!text.contains(browser.cookie.as_ref().unwrap().expose_secret()));
}
