//! A database that was restored or copied: refresh tokens that work once may have been spent elsewhere. R18.

use serde_json::json;
use time::Duration;
use valetkey_domain::{Account, AccountStatus, Change, Clock, ErrorCode, Store, refresh::Frozen};
use valetkey_engine::AccountRef;

use crate::{
    provider::{Answer, refused},
    world::{FIRST_ACCESS, World},
};

async fn frozen(connector: &str) -> (World, Account) {
    let (world, account) = World::ready_with(connector).await;
    world.advance(Duration::minutes(1));
    let mark = Frozen { since: world.clock.now(), reason: "a copy was opened".into() };
    world.store.commit(Change::Freeze(mark).into()).await.unwrap();
    (world, account)
}

fn nearly_over(world: &World) {
    world.advance(Duration::minutes(58) + Duration::seconds(30));
}

/// Served while its access token lives, not renewed, and no status suffers; after the operator's word all goes on.
#[tokio::test]
async fn frozen_grant_that_rotates_is_served_and_not_renewed_until_confirmed() {
    let (world, account) = frozen("strict").await;
    nearly_over(&world);
    world.get_me(&world.engine, &account).await.unwrap();
    assert_eq!(world.provider.seen("/api/me")[0].authorization, format!("Bearer {FIRST_ACCESS}"));
    world.advance(Duration::hours(1));
    let refused = world.get_me(&world.engine, &account).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::GrantFrozen);
    let by_hand = world.engine.refresh_account(&world.caller, &AccountRef::id(account.id.as_str())).await;
    assert_eq!(by_hand.unwrap_err().code(), ErrorCode::GrantFrozen);
    assert_eq!(world.provider.seen("/token").len(), 0);
    assert_eq!(world.again(&account).await.status(), AccountStatus::Active);

    world.store.commit(Change::Thaw.into()).await.unwrap();
    world.get_me(&world.engine, &account).await.unwrap();
    assert_eq!(world.again(&account).await.generation, 2);
}

/// A token that stays good may be used by two: nothing to freeze.
#[tokio::test]
async fn frozen_store_renews_grants_that_do_not_rotate() {
    let (world, account) = frozen("fake").await;
    nearly_over(&world);
    world.get_me(&world.engine, &account).await.unwrap();
    assert_eq!(world.again(&account).await.generation, 2);
}

/// What was authorized after the copy was noticed is nobody else's.
#[tokio::test]
async fn frozen_store_renews_grants_made_since() {
    let (world, _) = frozen("strict").await;
    let account = world.account("strict", "user_2").await;
    nearly_over(&world);
    world.advance(Duration::minutes(1));
    world.get_me(&world.engine, &account).await.unwrap();
    assert_eq!(world.again(&account).await.generation, 2);
}

/// The provider's word that the refresh token is still good is a proof (RFC 7662). A plain no, or no answer, is none.
#[tokio::test]
async fn frozen_grant_whose_refresh_token_is_active_is_renewed() {
    for (body, generation) in [(json!({"active": true}), 2), (json!({"active": false}), 1), (json!({}), 1)] {
        let (world, account) = frozen("telling").await;
        world.provider.on_api(move |seen| match seen.path.as_str() {
            "/introspect" => Answer::json(200, &body),
            _ => Answer::json(200, &json!({})),
        });
        nearly_over(&world);
        for _ in 0..5 {
            world.get_me(&world.engine, &account).await.unwrap();
        }
        assert_eq!(world.again(&account).await.generation, generation);
        let asked = world.provider.seen("/introspect");
        assert_eq!(asked.len(), 1, "asked once, not with every call");
        assert_eq!(asked[0].form("token").as_deref(), Some("canary-rt-first"));
    }
}

/// Where a renewal ends the access token of before, one that still works proves that there was none.
#[tokio::test]
async fn frozen_grant_whose_access_token_would_be_dead_is_renewed_if_it_works() {
    let (world, account) = frozen("killing").await;
    nearly_over(&world);
    world.get_me(&world.engine, &account).await.unwrap();
    assert_eq!(world.again(&account).await.generation, 2);

    let (world, account) = frozen("killing").await;
    world.provider.on_api(|_| refused());
    nearly_over(&world);
    world.get_me(&world.engine, &account).await.unwrap_err();
    assert_eq!(world.provider.seen("/token").len(), 0);
    assert_eq!(world.again(&account).await.generation, 1);
}
