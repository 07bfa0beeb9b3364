//! Taking a grant back at the provider: verified, tried again, given up. S13, S37.

use serde_json::{Value, json};
use time::Duration;
use valetkey_domain::{
    Account, AccountStatus, Clock, ErrorCode, ExposeSecret, PageRequest, Store, event::EventKind,
    revocation::RevocationOutcome,
};
use valetkey_engine::{AccountRef, Background, BackgroundSettings, End, Ended, PendingView, Siblings};

use crate::{
    provider::{Answer, refused},
    world::{FIRST_ACCESS, FIRST_REFRESH, World},
};

async fn end(world: &World, account: &Account, end: End) -> Ended {
    let wanted = AccountRef::id(account.id.as_str());
    world.engine.end_account(&world.caller, &wanted, end, Siblings::Ask).await.unwrap()
}

async fn pending(world: &World) -> Vec<PendingView> {
    let page = PageRequest::default();
    world.engine.pending_revocations(&world.caller, None, &page).await.unwrap().items
}

/// Does what the background does with revocations whose time has come; says how many there were.
async fn retry_due(world: &World) -> usize {
    let now = world.clock.now();
    let due = world.store.take_due_revocations(now, now + Duration::minutes(2), 20).await.unwrap();
    let count = due.len();
    for revocation in due {
        world.engine.retry_revocation(revocation).await.unwrap();
    }
    count
}

/// The data of the receipts in the history, oldest first.
async fn receipts(world: &World) -> Vec<Value> {
    let mut events = world.events_of(EventKind::RevocationReceipt).await;
    events.reverse();
    events.into_iter().map(|event| event.event.data).collect()
}

/// The revocation endpoint answers so; the API refuses every token of an ended grant.
fn revocation_answers(world: &World, mut answer: impl FnMut() -> Answer + Send + 'static) {
    world.provider.on_api(move |seen| match seen.path.as_str() {
        "/revoke" => answer(),
        _ => refused(),
    });
}

/// S13: the refresh token, then the access token; a call with it shows that it is dead.
#[tokio::test]
async fn s13_revocation_is_verified_by_a_call_that_is_refused() {
    let (world, account) = World::ready().await;
    revocation_answers(&world, || Answer::json(200, &json!({})));
    let receipt = end(&world, &account, End::Disconnect).await.receipt.unwrap();
    assert_eq!(receipt.outcome, RevocationOutcome::RevokedAndVerified);
    assert_eq!(receipt.verified_by, Some("probe"));
    let revoked = world.provider.seen("/revoke");
    let tokens: Vec<_> = revoked.iter().map(|seen| seen.form("token").unwrap()).collect();
    assert_eq!(tokens, [FIRST_REFRESH, FIRST_ACCESS]);
    assert_eq!(revoked[0].form("token_type_hint").as_deref(), Some("refresh_token"));
    assert!(pending(&world).await.is_empty());
    let told = &receipts(&world).await[0];
    assert_eq!(
        (&told["outcome"], &told["verified_by"], &told["tokens"]),
        (&json!("revoked_and_verified"), &json!("probe"), &json!(["refresh_token", "access_token"]))
    );
}

#[tokio::test]
async fn revocation_that_leaves_the_access_token_alive_says_so() {
    let (world, account) = World::ready().await;
    let receipt = end(&world, &account, End::Delete).await.receipt.unwrap();
    assert_eq!(receipt.outcome, RevocationOutcome::Revoked);
    assert!(receipt.detail.unwrap().contains("still worked"));
}

/// S13: the local end does not wait for the provider, and the provider's Retry-After is obeyed.
#[tokio::test]
async fn s13_revocation_answered_503_is_tried_again_when_the_provider_said() {
    let (world, account) = World::ready().await;
    let mut first = true;
    revocation_answers(&world, move || match std::mem::take(&mut first) {
        true => Answer::json(503, &json!({})).header("retry-after", "600"),
        false => Answer::json(200, &json!({})),
    });
    let ended = end(&world, &account, End::Delete).await;
    let receipt = ended.receipt.unwrap();
    assert_eq!(receipt.outcome, RevocationOutcome::FailedWillRetry);
    let retry_at = receipt.retry_at.unwrap();
    assert!(retry_at >= world.clock.now() + Duration::minutes(10), "not before it was asked for");
    assert!(retry_at <= world.clock.now() + Duration::minutes(11));
    // Gone here at once (S37).
    assert_eq!(world.store.account(&account.id).await.unwrap(), None);
    assert_eq!(world.store.credential(&account.id).await.unwrap(), None);
    let waiting = pending(&world).await;
    assert_eq!(waiting.len(), 1);
    assert_eq!(waiting[0].connection_name.as_deref(), Some("fake"));
    let shown = &waiting[0].revocation;
    assert_eq!((shown.identifier.as_str(), shown.attempts), ("user_1", 1));
    assert_eq!((shown.last_code, shown.next_at), (Some(ErrorCode::UpstreamError), retry_at));

    let tried = world.provider.seen("/revoke").len();
    world.advance(Duration::minutes(9));
    assert_eq!(retry_due(&world).await, 0, "nothing is due before");
    assert_eq!(world.provider.seen("/revoke").len(), tried);
    world.advance(Duration::minutes(2));
    assert_eq!(retry_due(&world).await, 1);
    let last = world.provider.seen("/revoke").split_off(tried);
    assert_eq!(last[0].form("token").as_deref(), Some(FIRST_REFRESH));
    assert!(pending(&world).await.is_empty());
    let told = receipts(&world).await;
    assert_eq!(told[0]["outcome"], "failed_will_retry");
    assert_eq!((&told[1]["outcome"], &told[1]["attempts"]), (&json!("revoked_and_verified"), &json!(2)));
}

/// S13, S37: 24 hours of 503. The local copy is gone from the first minute, the pending revocation can be seen all the
/// time, then it is given up and its sealed copy erased too.
#[tokio::test]
async fn s13_s37_revocation_refused_for_a_day_is_visible_then_given_up() {
    let (world, account) = World::ready().await;
    revocation_answers(&world, || Answer::json(503, &json!({})));
    end(&world, &account, End::Disconnect).await;
    let begun = world.clock.now();
    let mut tries = 1;
    while world.clock.now() < begun + Duration::hours(24) - Duration::minutes(10) {
        assert_eq!(world.store.credential(&account.id).await.unwrap(), None);
        let waiting = pending(&world).await;
        assert_eq!(waiting.len(), 1);
        assert!(waiting[0].revocation.next_at <= begun + Duration::hours(24));
        assert_eq!(waiting[0].revocation.attempts, tries);
        world.advance(Duration::minutes(10));
        tries += u32::try_from(retry_due(&world).await).unwrap();
    }
    // At most once an hour at last, and at least that often: full jitter over a pause of an hour.
    assert!((24..=145).contains(&tries), "{tries}");
    world.advance(Duration::minutes(10));
    while !pending(&world).await.is_empty() {
        assert_eq!(retry_due(&world).await, 1, "the last try comes when the time is over");
        world.advance(Duration::seconds(1));
    }
    let told = receipts(&world).await;
    let last = told.last().unwrap();
    assert_eq!((&last["outcome"], &last["retry_at"]), (&json!("given_up"), &Value::Null));
    assert_eq!(last["evidence"]["status"], 503);
    let nothing = world.store.sealed_records(None, 100).await.unwrap();
    let revocations = nothing.iter().filter(|record| record.sealed_for.is_some());
    assert_eq!(revocations.count(), 0, "no ciphertext of the grant is left");
    let asked = world.provider.seen("/revoke").len();
    world.advance(Duration::days(2));
    assert_eq!(retry_due(&world).await, 0);
    assert_eq!(world.provider.seen("/revoke").len(), asked);
}

/// The background does it by itself, also in another process than the one that ended the account.
#[tokio::test]
async fn s13_background_of_another_server_revokes_what_was_left() {
    let (world, account) = World::ready().await;
    revocation_answers(&world, || Answer::json(503, &json!({})));
    end(&world, &account, End::Delete).await;
    revocation_answers(&world, || Answer::json(200, &json!({})));
    world.advance(Duration::minutes(2));
    let twin = world.twin();
    twin.join().await.unwrap();
    let background = Background::start(&twin, BackgroundSettings::default());
    // The revocation is gone from the database a moment before the job has returned and is counted; a job that is told
    // to stop in between never is.
    let counted = || background.status().get("retry_revocations").is_some_and(|job| job.done > 0);
    let done = async {
        while !(pending(&world).await.is_empty() && counted()) {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), done).await.unwrap();
    background.stop().await;
    assert_eq!(receipts(&world).await.last().unwrap()["outcome"], "revoked_and_verified");
    let status = background.status();
    let job = &status["retry_revocations"];
    assert_eq!((job.done, &job.last_error), (1, &None));
}

/// Without its OAuth client nobody can revoke it.
#[tokio::test]
async fn revocation_whose_connection_is_gone_is_given_up_at_once() {
    let (world, account) = World::ready().await;
    revocation_answers(&world, || Answer::json(503, &json!({})));
    end(&world, &account, End::Delete).await;
    world.engine.delete_connection(&world.caller, "fake").await.unwrap();
    assert_eq!(pending(&world).await[0].connection_name, None);
    world.advance(Duration::hours(1));
    assert_eq!(retry_due(&world).await, 1);
    assert!(pending(&world).await.is_empty());
    let last = receipts(&world).await.pop().unwrap();
    assert_eq!(last["outcome"], "given_up");
}

/// The tokens that a refresh under way brings are the ones to revoke.
#[tokio::test]
async fn disconnect_during_a_refresh_revokes_what_it_brought() {
    let (world, account) = World::ready().await;
    world.advance(Duration::minutes(58));
    world.provider.hold_tokens(true);
    let (engine, caller) = (world.engine.clone(), world.caller.clone());
    let wanted = AccountRef::id(account.id.as_str());
    let refresh = tokio::spawn(async move { engine.refresh_account(&caller, &wanted).await });
    world.provider.wait_for("/token", 1).await;
    let (engine, caller) = (world.engine.clone(), world.caller.clone());
    let wanted = AccountRef::id(account.id.as_str());
    let ending = tokio::spawn(async move { engine.disconnect_account(&caller, &wanted).await });
    world.provider.hold_tokens(false);
    refresh.await.unwrap().unwrap();
    ending.await.unwrap().unwrap();
    let tokens: Vec<_> = world.provider.seen("/revoke").iter().map(|s| s.form("token").unwrap()).collect();
    assert_eq!(tokens, ["canary-rt-1", "canary-at-1"]);
    assert_eq!(world.again(&account).await.status(), AccountStatus::Disconnected);
}

/// S29: what waits to be revoked is sealed, and opens as nobody's credential.
#[tokio::test]
async fn revocation_that_waits_holds_no_clear_token() {
    let (world, account) = World::ready().await;
    revocation_answers(&world, || Answer::json(503, &json!({})));
    end(&world, &account, End::Delete).await;
    let sealed = &pending(&world).await[0].revocation.sealed.0;
    for secret in [FIRST_ACCESS, FIRST_REFRESH, valetkey_domain::SecretString::from("canary").expose_secret()]
    {
        assert!(!sealed.windows(secret.len()).any(|window| window == secret.as_bytes()));
    }
}
