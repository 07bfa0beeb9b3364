use serde_json::json;
use time::Duration;
use valetkey_domain::{
    Account, AccountId, Caller, Change, Clock, EnvironmentId, Error, ErrorCode, SealedBlob, Store,
    event::EventKind,
};
use valetkey_engine::AccountRef;

use crate::{
    provider::{Answer, refused, token_error},
    world::World,
};

async fn sealed(world: &World, account: &Account) -> (u64, SealedBlob) {
    let stored = world.store.credential(&account.id).await.unwrap().unwrap();
    (stored.generation, stored.sealed)
}

/// Puts `blob` where the credential of `account` is, as somebody with the database in hands could.
async fn plant(world: &World, account: &AccountId, generation: u64, blob: SealedBlob) {
    let changes = valetkey_domain::Changes::new().and(Change::EraseCredentials(account.clone())).and(
        Change::PutCredential { account: account.clone(), generation, sealed: blob, at: world.clock.now() },
    );
    world.store.commit(changes).await.unwrap();
}

async fn refused_call(world: &World, account: &Account) -> Error {
    let before = world.provider.seen("/").len();
    let refused = world.call(account, "fake_get_me", json!({})).await.unwrap_err();
    assert_eq!(world.provider.seen("/").len(), before, "nothing of a refused seal is used");
    refused
}

/// S29: a blob moved between users, tenants, fields or generations does not open, and the alarm is raised.
#[tokio::test]
async fn s29_swapped_ciphertext_is_refused_everywhere() {
    let world = World::new().await;
    let connection = world.connection("fake", "fake").await;
    let (first, second) = (world.account("fake", "user_1").await, world.account("fake", "user_2").await);
    let (generation, of_first) = sealed(&world, &first).await;
    let (_, of_second) = sealed(&world, &second).await;

    // User to user.
    plant(&world, &first.id, generation, of_second.clone()).await;
    plant(&world, &second.id, generation, of_first.clone()).await;
    for account in [&first, &second] {
        assert_eq!(refused_call(&world, account).await.code(), ErrorCode::SealRefused);
    }
    plant(&world, &first.id, generation, of_first.clone()).await;
    plant(&world, &second.id, generation, of_second).await;
    world.call(&first, "fake_get_me", json!({})).await.unwrap();

    // Generation to generation: the old blob under the new number, and the old row put back.
    world.engine.refresh_account(&world.caller, &AccountRef::id(first.id.as_str())).await.unwrap();
    let (newer, of_newer) = sealed(&world, &first).await;
    assert_eq!(newer, generation + 1);
    plant(&world, &first.id, newer, of_first.clone()).await;
    assert_eq!(refused_call(&world, &first).await.code(), ErrorCode::SealRefused);
    plant(&world, &first.id, generation, of_first).await;
    assert_eq!(refused_call(&world, &first).await.code(), ErrorCode::SealRefused);
    plant(&world, &first.id, newer, of_newer.clone()).await;
    world.call(&first, "fake_get_me", json!({})).await.unwrap();

    // Field to field: the connection's client secret in the credential's place, and the other way round.
    let secret = connection.client_secret.clone().unwrap();
    plant(&world, &first.id, newer, secret).await;
    assert_eq!(refused_call(&world, &first).await.code(), ErrorCode::SealRefused);
    plant(&world, &first.id, newer, of_newer.clone()).await;
    let mut tampered = world.connection_again(&connection).await;
    tampered.version += 1;
    tampered.client_secret = Some(of_newer.clone());
    world.store.commit(Change::UpdateConnection(tampered).into()).await.unwrap();
    let by_hand = world.engine.refresh_account(&world.caller, &AccountRef::id(first.id.as_str())).await;
    assert_eq!(by_hand.unwrap_err().code(), ErrorCode::SealRefused);

    // Tenant to tenant.
    let environment = EnvironmentId::new(&*world.clock, &*world.entropy);
    world.add_environment(&environment, "other").await;
    let tenant = Caller { environment, ..world.caller.clone() };
    world.connection_of(&tenant, "fake", "fake").await;
    let new = valetkey_engine::NewAccount {
        credential: Some(valetkey_engine::NewCredential::OAuth {
            access_token: "canary-at-tenant".into(),
            refresh_token: None,
            scopes: vec!["read".into()],
            expires_at: None,
            domain: None,
        }),
        ..valetkey_engine::NewAccount::new("fake", "user_1")
    };
    let theirs = world.engine.create_account(&tenant, new).await.unwrap().account;
    plant(&world, &theirs.id, theirs.generation, of_newer).await;
    let call =
        valetkey_engine::ExecuteTool::new(AccountRef::id(theirs.id.as_str()), "fake_get_me", json!({}));
    assert_eq!(world.engine.execute_tool(&tenant, call).await.unwrap_err().code(), ErrorCode::SealRefused);

    let alarms = world.events_of(EventKind::SealRefused).await;
    let of_accounts = alarms.iter().filter(|alarm| alarm.event.account.is_some()).count();
    assert!(of_accounts >= 3 && alarms.len() > of_accounts, "{alarms:?}");
    assert!(alarms.iter().all(|alarm| alarm.event.code == Some(ErrorCode::SealRefused)));
}

/// A bit that flipped anywhere in the blob is noticed.
#[tokio::test]
async fn s29_altered_ciphertext_is_refused() {
    let (world, account) = World::ready().await;
    let (generation, blob) = sealed(&world, &account).await;
    for at in (0..blob.0.len()).step_by(7) {
        let mut altered = blob.clone();
        altered.0[at] ^= 1;
        plant(&world, &account.id, generation, altered).await;
        assert_eq!(refused_call(&world, &account).await.code(), ErrorCode::SealRefused, "byte {at}");
    }
}

/// S56: no secret shows in an event, an execution or an error, whatever the provider says.
#[tokio::test]
async fn s56_no_secret_in_history_records_and_errors() {
    let (world, account) = World::ready().await;
    let mut told = Vec::new();
    let mut keep = |outcome: Result<valetkey_engine::ToolOutcome, Error>| {
        told.push(match outcome {
            Ok(outcome) => outcome.data.to_string(),
            Err(error) => format!("{:?}", error.details()),
        });
    };
    // The token endpoint repeats what it was sent, in every place of its answer.
    let echo = |seen: &crate::provider::Seen| {
        token_error(
            503,
            &format!("code {}", seen.body),
            &format!("you sent {} {}", seen.authorization, seen.body),
        )
    };
    world.advance(Duration::hours(2));
    world.provider.on_token(echo);
    keep(world.call(&account, "fake_get_me", json!({})).await);
    world.advance(Duration::hours(2));
    world.provider.behave();
    keep(world.call(&account, "fake_get_me", json!({})).await);
    // The API repeats its credential, in answers and in refusals.
    for status in [200, 400, 403, 404, 500] {
        world.provider.on_api(move |seen| {
            Answer::json(
                status,
                &json!({"error": {"code": seen.authorization, "message": seen.authorization}}),
            )
        });
        keep(world.call(&account, "fake_get_me", json!({})).await);
    }
    world.provider.on_api(|seen| {
        let mut answer = refused();
        answer.body = json!({"error": {"code": "invalid_token", "message": seen.authorization}}).to_string();
        answer
    });
    world.provider.on_token(move |seen| {
        token_error(
            400,
            "invalid_grant",
            &format!("{} is dead", seen.form("refresh_token").unwrap_or_default()),
        )
    });
    keep(world.call(&account, "fake_get_me", json!({})).await);
    world.engine.disconnect_account(&world.caller, &AccountRef::id(account.id.as_str())).await.unwrap();

    let events = format!("{:?}", world.events().await);
    let executions = format!("{:?}", world.executions().await);
    assert!(world.executions().await.len() >= 8);
    for (place, text) in [("events", &events), ("executions", &executions), ("answers", &told.join("\n"))] {
        assert!(!text.contains("canary"), "a secret in {place}: {text}");
    }
}
