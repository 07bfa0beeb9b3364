//! Remedies hold what their reader needs: the address to paste, the command to run, the link to send, the wait.

use valetkey_domain::{Error, ErrorCode, catalogue::RemedyAction};
use valetkey_engine::{AccountRef, ConnectionUpdate, ExecuteTool, LinkOptions};
use valetkey_testkit::engine_fixture::{Browser, EngineFixture};

use crate::{failed, params};

/// A user comes back from the provider with this error; then a tool is called.
async fn called_after(error: &str) -> (EngineFixture, Error) {
    let fixture = EngineFixture::start().await;
    fixture.connection("acme", "acme").await;
    let link = fixture.link("acme", "user_1").await;
    let mut browser = Browser::default();
    let url = browser.go(&fixture.engine, &link.url).await.unwrap();
    let consent = fixture.provider.consent(&url);
    let mut pairs = params(&[("error", error), ("error_description", "canary words of the provider")]);
    pairs.insert("state".into(), consent.params["state"].clone());
    failed(browser.come_back(&fixture.engine, &consent.redirect_uri, &pairs).await);
    let refused = call(&fixture).await;
    (fixture, refused)
}

async fn call(fixture: &EngineFixture) -> Error {
    let account = AccountRef {
        connection_name: Some("acme".into()),
        identifier: Some("user_1".into()),
        ..AccountRef::default()
    };
    let call = ExecuteTool::new(account, "acme_get_profile", serde_json::json!({}));
    fixture.engine.execute_tool(&fixture.caller, call).await.unwrap_err()
}

#[tokio::test]
async fn redirect_uri_mismatch_names_the_uri_to_register_and_then_the_link() {
    let (fixture, refused) = called_after("redirect_uri_mismatch").await;
    assert_eq!(refused.code(), ErrorCode::AccountError);
    let uri = fixture.engine.get_connection(&fixture.caller, "acme").await.unwrap().redirect_uri;
    let remedies = refused.remedies();
    let actions: Vec<_> = remedies.iter().map(|remedy| remedy.action).collect();
    assert_eq!(actions, [RemedyAction::RegisterRedirectUri, RemedyAction::Reauthorize]);
    assert!(remedies[0].text.contains(&format!("exactly {uri} ")), "{}", remedies[0].text);
    assert!(remedies[1].url.as_ref().unwrap().starts_with("https://valetkey.example/connect/"));
}

#[tokio::test]
async fn configuration_at_fault_gets_the_command_with_the_name_of_the_connection() {
    for (error, named) in [
        ("invalid_client", "valetkey connection update acme --client-id"),
        ("unauthorized_client", "the connection \"acme\""),
        ("invalid_scope", "asks for: read write"),
        ("invalid_request", "https://valetkey.example/oauth/callback/conn_"),
    ] {
        let (_, refused) = called_after(error).await;
        let remedies = refused.remedies();
        assert_eq!(remedies[0].action, RemedyAction::ConfigureConnection, "{error}");
        assert!(remedies[0].text.contains(named), "{error}: {}", remedies[0].text);
        assert_eq!(remedies[1].action, RemedyAction::Reauthorize);
        // A link made now would ask for the same and fail again.
        assert_eq!(remedies[1].url, None, "{error}");
        let told = format!("{:?} {}", refused.details(), refused.cause_text());
        assert!(!told.contains("canary"), "the provider's words stay in the history: {told}");
    }
}

#[tokio::test]
async fn connection_switched_off_names_the_command_that_switches_it_on() {
    let fixture = EngineFixture::start().await;
    fixture.connection("acme", "acme").await;
    fixture.authorize("acme", "user_1").await;
    let off = ConnectionUpdate { enabled: Some(false), ..ConnectionUpdate::default() };
    fixture.engine.update_connection(&fixture.caller, "acme", off).await.unwrap();
    let wanted = AccountRef {
        connection_name: Some("acme".into()),
        identifier: Some("user_1".into()),
        ..AccountRef::default()
    };
    let link = fixture.engine.authorization_link(&fixture.caller, &wanted, LinkOptions::default()).await;
    for error in [call(&fixture).await, link.unwrap_err()] {
        assert_eq!(error.code(), ErrorCode::ConnectionDisabled);
        let remedies = error.remedies();
        assert!(remedies[0].text.contains("valetkey connection update acme --enabled true"), "{remedies:?}");
    }
}

#[tokio::test]
async fn status_of_the_account_brings_a_link_that_works() {
    let fixture = EngineFixture::start().await;
    fixture.connection("acme", "acme").await;
    fixture.link("acme", "user_1").await;
    let refused = call(&fixture).await;
    assert_eq!(refused.code(), ErrorCode::AccountPending);
    let url = refused.remedies()[0].url.clone().unwrap();
    let mut browser = Browser::default();
    let page = browser.open(&fixture.engine, &url.parse().unwrap()).await.unwrap();
    assert_eq!(page.identifier, "user_1");
}
