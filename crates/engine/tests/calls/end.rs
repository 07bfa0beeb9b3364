use serde_json::json;
use valetkey_domain::{AccountStatus, Caller, ErrorCode, Permission, Permissions, Store, event::EventKind};
use valetkey_engine::AccountRef;

use crate::{
    provider::Answer,
    world::{FIRST_REFRESH, World},
};

#[tokio::test]
async fn disconnect_revokes_at_the_provider_and_erases_here() {
    let (world, account) = World::ready().await;
    let wanted = AccountRef::named("fake", "user_1");
    let ended = world.engine.disconnect_account(&world.caller, &wanted).await.unwrap();
    assert_eq!(ended.account.status(), AccountStatus::Disconnected);
    assert_eq!(world.store.credential(&account.id).await.unwrap(), None);
    // S13: the refresh token first.
    let revoked = world.provider.seen("/revoke");
    assert_eq!(revoked[0].form("token").as_deref(), Some(FIRST_REFRESH));
    let receipt = &world.events_of(EventKind::RevocationReceipt).await[0].event;
    assert_eq!((&receipt.data["outcome"], receipt.actor.as_str()), (&json!("revoked"), "client:vkc_tests"));

    let refused = world.call(&account, "fake_get_me", json!({})).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::AccountDisconnected);
    let again = world.engine.disconnect_account(&world.caller, &wanted).await.unwrap();
    assert_eq!(again.account.version, ended.account.version);
}

#[tokio::test]
async fn disconnect_with_a_failing_provider_erases_here_all_the_same() {
    let (world, account) = World::ready().await;
    world.provider.on_api(|_| Answer::json(503, &json!({})));
    let wanted = AccountRef::id(account.id.as_str());
    world.engine.disconnect_account(&world.caller, &wanted).await.unwrap();
    assert_eq!(world.again(&account).await.status(), AccountStatus::Disconnected);
    assert_eq!(world.store.credential(&account.id).await.unwrap(), None);
    assert_eq!(world.events_of(EventKind::RevocationReceipt).await[0].event.data["outcome"], "failed_will_retry");
}

#[tokio::test]
async fn delete_removes_the_account_and_keeps_its_history() {
    let (world, account) = World::ready().await;
    world.call(&account, "fake_get_me", json!({})).await.unwrap();
    let wanted = AccountRef::id(account.id.as_str());
    world.engine.delete_account(&world.caller, &wanted).await.unwrap();
    assert_eq!(world.store.account(&account.id).await.unwrap(), None);
    assert_eq!(world.store.credential(&account.id).await.unwrap(), None);
    assert_eq!(world.provider.seen("/revoke").len(), 2);
    let deleted = world.events_of(EventKind::AccountDeleted).await;
    assert_eq!(deleted[0].event.data["identifier"], "user_1");
    assert_eq!(world.executions().await.len(), 1);
    let gone = world.engine.delete_account(&world.caller, &wanted).await.unwrap_err();
    assert_eq!(gone.code(), ErrorCode::AccountNotFound);
}

#[tokio::test]
async fn delete_of_a_static_credential_says_that_only_the_user_can_revoke_it() {
    let world = World::new().await;
    world.connection("keyed", "keyed").await;
    world.keyed_account("keyed", "user_1").await;
    world.engine.delete_account(&world.caller, &AccountRef::named("keyed", "user_1")).await.unwrap();
    let receipt = &world.events_of(EventKind::RevocationReceipt).await[0].event;
    assert_eq!(receipt.data["outcome"], "not_offered");
}

#[tokio::test]
async fn ending_an_account_needs_the_permission() {
    let (world, account) = World::ready().await;
    let others: Permissions =
        Permission::ALL.iter().copied().filter(|p| *p != Permission::AccountsRevoke).collect();
    let caller = Caller { permissions: others, ..world.caller.clone() };
    let wanted = AccountRef::id(account.id.as_str());
    for refused in [
        world.engine.disconnect_account(&caller, &wanted).await.err(),
        world.engine.delete_account(&caller, &wanted).await.err(),
    ] {
        assert_eq!(refused.unwrap().code(), ErrorCode::PermissionDenied);
    }
    assert_eq!(world.again(&account).await.status(), AccountStatus::Active);
}

/// S27: access tokens only with the permission, refresh tokens never.
#[tokio::test]
async fn s27_credential_is_read_with_permission_only_and_without_refresh_token() {
    let (world, account) = World::ready().await;
    let wanted = AccountRef::id(account.id.as_str());
    let (_, credential) = world.engine.read_credential(&world.caller, &wanted).await.unwrap();
    let Some(valetkey_domain::Credential::OAuth(tokens)) = credential else { panic!("no tokens") };
    assert!(tokens.refresh_token.is_none());

    let standard = Caller { permissions: Permissions::standard(), ..world.caller.clone() };
    let (view, credential) = world.engine.read_credential(&standard, &wanted).await.unwrap();
    assert_eq!(view.account.id, account.id);
    assert!(credential.is_none());
}
