//! Several accounts of one user on one connection, told apart by name.

use valetkey_domain::{AccountStatus, ErrorCode, PageRequest, store::AccountFilter};
use valetkey_engine::{AccountRef, CallbackOutcome, LinkOptions, NewAccount};
use valetkey_testkit::engine_fixture::EngineFixture;

use crate::done;

fn wanted() -> AccountRef {
    AccountRef::named("acme", "user_1")
}

/// The link of a named account, followed by a user who is signed in to the provider as `user`.
async fn connect(fixture: &EngineFixture, name: &str, user: &str) {
    fixture.provider.sign_in(user);
    let named = wanted().account_name(name);
    let link =
        fixture.engine.authorization_link(&fixture.caller, &named, LinkOptions::default()).await.unwrap();
    assert_eq!(link.account.account.name, name);
    done(fixture.follow(&link).await);
}

#[tokio::test]
async fn account_named_beside_the_unnamed_one_leaves_it_the_default() {
    let fixture = EngineFixture::start().await;
    fixture.connection("acme", "acme").await;
    let first = fixture.authorize("acme", "user_1").await;
    connect(&fixture, "work", "user-2").await;
    let work = fixture.engine.find_account(&fixture.caller, &wanted().account_name("work")).await.unwrap();
    assert_eq!((work.account.name.as_str(), work.account.status()), ("work", AccountStatus::Active));
    assert_eq!(work.account.label.as_deref(), Some("user-2@acme.example"));
    // Callers that know no names go on as before: by connection and identifier, and by identifier alone.
    for wanted in [wanted(), AccountRef::identifier("user_1")] {
        let found = fixture.engine.find_account(&fixture.caller, &wanted).await.unwrap();
        assert_eq!(found.account.id, first.account.id);
    }
    let link = fixture.link("acme", "user_1").await;
    assert_eq!(link.account.account.id, first.account.id, "no third account appears");
}

#[tokio::test]
async fn accounts_that_all_have_names_are_ambiguous_until_one_is_named() {
    let fixture = EngineFixture::start().await;
    fixture.connection("acme", "acme").await;
    connect(&fixture, "private", "user-1").await;
    // The only one is the one that is meant.
    let only = fixture.engine.find_account(&fixture.caller, &wanted()).await.unwrap();
    assert_eq!(only.account.name, "private");
    connect(&fixture, "work", "user-2").await;
    for wanted in [wanted(), AccountRef::identifier("user_1")] {
        let error = fixture.engine.find_account(&fixture.caller, &wanted).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::AmbiguousAccount);
        let message = &error.details().message;
        assert!(message.contains("\"private\" (user-1@acme.example)"), "{message}");
        assert!(message.contains("\"work\" (user-2@acme.example)"), "{message}");
        let link = fixture.engine.authorization_link(&fixture.caller, &wanted, LinkOptions::default()).await;
        assert_eq!(link.unwrap_err().code(), ErrorCode::AmbiguousAccount, "nor is a third one made");
        let named = AccountRef { name: Some("work".into()), ..wanted };
        let found = fixture.engine.find_account(&fixture.caller, &named).await.unwrap();
        assert_eq!(found.account.name, "work");
    }
    let unknown = wanted().account_name("third");
    let error = fixture.engine.find_account(&fixture.caller, &unknown).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::AccountNotFound);
}

#[tokio::test]
async fn account_name_taken_or_malformed_is_refused() {
    let fixture = EngineFixture::start().await;
    fixture.connection("acme", "acme").await;
    let new = |name: &str| NewAccount { name: Some(name.into()), ..NewAccount::new("acme", "user_1") };
    fixture.engine.create_account(&fixture.caller, new("work")).await.unwrap();
    let taken = fixture.engine.create_account(&fixture.caller, new("work")).await.unwrap_err();
    assert_eq!(taken.code(), ErrorCode::AccountAlreadyExists);
    for name in [" work", "work\n", "w\u{f6}rk", &"a".repeat(101)] {
        let error = fixture.engine.create_account(&fixture.caller, new(name)).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidArgument, "{name:?}");
    }
    let filter = AccountFilter { name: Some("work".into()), ..AccountFilter::default() };
    let page = PageRequest::default();
    let listed = fixture.engine.list_accounts(&fixture.caller, &[], filter, &page).await.unwrap();
    assert_eq!(listed.total, 1);
}

/// Each name is a grant of its own: ending one leaves the other alone.
#[tokio::test]
async fn accounts_named_end_one_by_one() {
    let fixture = EngineFixture::start().await;
    fixture.connection("acme", "acme").await;
    connect(&fixture, "private", "user-1").await;
    connect(&fixture, "work", "user-2").await;
    fixture.engine.delete_account(&fixture.caller, &wanted().account_name("work")).await.unwrap();
    let left = fixture.engine.find_account(&fixture.caller, &wanted()).await.unwrap();
    assert_eq!((left.account.name.as_str(), left.account.status()), ("private", AccountStatus::Active));
}

#[tokio::test]
async fn link_of_a_named_account_shows_its_name() {
    let fixture = EngineFixture::start().await;
    fixture.connection("acme", "acme").await;
    let named = wanted().account_name("work");
    let options = LinkOptions::default();
    let link = fixture.engine.authorization_link(&fixture.caller, &named, options).await.unwrap();
    let page = fixture.engine.open_link(&EngineFixture::token_of(&link.url), None).await.unwrap();
    assert_eq!(page.account_name.as_deref(), Some("work"));
    let outcome = fixture.follow(&link).await;
    assert!(matches!(outcome, CallbackOutcome::Connected(_)), "{outcome:?}");
}
