use valetkey_domain::{ErrorCode, event::EventKind};
use valetkey_engine::ConnectionTest;

use crate::{
    provider::{Answer, token_error},
    world::{CLIENT_SECRET, World},
};

fn check(test: &ConnectionTest, item: &str) -> Option<(bool, Option<ErrorCode>)> {
    test.checked.iter().find(|check| check.item == item).map(|check| (check.ok, check.code))
}

fn left_open(test: &ConnectionTest, item: &str) -> bool {
    test.not_checked.iter().any(|open| open.item == item)
}

#[tokio::test]
async fn client_that_the_provider_accepts_passes_and_clears_the_fault() {
    let world = World::new().await;
    let connection = world.connection("fake", "fake").await;
    world.provider.on_token(|_| token_error(401, "invalid_client", "unknown"));
    let test = world.engine.test_connection(&world.caller, "fake").await.unwrap();
    assert_eq!(check(&test, "client_credentials"), Some((false, Some(ErrorCode::InvalidClient))));
    assert!(!test.ok);
    assert!(world.connection_again(&connection).await.fault.is_some());

    world.provider.on_token(|seen| {
        let right = seen.body.contains(CLIENT_SECRET) || seen.authorization.contains("Basic");
        if right {
            token_error(400, "invalid_grant", "no such code")
        } else {
            token_error(401, "invalid_client", "")
        }
    });
    let test = world.engine.test_connection(&world.caller, connection.id.as_str()).await.unwrap();
    assert_eq!(check(&test, "client_credentials"), Some((true, None)));
    assert!(test.ok);
    for item in ["redirect_uri", "scopes", "consent"] {
        assert!(left_open(&test, item), "{item}");
    }
    assert_eq!(world.connection_again(&connection).await.fault, None);
    assert_eq!(world.events_of(EventKind::ConnectionRecovered).await.len(), 1);
}

/// A provider that looks at the code first proves nothing, and the test says so.
#[tokio::test]
async fn provider_that_never_looks_at_the_client_leaves_the_question_open() {
    let world = World::new().await;
    world.connection("fake", "fake").await;
    world.provider.on_token(|_| token_error(400, "invalid_grant", "no such code"));
    let test = world.engine.test_connection(&world.caller, "fake").await.unwrap();
    assert_eq!(check(&test, "client_credentials"), None);
    assert!(left_open(&test, "client_credentials"));
    assert_eq!(check(&test, "token_endpoint"), Some((true, None)));
}

#[tokio::test]
async fn token_endpoint_in_trouble_says_nothing_about_the_client() {
    let world = World::new().await;
    let connection = world.connection("fake", "fake").await;
    world.provider.on_token(|_| Answer { status: 503, headers: vec![], body: String::new() });
    let test = world.engine.test_connection(&world.caller, "fake").await.unwrap();
    assert!(!test.ok && left_open(&test, "client_credentials"));
    assert!(!check(&test, "token_endpoint").unwrap().0);
    assert_eq!(world.connection_again(&connection).await.fault, None);
}

#[tokio::test]
async fn client_credentials_really_get_a_token() {
    let world = World::new().await;
    world.connection("machine", "machine").await;
    let test = world.engine.test_connection(&world.caller, "machine").await.unwrap();
    assert_eq!(check(&test, "client_credentials"), Some((true, None)));
    world.provider.on_token(|_| token_error(401, "invalid_client", "no"));
    let test = world.engine.test_connection(&world.caller, "machine").await.unwrap();
    assert_eq!(check(&test, "client_credentials"), Some((false, Some(ErrorCode::InvalidClient))));
}

#[tokio::test]
async fn connector_without_client_and_unknown_connection_say_so() {
    let world = World::new().await;
    world.connection("keyed", "keyed").await;
    let test = world.engine.test_connection(&world.caller, "keyed").await.unwrap();
    assert!(test.ok && test.checked.is_empty() && left_open(&test, "client_credentials"));
    let unknown = world.engine.test_connection(&world.caller, "nothing").await.unwrap_err();
    assert_eq!(unknown.code(), ErrorCode::ConnectionNotFound);
}
