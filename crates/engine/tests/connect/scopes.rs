//! Scopes: asked, granted, needed, used; gaps after a change; stepping up.

use serde_json::json;
use time::Duration;
use valetkey_domain::{ErrorCode, PageRequest, page::Cursor};
use valetkey_engine::{AccountRef, ConnectionUpdate, ExecuteTool, LinkOptions};
use valetkey_testkit::engine_fixture::EngineFixture;

use crate::done;

fn user(identifier: &str) -> AccountRef {
    AccountRef::named("acme", identifier)
}

async fn ask_for(fixture: &EngineFixture, scopes: &[&str]) {
    let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
    let update = ConnectionUpdate { scopes: Some(scopes), ..ConnectionUpdate::default() };
    fixture.engine.update_connection(&fixture.caller, "acme", update).await.unwrap();
}

#[tokio::test]
async fn scopes_are_told_from_every_side() {
    let fixture = EngineFixture::start().await;
    fixture.connection("acme", "acme").await;
    fixture.provider.grant_only(Some("read extra"));
    fixture.authorize("acme", "user_1").await;
    let tool = ExecuteTool::new(user("user_1"), "acme_get_profile", json!({}));
    fixture.engine.execute_tool(&fixture.caller, tool).await.unwrap();

    let scopes = fixture.engine.account_scopes(&fixture.caller, &user("user_1"), None).await.unwrap();
    assert_eq!(scopes.asked, ["read", "write"]);
    assert_eq!(scopes.granted, ["read", "extra"]);
    assert_eq!(scopes.missing, ["write"]);
    assert_eq!(scopes.not_asked, ["extra"]);
    assert_eq!(
        (scopes.used.as_slice(), scopes.unused.as_slice()),
        (&["read".to_owned()][..], &["extra".to_owned()][..])
    );
    let tools: Vec<_> = scopes.tools.iter().map(|t| (t.tool.as_str(), t.missing.clone())).collect();
    assert_eq!(tools, [("acme_create_note", vec!["write".to_owned()]), ("acme_get_profile", vec![])]);
    let used = scopes.tools[1].used.as_ref().unwrap();
    assert_eq!((used.executions, used.succeeded, used.last_at), (1, 1, fixture.now()));

    // Only what was used since counts.
    fixture.clock.advance(Duration::days(1));
    let since = Some(fixture.now());
    let scopes = fixture.engine.account_scopes(&fixture.caller, &user("user_1"), since).await.unwrap();
    assert!(scopes.used.is_empty() && scopes.tools[1].used.is_none());
}

#[tokio::test]
async fn scopes_of_a_connection_changed_list_the_accounts_that_lack_some() {
    let fixture = EngineFixture::start().await;
    fixture.connection("acme", "acme").await;
    ask_for(&fixture, &["read"]).await;
    for n in 1..=3 {
        fixture.authorize("acme", &format!("user_{n}")).await;
        fixture.clock.advance(Duration::seconds(1));
    }
    fixture.link("acme", "pending").await;
    let page = PageRequest::default();
    let gaps = fixture.engine.scope_gaps(&fixture.caller, "acme", &page).await.unwrap();
    assert_eq!((gaps.items.len(), gaps.next.as_deref(), gaps.accounts), (0, None, 4));

    ask_for(&fixture, &["read", "write"]).await;
    fixture.authorize("acme", "user_2").await;
    let gaps = fixture.engine.scope_gaps(&fixture.caller, "acme", &page).await.unwrap();
    let whose: Vec<_> = gaps.items.iter().map(|gap| gap.account.account.identifier.as_str()).collect();
    assert_eq!(whose, ["user_3", "user_1"], "the pending one was granted nothing yet");
    assert_eq!(gaps.items[0].missing, ["write"]);
    assert_eq!(gaps.items[0].tools, ["acme_create_note"]);

    // Page by page.
    let mut page = PageRequest { size: 1, cursor: None };
    let mut walked = Vec::new();
    loop {
        let gaps = fixture.engine.scope_gaps(&fixture.caller, "acme", &page).await.unwrap();
        walked.extend(gaps.items.into_iter().map(|gap| gap.account.account.identifier));
        let Some(next) = gaps.next else { break };
        page.cursor = Some(Cursor::After(next));
    }
    assert_eq!(walked, ["user_3", "user_1"]);
}

#[tokio::test]
async fn step_up_asks_for_the_union() {
    let fixture = EngineFixture::start().await;
    fixture.connection("acme", "acme").await;
    ask_for(&fixture, &["read"]).await;
    fixture.provider.grant_only(Some("read extra"));
    fixture.authorize("acme", "user_1").await;
    fixture.provider.grant_only(None);
    let options = LinkOptions { add_scopes: vec!["write".into()], ..LinkOptions::default() };
    let link = fixture.link_with("acme", "user_1", options).await;
    done(fixture.follow(&link).await);
    let after = fixture.account("acme", "user_1").await;
    assert_eq!(after.account.scopes, ["read", "extra", "write"], "what was granted stays granted");
    assert_eq!(after.account.generation, 2);
}

/// S09: a link cannot ask for what neither the connection nor the connector speaks of.
#[tokio::test]
async fn step_up_to_unknown_scopes_is_refused() {
    let fixture = EngineFixture::start().await;
    fixture.connection("acme", "acme").await;
    ask_for(&fixture, &["read"]).await;
    let link = async |scopes: &[&str], add: &[&str]| {
        let own = |list: &[&str]| list.iter().map(|scope| (*scope).to_owned()).collect();
        let options = LinkOptions { scopes: own(scopes), add_scopes: own(add), ..LinkOptions::default() };
        fixture.engine.authorization_link(&fixture.caller, &user("user_1"), options).await
    };
    for (scopes, add, field) in [
        (&[][..], &["admin"][..], "add_scopes[0]"),
        (&["write"], &[], "scopes[0]"),
        (&["read"], &["write"], "add_scopes"),
    ] {
        let error = link(scopes, add).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidArgument);
        assert_eq!(error.details().fields[0].field, field);
    }
    assert!(link(&[], &["write"]).await.is_ok(), "the connector knows it");
}
