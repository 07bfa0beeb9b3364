//! Authorizations that did not come to their end, each told apart by what the callback or the form said.

use std::collections::BTreeMap;

use time::Duration;
use valetkey_domain::{
    ErrorCode,
    catalogue::{Actor, RemedyAction},
    diagnosis::{Confidence, EvidenceKind},
    event::EventKind,
};
use valetkey_engine::CallbackOutcome;
use valetkey_testkit::{
    engine_fixture::{Browser, EngineFixture},
    fake_provider::{Consent, Scripted},
};

use crate::*;

const FIREFOX: &str = "Mozilla/5.0 (Windows NT 10.0; rv:128.0) Gecko/20100101 Firefox/128.0";
const SAFARI: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1";

struct AtProvider {
    fixture: EngineFixture,
    browser: Browser,
    consent: Consent,
}

/// A user at the provider, about to come back.
async fn at_provider_of(connector: &str) -> AtProvider {
    let fixture = fixture_with(connector).await;
    let made = fixture.link(connector, "user_1").await;
    let mut browser = Browser { user_agent: Some(FIREFOX.into()), ..Browser::default() };
    let url = browser.go(&fixture.engine, &made.url).await.unwrap();
    let consent = fixture.provider.consent(&url);
    AtProvider { fixture, browser, consent }
}

impl AtProvider {
    async fn back(&self, browser: &Browser, params: &BTreeMap<String, String>) {
        browser.come_back(&self.fixture.engine, &self.consent.redirect_uri, params).await;
    }

    /// Back with an error instead of the code.
    async fn refused(&self, error: &str, description: &str) {
        let params = BTreeMap::from([
            ("state".to_owned(), self.consent.params["state"].clone()),
            ("error".to_owned(), error.to_owned()),
            ("error_description".to_owned(), description.to_owned()),
        ]);
        self.back(&self.browser, &params).await;
    }
}

#[tokio::test]
async fn errors_of_oauth_each_have_their_finding_actor_and_remedy() {
    for (error, code, actor, action) in [
        ("access_denied", ErrorCode::AccessDenied, Actor::EndUser, RemedyAction::Authorize),
        (
            "invalid_request",
            ErrorCode::ProviderInvalidRequest,
            Actor::Developer,
            RemedyAction::ConfigureConnection,
        ),
        (
            "unauthorized_client",
            ErrorCode::UnauthorizedClient,
            Actor::Developer,
            RemedyAction::ConfigureConnection,
        ),
        ("invalid_scope", ErrorCode::InvalidScope, Actor::Developer, RemedyAction::ConfigureConnection),
        ("server_error", ErrorCode::ProviderServerError, Actor::Nobody, RemedyAction::Retry),
        (
            "temporarily_unavailable",
            ErrorCode::ProviderTemporarilyUnavailable,
            Actor::Nobody,
            RemedyAction::Retry,
        ),
    ] {
        let user = at_provider_of("acme").await;
        user.refused(error, "words of the provider").await;
        let diagnosis = diagnose(&user.fixture, "acme", "user_1").await;
        is_broken(&diagnosis);
        let finding = first(&diagnosis, code);
        is_certain(finding);
        assert_eq!((finding.actor, finding.remedies[0].action), (actor, action), "{error}");
        rests_on(finding, EvidenceKind::Provider, error);
        rests_on_event(&user.fixture, finding, "acme", EventKind::AuthorizationFailed).await;
        // The provider's own words are evidence and nothing else.
        let told = format!("{} {} {} {}", diagnosis.summary, finding.message, finding.cause, todo(finding));
        assert!(!told.contains("words of the provider"), "{told}");
        if error == "access_denied" {
            link(finding);
        }
        if error == "invalid_scope" {
            rests_on(finding, EvidenceKind::Connection, "read write");
        }
    }
}

#[tokio::test]
async fn redirect_uri_refused_gives_the_exact_one_to_register() {
    let user = at_provider_of("acme").await;
    user.refused("redirect_uri_mismatch", "The redirect URI in the request is not registered.").await;
    let diagnosis = diagnose(&user.fixture, "acme", "user_1").await;
    let finding = first(&diagnosis, ErrorCode::RedirectUriMismatch);
    assert_eq!(finding.remedies[0].action, RemedyAction::RegisterRedirectUri);
    assert!(finding.remedies[0].text.ends_with(&user.consent.redirect_uri), "{}", finding.remedies[0].text);
    rests_on_event(&user.fixture, finding, "acme", EventKind::AuthorizationFailed).await;
}

#[tokio::test]
async fn redirect_uri_refused_has_its_difference_named() {
    let user = at_provider_of("acme").await;
    let ours = user.consent.redirect_uri.clone();
    // What the provider names.
    let said =
        format!("redirect_uri '{ours}' does not match the registered 'http{}'", &ours["https".len()..]);
    user.refused("invalid_request", &said).await;
    let diagnosis = diagnose(&user.fixture, "acme", "user_1").await;
    let finding = first(&diagnosis, ErrorCode::RedirectUriMismatch);
    assert!(finding.message.contains("differs in http instead of https"), "{}", finding.message);
    // What the caller says is registered.
    for (registered, difference) in [
        (format!("{ours}/"), "a slash at the end"),
        (ours.replace("https:", "http:"), "http instead of https"),
        (ours.replace("valetkey.example", "valetkey.example:8443"), "the port"),
        (ours.replace("valetkey.example", "www.valetkey.example"), "the subdomain"),
        (ours.replace("valetkey.example", "valetkey.other"), "the host"),
        (ours.replace("/oauth/callback", "/callback"), "the path"),
        (ours.replace("/oauth/callback", "/OAuth/callback"), "upper and lower case"),
        (ours.replace("conn_", "conn%5F"), "the encoding of characters"),
    ] {
        let options = DiagnosisOptions {
            registered_redirect_uris: vec![registered.clone()],
            ..DiagnosisOptions::default()
        };
        let diagnosis = diagnose_with(&user.fixture, &of_account("acme", "user_1"), options.clone()).await;
        let finding = first(&diagnosis, ErrorCode::RedirectUriMismatch);
        assert!(
            finding.message.contains(&format!("differs in {difference}")),
            "{registered}: {}",
            finding.message
        );
        rests_on(finding, EvidenceKind::Provider, &registered);
        assert!(finding.remedies[0].text.ends_with(&ours));
        // Without an account that failed over it too.
        let of = DiagnosisOf::Connection("acme".into());
        let diagnosis = diagnose_with(&user.fixture, &of, options).await;
        assert!(found(&diagnosis, ErrorCode::RedirectUriMismatch).message.contains(difference));
    }
}

#[tokio::test]
async fn redirect_uri_refused_in_the_exchange_is_known_too() {
    let user = at_provider_of("acme").await;
    let answer = Scripted::error(400, "invalid_grant", "redirect_uri does not match");
    user.fixture.provider.script("/token", [answer]);
    user.back(&user.browser, &user.consent.params).await;
    let diagnosis = diagnose(&user.fixture, "acme", "user_1").await;
    let finding = first(&diagnosis, ErrorCode::RedirectUriMismatch);
    rests_on(finding, EvidenceKind::Provider, "at the token endpoint with status 400");
}

#[tokio::test]
async fn state_from_a_browser_without_cookies_is_cookies_blocked() {
    let fixture = fixture_with("acme").await;
    let made = fixture.link("acme", "user_1").await;
    let mut browser = Browser { user_agent: Some(SAFARI.into()), ..Browser::default() };
    let page = browser.open(&fixture.engine, &made.url).await.unwrap();
    // The browser does not keep what it is handed.
    browser.cookie = None;
    browser.press(&fixture.engine, &made.url, &page).await.unwrap_err();
    let diagnosis = diagnose(&fixture, "acme", "user_1").await;
    let finding = first(&diagnosis, ErrorCode::CookiesBlocked);
    is_certain(finding);
    assert!(finding.cause.contains("Safari on iPhone"), "{}", finding.cause);
    rests_on_event(&fixture, finding, "acme", EventKind::FormRefused).await;
    assert!(finding.remedies[0].text.contains("valetkey.example"));
    link(finding);
}

#[tokio::test]
async fn state_from_another_browser_is_told_with_both_names() {
    let user = at_provider_of("acme").await;
    let other = Browser { user_agent: Some(SAFARI.into()), ..Browser::default() };
    user.back(&other, &user.consent.params).await;
    let diagnosis = diagnose(&user.fixture, "acme", "user_1").await;
    let finding = first(&diagnosis, ErrorCode::OtherBrowser);
    is_certain(finding);
    assert_eq!(finding.cause, "It began in Firefox on Windows and ended in Safari on iPhone.");
    rests_on_event(&user.fixture, finding, "acme", EventKind::CallbackRefused).await;
    link(finding);
}

#[tokio::test]
async fn state_without_cookie_from_the_same_browser_is_likely_blocked() {
    let user = at_provider_of("acme").await;
    let same = Browser { user_agent: Some(FIREFOX.into()), ..Browser::default() };
    user.back(&same, &user.consent.params).await;
    let diagnosis = diagnose(&user.fixture, "acme", "user_1").await;
    let finding = first(&diagnosis, ErrorCode::CookiesBlocked);
    assert_eq!(finding.confidence, Confidence::Likely);
    assert_eq!(found(&diagnosis, ErrorCode::OtherBrowser).confidence, Confidence::Possible);
}

#[tokio::test]
async fn state_with_the_cookie_of_another_browser_is_certain() {
    let user = at_provider_of("acme").await;
    let other = user.fixture.link("acme", "user_2").await;
    let mut browser = Browser::default();
    browser.open(&user.fixture.engine, &other.url).await.unwrap();
    user.back(&browser, &user.consent.params).await;
    let diagnosis = diagnose(&user.fixture, "acme", "user_1").await;
    is_certain(first(&diagnosis, ErrorCode::OtherBrowser));
    assert_eq!(codes(&diagnosis), ["other_browser"]);
}

#[tokio::test]
async fn link_opened_in_a_second_browser_is_told() {
    let user = at_provider_of("acme").await;
    let made = user.fixture.link("acme", "user_2").await;
    let mut first_one = Browser::default();
    let mut second = Browser { user_agent: Some(SAFARI.into()), ..Browser::default() };
    let page = second.open(&user.fixture.engine, &made.url).await.unwrap();
    first_one.go(&user.fixture.engine, &made.url).await.unwrap();
    second.press(&user.fixture.engine, &made.url, &page).await.unwrap_err();
    let diagnosis = diagnose(&user.fixture, "acme", "user_2").await;
    first(&diagnosis, ErrorCode::OtherBrowser);
}

#[tokio::test]
async fn state_used_twice_after_a_failure_is_a_link_reused() {
    let user = at_provider_of("acme").await;
    user.refused("access_denied", "").await;
    user.fixture.clock.advance(Duration::minutes(1));
    user.back(&user.browser, &user.consent.params).await;
    let diagnosis = diagnose(&user.fixture, "acme", "user_1").await;
    let finding = first(&diagnosis, ErrorCode::StateReused);
    rests_on_event(&user.fixture, finding, "acme", EventKind::CallbackRefused).await;
    link(finding);
}

#[tokio::test]
async fn state_too_old_says_how_old() {
    let user = at_provider_of("acme").await;
    user.fixture.clock.advance(Duration::minutes(25));
    user.back(&user.browser, &user.consent.params).await;
    let diagnosis = diagnose(&user.fixture, "acme", "user_1").await;
    let finding = first(&diagnosis, ErrorCode::StateExpired);
    assert!(finding.message.contains("after 25 minutes"), "{}", finding.message);
    rests_on(finding, EvidenceKind::Event, "elapsed");
    link(finding);
}

#[tokio::test]
async fn clock_set_back_between_start_and_end_is_measured() {
    let user = at_provider_of("acme").await;
    user.fixture.clock.advance(Duration::seconds(-90));
    user.refused("access_denied", "").await;
    let diagnosis = diagnose(&user.fixture, "acme", "user_1").await;
    let finding = found(&diagnosis, ErrorCode::ClockSkew);
    assert_eq!(finding.actor, Actor::Operator);
    assert!(finding.message.contains("at least 90 seconds"), "{}", finding.message);
    rests_on(finding, EvidenceKind::Clock, "90 seconds");
    rests_on_event(&user.fixture, finding, "acme", EventKind::AuthorizationStarted).await;
    assert!(todo(finding).contains("NTP"), "{}", todo(finding));
}

#[tokio::test]
async fn state_forged_is_found_at_the_connection() {
    let user = at_provider_of("acme").await;
    let mut params = user.consent.params.clone();
    params.insert("state".into(), "A".repeat(43));
    user.back(&Browser::default(), &params).await;
    let of = DiagnosisOf::Connection("acme".into());
    let diagnosis = diagnose_with(&user.fixture, &of, DiagnosisOptions::default()).await;
    let finding = first(&diagnosis, ErrorCode::StateUnknown);
    assert!(finding.cause.contains("forged"), "{}", finding.cause);
    rests_on(finding, EvidenceKind::Event, "of the right form");
    assert!(!finding.remedies.is_empty() && todo(finding).contains("link"), "{}", todo(finding));
    // The account is not blamed for it: its user may still be on the way.
    let diagnosis = diagnose(&user.fixture, "acme", "user_1").await;
    first(&diagnosis, ErrorCode::AuthorizationUnfinished);
    user.back(&user.browser, &user.consent.params).await;
    assert_eq!(codes(&diagnose(&user.fixture, "acme", "user_1").await), ["healthy"]);
}

#[tokio::test]
async fn errors_of_configuration_stay_known_in_status_error() {
    for (error, code, what) in [
        ("invalid_scope", ErrorCode::InvalidScope, "scopes"),
        ("redirect_uri_mismatch", ErrorCode::RedirectUriMismatch, "redirect URI"),
    ] {
        let user = at_provider_of("acme").await;
        user.refused(error, "no such thing").await;
        let account = user.fixture.account("acme", "user_1").await;
        assert_eq!(account.account.status().as_str(), "ERROR");
        let diagnosis = diagnose(&user.fixture, "acme", "user_1").await;
        let finding = first(&diagnosis, code);
        assert_eq!(finding.actor, Actor::Developer);
        rests_on(finding, EvidenceKind::Status, "ERROR");
        rests_on(finding, EvidenceKind::Provider, error);
        assert!(todo(finding).contains(what), "{}", todo(finding));
    }
}

#[tokio::test]
async fn errors_of_each_providers_callback_are_read_by_its_table() {
    for (connector, error, description, code, actor) in [
        ("gmail", "admin_policy_enforced", "", ErrorCode::AdminPolicy, Actor::ProviderAdmin),
        ("gmail", "org_internal", "", ErrorCode::WorkspaceRestricted, Actor::Developer),
        (
            "gmail",
            "access_denied",
            "The app has not completed the Google verification process",
            ErrorCode::AppNotVerified,
            Actor::Developer,
        ),
        (
            "gmail",
            "invalid_scope",
            "This is a restricted scope",
            ErrorCode::RestrictedScope,
            Actor::Developer,
        ),
        ("gmail", "disallowed_useragent", "", ErrorCode::ProviderInvalidRequest, Actor::Developer),
        (
            "microsoft365",
            "access_denied",
            "AADSTS65004: User declined to consent.",
            ErrorCode::AccessDenied,
            Actor::EndUser,
        ),
        (
            "microsoft365",
            "access_denied",
            "AADSTS90094: The grant requires admin permission.",
            ErrorCode::AdminConsentRequired,
            Actor::ProviderAdmin,
        ),
        (
            "microsoft365",
            "unauthorized_client",
            "AADSTS700016: Application was not found in the directory.",
            ErrorCode::ClientUnknown,
            Actor::Developer,
        ),
        (
            "microsoft365",
            "access_denied",
            "AADSTS53003: Blocked by Conditional Access.",
            ErrorCode::AdminPolicy,
            Actor::ProviderAdmin,
        ),
        (
            "microsoft365",
            "invalid_request",
            "AADSTS50194: Application is not configured as a multi-tenant application.",
            ErrorCode::WrongTenant,
            Actor::Developer,
        ),
        ("slack", "access_denied", "", ErrorCode::AccessDenied, Actor::EndUser),
        ("slack", "app_approval_required", "", ErrorCode::AppApprovalRequired, Actor::ProviderAdmin),
        (
            "slack",
            "invalid_team_for_non_distributed_app",
            "",
            ErrorCode::WorkspaceRestricted,
            Actor::Developer,
        ),
        ("github", "application_suspended", "", ErrorCode::ClientUnknown, Actor::Developer),
        (
            "github",
            "access_denied",
            "The user has denied your application access.",
            ErrorCode::AccessDenied,
            Actor::EndUser,
        ),
        (
            "jira",
            "access_denied",
            "Your site admin must authorize this app for the site",
            ErrorCode::AppApprovalRequired,
            Actor::ProviderAdmin,
        ),
    ] {
        let user = at_provider_of(connector).await;
        user.refused(error, description).await;
        let diagnosis = diagnose(&user.fixture, connector, "user_1").await;
        is_broken(&diagnosis);
        let finding = first(&diagnosis, code);
        assert_eq!(finding.actor, actor, "{connector} {error}");
        rests_on(finding, EvidenceKind::Provider, description.split(':').next().unwrap_or(error));
        rests_on_event(&user.fixture, finding, connector, EventKind::AuthorizationFailed).await;
        // The table's own remedy, else the catalogue's: `tables.rs` compares every row's, word by word.
        assert!(finding.remedies.iter().all(|remedy| remedy.text.ends_with(['.', '?'])), "{finding:#?}");
        assert!(!finding.remedies.is_empty(), "{connector} {error}");
    }
}

#[tokio::test]
async fn user_lost_at_google_may_have_seen_its_pages() {
    let user = at_provider_of("gmail").await;
    user.fixture.clock.advance(Duration::hours(1));
    let diagnosis = diagnose(&user.fixture, "gmail", "user_1").await;
    first(&diagnosis, ErrorCode::AuthorizationUnfinished);
    for (code, seen) in [
        (ErrorCode::AppNotVerified, "Access blocked: Authorization Error"),
        (ErrorCode::AppNotVerified, "Google hasn't verified this app"),
        (ErrorCode::RedirectUriMismatch, "redirect_uri_mismatch"),
        (ErrorCode::AdminPolicy, "institution's admin"),
        (ErrorCode::WorkspaceRestricted, "within its organization"),
    ] {
        let finding = found(&diagnosis, code);
        assert_eq!(finding.confidence, Confidence::Possible);
        rests_on(finding, EvidenceKind::Connector, seen);
    }
    let redirect = found(&diagnosis, ErrorCode::RedirectUriMismatch);
    assert!(redirect.remedies[0].text.ends_with(&user.consent.redirect_uri));
}

/// What the end user's page says is as plain as the finding: whose consent is missing, and whose move it is.
#[tokio::test]
async fn consent_that_is_missing_has_a_page_of_its_own_and_a_finding() {
    use ErrorCode as C;
    let (consent, admin, sign_in) =
        (C::ProviderConsentRequired, C::ProviderAdminRequired, C::ProviderSignInRequired);
    for (connector, error, description, page, code) in [
        ("acme", "consent_required", "not yet", consent, C::ConsentRequired),
        ("acme", "login_required", "again", sign_in, C::SignInRequired),
        (
            "microsoft365",
            "consent_required",
            "AADSTS65001: nobody has consented",
            consent,
            C::ConsentRequired,
        ),
        ("microsoft365", "access_denied", "AADSTS90094: an admin must", admin, C::AdminConsentRequired),
        ("microsoft365", "interaction_required", "AADSTS50076: a factor", sign_in, C::SignInRequired),
        ("slack", "app_approval_required", "ask", admin, C::AppApprovalRequired),
        ("gmail", "admin_policy_enforced", "no", admin, C::AdminPolicy),
    ] {
        let user = at_provider_of(connector).await;
        let params = BTreeMap::from([
            ("state".to_owned(), user.consent.params["state"].clone()),
            ("error".to_owned(), error.to_owned()),
            ("error_description".to_owned(), description.to_owned()),
        ]);
        let outcome = user.browser.come_back(&user.fixture.engine, &user.consent.redirect_uri, &params).await;
        let CallbackOutcome::Failed(shown) = outcome else { panic!("{outcome:?}") };
        assert_eq!(shown.error.code(), page, "{connector} {error}");
        let diagnosis = diagnose(&user.fixture, connector, "user_1").await;
        is_broken(&diagnosis);
        let finding = first(&diagnosis, code);
        assert_eq!(finding.actor, page.entry().actor, "{connector} {error}");
        rests_on(finding, EvidenceKind::Provider, error);
        rests_on_event(&user.fixture, finding, connector, EventKind::AuthorizationFailed).await;
    }
}
