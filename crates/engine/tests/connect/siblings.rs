//! A provider whose revocation ends every grant that the user gave the OAuth client.

use serde_json::json;
use valetkey_domain::{AccountStatus, ErrorCode, Store, event::EventKind, revocation::RevocationOutcome};
use valetkey_engine::{AccountRef, AccountView, End, Siblings};
use valetkey_testkit::engine_fixture::EngineFixture;
use valetkey_upstream::connector::RevokeReach;

/// Two connections with the same OAuth client; on each an account of the same user at the provider, and on the first
/// one of somebody else's.
async fn family() -> (EngineFixture, AccountView, AccountView, AccountView) {
    let fixture = EngineFixture::start().await;
    fixture.connection("mail", "acmewide").await;
    fixture.connection("files", "acmewide").await;
    let mail = fixture.authorize("mail", "user_1").await;
    let files = fixture.authorize("files", "user_1").await;
    fixture.provider.sign_in("user-2");
    let other = fixture.authorize("mail", "user_2").await;
    (fixture, mail, files, other)
}

fn by_id(account: &AccountView) -> AccountRef {
    AccountRef::id(account.account.id.as_str())
}

#[tokio::test]
async fn ending_that_reaches_siblings_is_refused_naming_them() {
    let (fixture, mail, files, other) = family().await;
    for end in [End::Disconnect, End::Delete] {
        let refused =
            fixture.engine.end_account(&fixture.caller, &by_id(&mail), end, Siblings::Ask).await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::RevocationReachesSiblings);
        let message = &refused.details().message;
        assert!(message.contains(files.account.id.as_str()), "{message}");
        assert!(message.contains("user-1@acme.example"), "people know a label, not an id: {message}");
        assert!(!message.contains(other.account.id.as_str()), "{message}");
    }
    assert_eq!(fixture.provider.requests_to("/revoke").len(), 0);
    let after = fixture.account("mail", "user_1").await;
    assert_eq!(after.account, mail.account, "nothing happened");
}

#[tokio::test]
async fn preview_tells_what_would_end_and_changes_nothing() {
    let (fixture, mail, files, other) = family().await;
    let preview = fixture.engine.preview_end(&fixture.caller, &by_id(&mail)).await.unwrap();
    assert!(preview.offered);
    assert_eq!(preview.reach, Some(RevokeReach::UserAndClient));
    let siblings: Vec<_> = preview.siblings.iter().map(|view| view.account.id.clone()).collect();
    assert_eq!(siblings, [files.account.id]);
    assert_eq!(preview.siblings[0].connection_name, "files");
    assert!(preview.warnings.iter().any(|warning| warning.contains("user-1@acme.example")));
    assert!(preview.warnings.iter().any(|warning| warning.contains("list of apps")), "the connector's note");
    assert_eq!(fixture.account("mail", "user_1").await.account, mail.account);

    let alone = fixture.engine.preview_end(&fixture.caller, &by_id(&other)).await.unwrap();
    assert!(alone.siblings.is_empty());
}

#[tokio::test]
async fn ending_with_siblings_revokes_once_and_disconnects_them_too() {
    let (fixture, mail, files, other) = family().await;
    let ended = fixture
        .engine
        .end_account(&fixture.caller, &by_id(&mail), End::Delete, Siblings::Revoke)
        .await
        .unwrap();
    assert_eq!(ended.receipt.unwrap().outcome, RevocationOutcome::RevokedAndVerified);
    assert_eq!(fixture.store.account(&mail.account.id).await.unwrap(), None);
    let after = fixture.account("files", "user_1").await;
    assert_eq!(after.account.status(), AccountStatus::Disconnected);
    assert_eq!(fixture.store.credential(&files.account.id).await.unwrap(), None);
    let events = fixture.events(&after).await;
    let told = events.iter().find(|event| event.event.kind == EventKind::AccountDisconnected).unwrap();
    assert_eq!(told.event.data["because_of"], mail.account.id.as_str());
    let stranger = fixture.account("mail", "user_2").await;
    assert_eq!(stranger.account, other.account);
}

#[tokio::test]
async fn ending_that_keeps_siblings_leaves_the_grant_alive() {
    let (fixture, mail, files, _) = family().await;
    let ended = fixture
        .engine
        .end_account(&fixture.caller, &by_id(&mail), End::Disconnect, Siblings::Keep)
        .await
        .unwrap();
    let receipt = ended.receipt.unwrap();
    assert_eq!(receipt.outcome, RevocationOutcome::KeptForSiblings);
    assert_eq!(receipt.siblings, [files.account.id.to_string()]);
    assert_eq!(fixture.provider.requests_to("/revoke").len(), 0);
    assert_eq!(fixture.store.credential(&mail.account.id).await.unwrap(), None, "erased here all the same");
    let events = fixture.events(&ended.account).await;
    let told = events.iter().find(|event| event.event.kind == EventKind::RevocationReceipt).unwrap();
    assert_eq!(
        (&told.event.data["outcome"], &told.event.data["siblings"]),
        (&json!("kept_for_siblings"), &json!([files.account.id.as_str()]))
    );
    // The last one has nobody to spare.
    let last = fixture
        .engine
        .end_account(&fixture.caller, &by_id(&files), End::Disconnect, Siblings::Ask)
        .await
        .unwrap();
    assert_eq!(last.receipt.unwrap().outcome, RevocationOutcome::RevokedAndVerified);
}

#[tokio::test]
async fn siblings_of_another_oauth_client_are_none() {
    let (fixture, mail, _, _) = family().await;
    let update = valetkey_engine::ConnectionUpdate {
        client_id: Some(Some("another-client".into())),
        ..valetkey_engine::ConnectionUpdate::default()
    };
    fixture.engine.update_connection(&fixture.caller, "files", update).await.unwrap();
    let preview = fixture.engine.preview_end(&fixture.caller, &by_id(&mail)).await.unwrap();
    assert!(preview.siblings.is_empty());
}

/// Google keeps one consent per user and OAuth client for all its services: whoever ends the mail account ends the
/// calendar and the files too, and is told before.
#[tokio::test]
async fn google_accounts_of_one_user_and_client_are_siblings_across_its_services() {
    let fixture = EngineFixture::with_all_connectors(&[], |_| {}).await;
    for connector in ["gmail", "googlecalendar", "googledrive"] {
        fixture.connection(connector, connector).await;
    }
    let mail = fixture.authorize("gmail", "user_1").await;
    let calendar = fixture.authorize("googlecalendar", "user_1").await;
    let files = fixture.authorize("googledrive", "another_id").await;
    // The same person with another provider's app of the same client id, and somebody else at Google.
    fixture.connection("acmewide", "acmewide").await;
    fixture.authorize("acmewide", "user_1").await;
    fixture.provider.sign_in("user-2");
    fixture.authorize("gmail", "user_2").await;

    let preview = fixture.engine.preview_end(&fixture.caller, &by_id(&mail)).await.unwrap();
    assert_eq!((preview.offered, preview.reach), (true, Some(RevokeReach::UserAndClient)));
    let mut siblings: Vec<_> = preview.siblings.iter().map(|view| view.account.id.clone()).collect();
    siblings.sort();
    let mut expected = vec![calendar.account.id.clone(), files.account.id.clone()];
    expected.sort();
    assert_eq!(siblings, expected);
    assert!(preview.warnings.iter().any(|warning| warning.contains(calendar.account.id.as_str())));
    assert!(preview.warnings.iter().any(|warning| warning.contains("every Google service")));
    let refused = fixture
        .engine
        .end_account(&fixture.caller, &by_id(&mail), End::Disconnect, Siblings::Ask)
        .await
        .unwrap_err();
    assert_eq!(refused.code(), ErrorCode::RevocationReachesSiblings);
    assert_eq!(fixture.provider.requests_to("/revoke").len(), 0);
    fixture
        .engine
        .end_account(&fixture.caller, &by_id(&mail), End::Disconnect, Siblings::Revoke)
        .await
        .unwrap();
    for (connection, identifier) in [("googlecalendar", "user_1"), ("googledrive", "another_id")] {
        let after = fixture.account(connection, identifier).await;
        assert_eq!(after.account.status(), AccountStatus::Disconnected, "{connection}");
    }
    assert_eq!(fixture.account("gmail", "user_2").await.account.status(), AccountStatus::Active);
    assert_eq!(fixture.account("acmewide", "user_1").await.account.status(), AccountStatus::Active);
}
