//! The history of an account: looked through by filter, and what it keeps from happening.

use time::Duration;
use valetkey_domain::{
    AccountStatus, ErrorCode, PageRequest, event::EventKind, page::Cursor, store::EventFilter,
};
use valetkey_engine::AccountRef;
use valetkey_testkit::engine_fixture::{Browser, EngineFixture};

use crate::{failed, kinds};

#[tokio::test]
async fn events_are_filtered_by_kind_cause_and_time_and_paged() {
    let fixture = EngineFixture::start().await;
    fixture.connection("acme", "acme").await;
    let account = fixture.authorize("acme", "user_1").await;
    fixture.clock.advance(Duration::hours(2));
    let later = fixture.now();
    fixture.provider.forget_grants();
    let wanted = AccountRef::named("acme", "user_1");
    fixture.engine.refresh_account(&fixture.caller, &wanted).await.unwrap_err();
    fixture.clock.advance(Duration::hours(2));
    fixture.authorize("acme", "user_1").await;

    let of = EventFilter { account: Some(account.account.id.clone()), ..EventFilter::default() };
    let list = async |filter: EventFilter| {
        let page = PageRequest { size: 100, cursor: None };
        fixture.engine.list_events(&fixture.caller, &filter, &page).await.unwrap()
    };
    let activated = list(EventFilter { kinds: vec![EventKind::AccountActivated], ..of.clone() }).await;
    assert_eq!(activated.total, 2);
    let several = vec![EventKind::AccountActivated, EventKind::AccountExpired];
    assert_eq!(
        kinds(&list(EventFilter { kinds: several, ..of.clone() }).await.items),
        ["account.activated", "account.expired", "account.activated"]
    );
    let refused = list(EventFilter { code: Some(ErrorCode::RefreshRefused), ..of.clone() }).await;
    assert!(!refused.items.is_empty());
    assert!(refused.items.iter().all(|event| event.event.code == Some(ErrorCode::RefreshRefused)));
    let before = list(EventFilter { until: Some(later), ..of.clone() }).await;
    let since = list(EventFilter { since: Some(later), ..of.clone() }).await;
    assert!(before.items.iter().all(|event| event.at < later));
    assert!(since.items.iter().all(|event| event.at >= later));
    let all = list(of.clone()).await;
    assert_eq!(before.total + since.total, all.total);

    // One by one, newest first, the same list.
    let mut page = PageRequest { size: 1, cursor: None };
    let mut walked = Vec::new();
    loop {
        let found = fixture.engine.list_events(&fixture.caller, &of, &page).await.unwrap();
        walked.extend(found.items.into_iter().map(|event| event.id));
        let Some(next) = found.next else { break };
        page.cursor = Some(Cursor::After(next));
    }
    assert_eq!(walked, all.items.into_iter().map(|event| event.id).collect::<Vec<_>>());
}

/// A link that is still out there must not connect an account again behind the back of whoever ended it.
#[tokio::test]
async fn link_from_before_a_disconnect_connects_nothing() {
    let fixture = EngineFixture::start().await;
    fixture.connection("acme", "acme").await;
    fixture.authorize("acme", "user_1").await;
    fixture.clock.advance(Duration::seconds(1));
    let link = fixture.link("acme", "user_1").await;
    // One browser has gone as far as the provider already.
    let mut browser = Browser::default();
    let url = browser.go(&fixture.engine, &link.url).await.unwrap();
    let consent = fixture.provider.consent(&url);
    fixture.clock.advance(Duration::seconds(1));
    let wanted = AccountRef::named("acme", "user_1");
    fixture.engine.disconnect_account(&fixture.caller, &wanted).await.unwrap();
    fixture.clock.advance(Duration::seconds(1));

    let page = failed(browser.come_back(&fixture.engine, &consent.redirect_uri, &consent.params).await);
    assert_eq!((page.error.code(), page.retry_url), (ErrorCode::LinkWithdrawn, None));
    assert_eq!(fixture.account("acme", "user_1").await.account.status(), AccountStatus::Disconnected);
    assert_eq!(fixture.provider.token_requests("authorization_code").len(), 1, "no code was redeemed");

    // A new link is the caller's will.
    let after = fixture.authorize("acme", "user_1").await;
    assert_eq!(after.account.status(), AccountStatus::Active);
}

#[tokio::test]
async fn link_from_before_a_disconnect_does_not_open() {
    let fixture = EngineFixture::start().await;
    fixture.connection("acme", "acme").await;
    let link = fixture.link("acme", "user_1").await;
    fixture.clock.advance(Duration::seconds(1));
    let wanted = AccountRef::named("acme", "user_1");
    fixture.engine.disconnect_account(&fixture.caller, &wanted).await.unwrap();
    let error = Browser::default().open(&fixture.engine, &link.url).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::LinkWithdrawn);
}

/// The user consented while the account was being disconnected: the new grant is given back.
#[tokio::test]
async fn disconnect_during_an_exchange_gives_the_grant_back() {
    let fixture = EngineFixture::start().await;
    fixture.connection("acme", "acme").await;
    let link = fixture.link("acme", "user_1").await;
    let mut browser = Browser::default();
    let url = browser.go(&fixture.engine, &link.url).await.unwrap();
    let consent = fixture.provider.consent(&url);
    fixture.clock.advance(Duration::seconds(1));
    fixture.provider.set_delay(std::time::Duration::from_millis(500));
    let coming_back = browser.come_back(&fixture.engine, &consent.redirect_uri, &consent.params);
    let ending = async {
        while fixture.provider.requests_to("/token").is_empty() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        let wanted = AccountRef::named("acme", "user_1");
        fixture.engine.disconnect_account(&fixture.caller, &wanted).await.unwrap();
    };
    let (outcome, ()) = tokio::join!(coming_back, ending);
    assert_eq!(failed(outcome).error.code(), ErrorCode::LinkWithdrawn);
    assert_eq!(fixture.account("acme", "user_1").await.account.status(), AccountStatus::Disconnected);
    let revoked: Vec<_> =
        fixture.provider.requests_to("/revoke").iter().map(|r| r.field("token").unwrap()).collect();
    assert_eq!(revoked, ["canary-refresh-2", "canary-access-2"]);
}
