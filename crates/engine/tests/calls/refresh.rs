use std::{sync::Arc, time::Duration as StdDuration};

use serde_json::json;
use time::Duration;
use valetkey_domain::{
    AccountStatus, ErrorCode, PageRequest, SecretString, Store, error::ProviderEvidence, event::EventKind,
};
use valetkey_engine::{AccountRef, AccountUpdate, ConnectionUpdate, ExecuteTool, NewAccount, NewCredential};

use crate::{
    provider::{Answer, refused, token_error},
    world::{FIRST_ACCESS, FIRST_REFRESH, World},
};

const NEARLY_AN_HOUR: Duration = Duration::seconds(3600 - 30);

async fn evidence(world: &World, kind: EventKind) -> serde_json::Value {
    let events = world.events_of(kind).await;
    assert_eq!(events.len(), 1, "{kind:?}");
    events[0].event.data["evidence"].clone()
}

#[tokio::test]
async fn credential_about_to_expire_is_renewed_before_the_call() {
    let (world, account) = World::ready().await;
    world.advance(NEARLY_AN_HOUR);
    let outcome = world.call(&account, "fake_get_me", json!({})).await.unwrap();
    assert_eq!(outcome.data["id"], "u-1");

    let asked = world.provider.seen("/token");
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].form("grant_type").as_deref(), Some("refresh_token"));
    assert_eq!(asked[0].form("refresh_token").as_deref(), Some(FIRST_REFRESH));
    assert_eq!(world.provider.seen("/api/me")[0].authorization, "Bearer canary-at-1");

    let account = world.again(&account).await;
    assert_eq!((account.status(), account.generation), (AccountStatus::Active, 2));
    let stored = world.store.credential(&account.id).await.unwrap().unwrap();
    assert_eq!(stored.generation, 2);
    assert_eq!(world.events_of(EventKind::CredentialRefreshed).await.len(), 1);
}

#[tokio::test]
async fn credential_still_fresh_asks_nobody() {
    let (world, account) = World::ready().await;
    world.advance(Duration::minutes(58));
    world.call(&account, "fake_get_me", json!({})).await.unwrap();
    assert_eq!(world.provider.seen("/token").len(), 0);
    assert_eq!(world.provider.seen("/api/me")[0].authorization, format!("Bearer {FIRST_ACCESS}"));
}

#[tokio::test]
async fn credential_of_short_life_is_renewed_at_half_life_only() {
    let (world, account) = World::ready().await;
    world
        .provider
        .on_token(|_| Answer::json(200, &json!({"access_token": "canary-short", "expires_in": 60})));
    world.advance(NEARLY_AN_HOUR);
    world.call(&account, "fake_get_me", json!({})).await.unwrap();
    world.advance(Duration::seconds(29));
    world.call(&account, "fake_get_me", json!({})).await.unwrap();
    assert_eq!(world.provider.seen("/token").len(), 1);
    world.advance(Duration::seconds(2));
    world.call(&account, "fake_get_me", json!({})).await.unwrap();
    assert_eq!(world.provider.seen("/token").len(), 2);
}

/// I1: one expiry, one refresh, whoever asks.
#[tokio::test]
async fn fifty_callers_at_expiry_cause_one_token_request() {
    let (world, account) = World::ready().await;
    let world = Arc::new(world);
    world.advance(NEARLY_AN_HOUR);
    world.provider.accept(Some("nothing yet"));
    world.provider.hold_tokens(true);
    let mut calls = Vec::new();
    for _ in 0..50 {
        let (world, account) = (world.clone(), account.clone());
        calls.push(tokio::spawn(async move { world.call(&account, "fake_get_me", json!({})).await }));
    }
    world.provider.wait_for("/token", 1).await;
    world.provider.hold_tokens(false);
    for call in calls {
        call.await.unwrap().unwrap();
    }
    assert_eq!(world.provider.seen("/token").len(), 1);
    let calls = world.provider.seen("/api/me");
    assert_eq!(calls.len(), 50);
    assert!(calls.iter().all(|call| call.authorization == "Bearer canary-at-1"));
}

/// I2: when a new token is first used, it is stored.
#[tokio::test]
async fn new_token_is_stored_before_it_is_used() {
    let (world, account) = World::ready().await;
    let world = Arc::new(world);
    world.advance(NEARLY_AN_HOUR);
    world.provider.hold_api(true);
    let (caller, user) = (world.clone(), account.clone());
    let call = tokio::spawn(async move { caller.call(&user, "fake_get_me", json!({})).await });
    world.provider.wait_for("/api/me", 1).await;
    assert_eq!(world.provider.seen("/api/me")[0].authorization, "Bearer canary-at-1");
    assert_eq!(world.store.credential(&account.id).await.unwrap().unwrap().generation, 2);
    world.provider.hold_api(false);
    call.await.unwrap().unwrap();
}

#[tokio::test]
async fn caller_that_hangs_up_does_not_cancel_the_refresh() {
    let (world, account) = World::ready().await;
    world.advance(Duration::hours(2));
    world.provider.hold_tokens(true);
    let call = ExecuteTool {
        deadline: Some(StdDuration::from_millis(50)),
        ..ExecuteTool::new(AccountRef::id(account.id.as_str()), "fake_get_me", json!({}))
    };
    let late = world.engine.execute_tool(&world.caller, call).await.unwrap_err();
    assert_eq!(late.code(), ErrorCode::UpstreamTimeout);
    world.provider.hold_tokens(false);
    world.engine.drain().await;
    assert_eq!(world.again(&account).await.generation, 2);
    assert_eq!(world.provider.seen("/token").len(), 1);
    assert_eq!(world.provider.seen("/api").len(), 0);
}

#[tokio::test]
async fn transient_failure_goes_on_with_the_living_token_and_leaves_the_provider_alone() {
    let (world, account) = World::ready().await;
    world.advance(NEARLY_AN_HOUR);
    world.provider.on_token(|_| Answer::json(503, &json!({})));
    for _ in 0..5 {
        world.call(&account, "fake_get_me", json!({})).await.unwrap();
    }
    assert_eq!(world.provider.seen("/token").len(), 1);
    assert_eq!(world.again(&account).await.status(), AccountStatus::Active);
    let failed = world.events_of(EventKind::RefreshFailed).await;
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0].event.data["class"], "transient");

    world.advance(Duration::seconds(2));
    world.provider.behave();
    world.call(&account, "fake_get_me", json!({})).await.unwrap();
    assert_eq!(world.again(&account).await.generation, 2);
}

#[tokio::test]
async fn transient_failure_with_an_expired_token_is_an_error_and_no_status() {
    let (world, account) = World::ready().await;
    world.advance(Duration::hours(2));
    world.provider.on_token(|_| Answer::json(429, &json!({})).header("retry-after", "120"));
    let failed = world.call(&account, "fake_get_me", json!({})).await.unwrap_err();
    assert_eq!(failed.code(), ErrorCode::UpstreamRateLimited);
    // What the provider asks for, and a little more, so that not everybody is back in the same second.
    let wait = failed.details().retry_after_ms.unwrap();
    assert!((120_000..=130_000).contains(&wait), "{wait}");
    assert_eq!(failed.details().account.as_ref(), Some(&account.id));

    world.advance(Duration::seconds(60));
    let again = world.call(&account, "fake_get_me", json!({})).await.unwrap_err();
    assert_eq!(again.details().retry_after_ms, Some(wait - 60_000));
    let by_hand = world.engine.refresh_account(&world.caller, &AccountRef::id(account.id.as_str())).await;
    assert_eq!(by_hand.unwrap_err().code(), ErrorCode::UpstreamRateLimited);
    assert_eq!(world.provider.seen("/token").len(), 1);
    assert_eq!(world.provider.seen("/api").len(), 0);
    assert_eq!(world.again(&account).await.status(), AccountStatus::Active);

    world.advance(Duration::seconds(71));
    world.provider.behave();
    world.call(&account, "fake_get_me", json!({})).await.unwrap();
}

#[tokio::test]
async fn dead_grant_expires_the_account_once_with_evidence() {
    let (world, account) = World::ready().await;
    world.advance(Duration::hours(2));
    world.provider.on_token(|_| token_error(400, "invalid_grant", "grant request is invalid"));
    for _ in 0..20 {
        let refused = world.call(&account, "fake_get_me", json!({})).await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::AccountExpired);
    }
    assert_eq!(world.provider.seen("/token").len(), 1);
    let expired = world.again(&account).await;
    assert_eq!((expired.status(), expired.cause), (AccountStatus::Expired, Some(ErrorCode::RefreshRefused)));
    let evidence = evidence(&world, EventKind::AccountExpired).await;
    assert_eq!(evidence["code"], "invalid_grant");
    assert_eq!(evidence["message"], "grant request is invalid");
}

#[tokio::test]
async fn dead_grant_whose_words_say_revoked_is_revoked() {
    let (world, account) = World::ready().await;
    world.advance(Duration::hours(2));
    world.provider.on_token(|_| token_error(400, "invalid_grant", "The grant has been revoked by the user."));
    let refused = world.call(&account, "fake_get_me", json!({})).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::AccountRevoked);
    assert_eq!(refused.details().provider.as_ref().unwrap().code.as_deref(), Some("invalid_grant"));
    assert_eq!(world.again(&account).await.status(), AccountStatus::Revoked);
}

/// A wrong client secret is the connection's fault: noted once, and no account suffers.
#[tokio::test]
async fn refused_client_marks_the_connection_once_and_no_account() {
    let world = World::new().await;
    let connection = world.connection("fake", "fake").await;
    let accounts = [world.account("fake", "user_1").await, world.account("fake", "user_2").await];
    world.advance(NEARLY_AN_HOUR);
    world.provider.on_token(|_| token_error(401, "invalid_client", "no such client"));
    for account in &accounts {
        world.call(account, "fake_get_me", json!({})).await.unwrap();
    }
    world.advance(Duration::hours(1));
    for account in &accounts {
        let refused = world.call(account, "fake_get_me", json!({})).await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::InvalidClient);
        assert_eq!(refused.details().connection.as_ref(), Some(&connection.id));
        assert_eq!(world.again(account).await.status(), AccountStatus::Active);
    }
    // Once for both before expiry, once for both an hour later: accounts share what one of them found out.
    assert_eq!(world.provider.seen("/token").len(), 2);
    assert_eq!(world.connection_again(&connection).await.fault.unwrap().code, ErrorCode::InvalidClient);
    assert_eq!(world.events_of(EventKind::ConnectionFaulted).await.len(), 1);

    world.provider.behave();
    let update = ConnectionUpdate {
        client_secret: Some(Some(SecretString::from("canary-right-secret"))),
        ..ConnectionUpdate::default()
    };
    world.engine.update_connection(&world.caller, "fake", update).await.unwrap();
    for account in &accounts {
        world.call(account, "fake_get_me", json!({})).await.unwrap();
    }
    assert_eq!(world.connection_again(&connection).await.fault, None);
}

#[tokio::test]
async fn reply_without_refresh_token_keeps_the_old_one() {
    let (world, account) = World::ready().await;
    world
        .provider
        .on_token(|_| Answer::json(200, &json!({"access_token": "canary-next", "expires_in": 3600})));
    for round in 1..=2 {
        world.advance(NEARLY_AN_HOUR);
        world.call(&account, "fake_get_me", json!({})).await.unwrap();
        let asked = world.provider.seen("/token");
        assert_eq!(asked.len(), round);
        assert_eq!(asked[round - 1].form("refresh_token").as_deref(), Some(FIRST_REFRESH));
    }
}

#[tokio::test]
async fn reply_with_other_scopes_is_recorded_and_told() {
    let (world, account) = World::ready().await;
    world.provider.on_token(|_| {
        Answer::json(200, &json!({"access_token": "canary-less", "expires_in": 3600, "scope": "read"}))
    });
    world.advance(NEARLY_AN_HOUR);
    let refused = world.call(&account, "fake_send_note", json!({"to": "ada"})).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::InsufficientScope);
    assert_eq!(world.provider.seen("/api").len(), 0);
    assert_eq!(world.again(&account).await.scopes, ["read"]);
    let changed = world.events_of(EventKind::ScopesChanged).await;
    assert_eq!(changed[0].event.data["to"], json!(["read"]));
}

#[tokio::test]
async fn refused_call_that_reads_is_repeated_once_with_a_forced_token() {
    let (world, account) = World::ready().await;
    world.provider.accept(Some("another"));
    let outcome = world.call(&account, "fake_get_me", json!({})).await.unwrap();
    assert_eq!(outcome.data["id"], "u-1");
    assert_eq!(world.provider.seen("/token").len(), 1);
    let calls = world.provider.seen("/api/me");
    assert_eq!(calls.len(), 2);
    assert_eq!(calls[1].authorization, "Bearer canary-at-1");
}

/// The token is refused and cannot be renewed, since the client secret is wrong by now: the developer must act, not the user.
#[tokio::test]
async fn refused_call_whose_renewal_meets_a_refused_client_blames_the_connection() {
    let (world, account) = World::ready().await;
    world.provider.accept(Some("another"));
    world.provider.on_token(|_| token_error(401, "invalid_client", "no such client"));
    for _ in 0..2 {
        let refused = world.call(&account, "fake_get_me", json!({})).await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::InvalidClient);
        assert_eq!(refused.details().connection.as_ref(), Some(&account.connection));
        assert!(refused.cause_text().contains("answered 401"), "{}", refused.cause_text());
        assert_eq!(world.again(&account).await.status(), AccountStatus::Active);
    }
}

#[tokio::test]
async fn refused_call_with_an_effect_is_not_repeated_but_the_token_is_renewed() {
    let (world, account) = World::ready().await;
    world.provider.accept(Some("another"));
    let refused = world.call(&account, "fake_send_note", json!({"to": "ada"})).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::UpstreamUnauthorized);
    assert_eq!(world.provider.seen("/api/notes").len(), 1);
    assert_eq!(world.provider.seen("/token").len(), 1);
    // The caller's own repetition works.
    world.call(&account, "fake_send_note", json!({"to": "ada"})).await.unwrap();
    assert_eq!(world.provider.seen("/token").len(), 1);
}

#[tokio::test]
async fn refused_call_that_is_idempotent_is_repeated_once() {
    let (world, account) = World::ready().await;
    world.provider.accept(Some("another"));
    world.call(&account, "fake_put_note", json!({"id": "n1"})).await.unwrap();
    assert_eq!(world.provider.seen("/api/notes/n1").len(), 2);
}

/// Both tokens refused at once, the access token before its time: somebody took the access away.
#[tokio::test]
async fn living_token_and_refresh_token_both_refused_is_revoked() {
    let (world, account) = World::ready().await;
    world.provider.accept(Some("another"));
    world.provider.on_token(|_| token_error(400, "invalid_grant", "grant request is invalid"));
    let refused = world.call(&account, "fake_get_me", json!({})).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::AccountRevoked);
    assert_eq!(world.again(&account).await.status(), AccountStatus::Revoked);
    let evidence = evidence(&world, EventKind::AccountRevoked).await;
    assert_eq!(evidence["access_token_refused_before_expiry"], true);
    assert_eq!(evidence["reason"], "refused");
}

/// R11: one refresh and one retry, no loop. The API refuses even the new token, in the call and in the connector's
/// cheapest read: the access was taken away, although the token endpoint does not know it yet.
#[tokio::test]
async fn api_that_refuses_every_token_costs_one_refresh_and_ends_the_account_with_evidence() {
    let (world, account) = World::ready().await;
    world.provider.on_api(|_| refused());
    for _ in 0..10 {
        let refused = world.call(&account, "fake_get_me", json!({})).await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::AccountRevoked);
    }
    assert_eq!(world.provider.seen("/token").len(), 1);
    // The call, its repetition, and the probe.
    assert_eq!(world.provider.seen("/api/me").len(), 3);
    let evidence = evidence(&world, EventKind::AccountRevoked).await;
    assert_eq!((&evidence["call"]["status"], &evidence["probe"]["status"]), (&json!(401), &json!(401)));
    assert_eq!(evidence["refresh_token"], "renewed in vain");
}

/// R11: an address that refuses every token says nothing about the grant as long as others take it.
#[tokio::test]
async fn address_that_refuses_every_token_costs_one_refresh_and_no_status() {
    let (world, account) = World::ready().await;
    world.provider.on_api(|seen| match seen.path.as_str() {
        "/api/notes/n1" => refused(),
        _ => Answer::json(200, &json!({})),
    });
    for _ in 0..10 {
        let refused = world.call(&account, "fake_put_note", json!({"id": "n1"})).await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::UpstreamUnauthorized);
    }
    assert_eq!(world.provider.seen("/token").len(), 1);
    assert_eq!(world.provider.seen("/api/notes/n1").len(), 11);
    assert_eq!(world.provider.seen("/api/me").len(), 1);
    assert_eq!(world.again(&account).await.status(), AccountStatus::Active);
    assert_eq!(world.events_of(EventKind::CredentialRefused).await.len(), 1);
}

#[tokio::test]
async fn refresh_by_hand_works_and_wakes_an_expired_account() {
    let (world, account) = World::ready().await;
    let wanted = AccountRef::named("fake", "user_1");
    let renewed = world.engine.refresh_account(&world.caller, &wanted).await.unwrap();
    assert_eq!(renewed.account.generation, 2);
    let event = &world.events_of(EventKind::CredentialRefreshed).await[0].event;
    assert_eq!((event.actor.as_str(), &event.data["reason"]), ("client:vkc_tests", &json!("asked")));

    world.advance(Duration::hours(2));
    world.provider.on_token(|_| token_error(400, "invalid_grant", "no"));
    let refused = world.engine.refresh_account(&world.caller, &wanted).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::RefreshRefused);
    let said = ProviderEvidence {
        status: Some(400),
        code: Some("invalid_grant".into()),
        message: Some("no".into()),
        ..ProviderEvidence::default()
    };
    assert_eq!(refused.details().provider, Some(said));
    assert_eq!(world.again(&account).await.status(), AccountStatus::Expired);

    world.provider.behave();
    let renewed = world.engine.refresh_account(&world.caller, &wanted).await.unwrap();
    assert_eq!((renewed.account.status(), renewed.account.cause), (AccountStatus::Active, None));
    world.call(&account, "fake_get_me", json!({})).await.unwrap();
}

#[tokio::test]
async fn refresh_by_hand_of_what_cannot_be_renewed_says_so() {
    let world = World::new().await;
    world.connection("keyed", "keyed").await;
    world.keyed_account("keyed", "user_1").await;
    world.connection("fake", "fake").await;
    world.account_with("fake", "user_2", None, &["read"]).await;
    for wanted in [AccountRef::named("keyed", "user_1"), AccountRef::named("fake", "user_2")] {
        let refused = world.engine.refresh_account(&world.caller, &wanted).await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::RefreshNotPossible);
    }
    assert_eq!(world.provider.seen("/").len(), 0);
}

#[tokio::test]
async fn token_without_refresh_token_expires_the_account_when_it_is_over() {
    let world = World::new().await;
    world.connection("fake", "fake").await;
    let account = world.account_with("fake", "user_1", None, &["read"]).await;
    world.advance(Duration::minutes(59) + Duration::seconds(59));
    world.call(&account, "fake_get_me", json!({})).await.unwrap();
    world.advance(Duration::seconds(1));
    let refused = world.call(&account, "fake_get_me", json!({})).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::AccountExpired);
    assert_eq!(world.again(&account).await.status(), AccountStatus::Expired);
    assert_eq!(evidence(&world, EventKind::AccountExpired).await["refresh_token"], "none");
}

/// Without a refresh token the access token is all there is: refused in a call and in the probe, it was taken away.
#[tokio::test]
async fn token_without_refresh_token_refused_twice_is_revoked_with_evidence() {
    let world = World::new().await;
    world.connection("fake", "fake").await;
    let account = world.account_with("fake", "user_1", None, &["read", "write"]).await;
    // Refused by one address only: that says nothing about the grant.
    world.provider.on_api(
        |seen| {
            if seen.path == "/api/notes" { refused() } else { Answer::json(200, &json!({})) }
        },
    );
    let failed = world.call(&account, "fake_send_note", json!({"to": "ada"})).await.unwrap_err();
    assert_eq!(failed.code(), ErrorCode::UpstreamUnauthorized);
    assert_eq!(world.again(&account).await.status(), AccountStatus::Active);

    let other = world.account_with("fake", "user_2", None, &["read", "write"]).await;
    world.provider.on_api(|_| refused());
    let failed = world.call(&other, "fake_send_note", json!({"to": "ada"})).await.unwrap_err();
    assert_eq!(failed.code(), ErrorCode::AccountRevoked);
    assert!(failed.remedies()[0].url.is_some());
    assert_eq!(world.again(&other).await.status(), AccountStatus::Revoked);
    let evidence = evidence(&world, EventKind::AccountRevoked).await;
    assert_eq!((&evidence["call"]["status"], &evidence["probe"]["status"]), (&json!(401), &json!(401)));
    assert_eq!(world.provider.seen("/token").len(), 0);
}

#[tokio::test]
async fn client_credentials_are_minted_again() {
    let world = World::new().await;
    world.connection("machine", "machine").await;
    let new = NewAccount::new("machine", "user_1");
    let account = world.engine.create_account(&world.caller, new).await.unwrap().account;
    world.advance(NEARLY_AN_HOUR);
    world.call(&account, "machine_list_jobs", json!({})).await.unwrap();
    let asked = world.provider.seen("/token");
    assert_eq!(asked.len(), 2);
    assert!(asked.iter().all(|a| a.form("grant_type").as_deref() == Some("client_credentials")));
    assert_eq!(world.provider.seen("/api/jobs")[0].authorization, "Bearer canary-at-2");
}

/// Starts a call that waits for the token endpoint, and gives its handle.
async fn call_held_at_the_token_endpoint(
    world: &Arc<World>,
    account: &valetkey_domain::Account,
) -> tokio::task::JoinHandle<Result<valetkey_engine::ToolOutcome, valetkey_domain::Error>> {
    world.advance(Duration::hours(2));
    world.provider.hold_tokens(true);
    let (held, account) = (world.clone(), account.clone());
    let call = tokio::spawn(async move { held.call(&account, "fake_get_me", json!({})).await });
    world.provider.wait_for("/token", 1).await;
    call
}

async fn bring_other_tokens(world: &World, account: &valetkey_domain::Account) {
    let update = AccountUpdate {
        credential: Some(NewCredential::OAuth {
            access_token: "canary-at-other".into(),
            refresh_token: Some("canary-rt-other".into()),
            scopes: vec!["read".into()],
            expires_at: Some(valetkey_domain::Clock::now(&*world.clock) + Duration::hours(1)),
            domain: None,
        }),
        ..AccountUpdate::default()
    };
    let wanted = AccountRef::id(account.id.as_str());
    world.engine.update_account(&world.caller, &wanted, update).await.unwrap();
}

/// I4: a loser's `invalid_grant` never changes a row whose generation moved.
#[tokio::test]
async fn refusal_of_a_refresh_that_was_overtaken_harms_nobody() {
    let (world, account) = World::ready().await;
    let world = Arc::new(world);
    let call = call_held_at_the_token_endpoint(&world, &account).await;
    bring_other_tokens(&world, &account).await;
    world.provider.on_token(|_| token_error(400, "invalid_grant", "revoked"));
    world.provider.hold_tokens(false);
    call.await.unwrap().unwrap();
    assert_eq!(world.again(&account).await.status(), AccountStatus::Active);
    assert_eq!(world.provider.seen("/api/me")[0].authorization, "Bearer canary-at-other");
}

/// I3: the stored generation never goes back, and a late answer does not replace a newer grant.
#[tokio::test]
async fn answer_to_a_refresh_that_was_overtaken_replaces_nothing() {
    let (world, account) = World::ready().await;
    let world = Arc::new(world);
    let call = call_held_at_the_token_endpoint(&world, &account).await;
    bring_other_tokens(&world, &account).await;
    world.provider.hold_tokens(false);
    call.await.unwrap().unwrap();
    assert_eq!(world.provider.seen("/api/me")[0].authorization, "Bearer canary-at-other");
    assert_eq!(world.again(&account).await.generation, 2);
}

/// New tokens are not lost to a writer that changed something else of the account.
#[tokio::test]
async fn answer_that_meets_another_writer_is_stored_all_the_same() {
    let (world, account) = World::ready().await;
    let world = Arc::new(world);
    let call = call_held_at_the_token_endpoint(&world, &account).await;
    let update = AccountUpdate { user_id: Some(Some("usr_9".into())), ..AccountUpdate::default() };
    let wanted = AccountRef::id(account.id.as_str());
    world.engine.update_account(&world.caller, &wanted, update).await.unwrap();
    world.provider.hold_tokens(false);
    call.await.unwrap().unwrap();
    let account = world.again(&account).await;
    assert_eq!((account.generation, account.user_id.as_deref()), (2, Some("usr_9")));
    assert_eq!(world.provider.seen("/api/me")[0].authorization, "Bearer canary-at-1");
}

/// The end of an account waits for a refresh under way, and what that brought is revoked too.
#[tokio::test]
async fn account_disconnected_during_a_refresh_leaves_no_living_token() {
    let (world, account) = World::ready().await;
    let world = Arc::new(world);
    let call = call_held_at_the_token_endpoint(&world, &account).await;
    let (ending, wanted) = (world.clone(), AccountRef::id(account.id.as_str()));
    let end = tokio::spawn(async move { ending.engine.disconnect_account(&ending.caller, &wanted).await });
    world.provider.hold_tokens(false);
    let _whatever_came_first = call.await.unwrap();
    end.await.unwrap().unwrap();
    let account = world.again(&account).await;
    assert_eq!(account.status(), AccountStatus::Disconnected);
    assert_eq!(world.store.credential(&account.id).await.unwrap(), None);
    let revoked: Vec<_> = world.provider.seen("/revoke").iter().filter_map(|r| r.form("token")).collect();
    assert!(revoked.contains(&"canary-rt-1".to_owned()), "{revoked:?}");
}

/// R13: with a database that takes no writes the provider is not asked: a rotated token could not be stored.
#[tokio::test]
async fn database_that_takes_no_writes_keeps_the_refresh_from_the_provider() {
    let (world, account) = World::ready().await;
    world.advance(Duration::hours(2));
    world.store.close().await.unwrap();
    let failed = world.call(&account, "fake_get_me", json!({})).await.unwrap_err();
    assert_eq!(failed.code(), ErrorCode::StorageUnavailable);
    assert_eq!(world.provider.seen("/token").len(), 0);
    let page = PageRequest::default();
    let filter = valetkey_domain::store::ExecutionFilter::default();
    let recorded = world.store.executions(&world.caller.environment, &filter, &page).await.unwrap();
    assert_eq!(recorded.total, 0);
}
