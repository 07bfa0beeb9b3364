//! Which of the user's places at the provider an account is of, where the provider lists several.

use serde_json::{Value, json};
use valetkey_domain::{AccountStatus, ErrorCode, Finding, catalogue::RemedyAction};
use valetkey_engine::{
    AccountRef, AccountView, ConnectionUpdate, DiagnosisOf, DiagnosisOptions, FailurePage,
};
use valetkey_testkit::{engine_fixture::EngineFixture, fake_provider::Scripted};

use crate::{event_with, failed};

const SITES: &str = r#"
slug: acmesites
display_name: Acme Sites
description: A provider whose users have sites.
variables:
  site: { label: Site, pattern: ".{1,200}", example: acme.example, optional: true }
auth:
  oauth:
    scopes: { default: [read] }
    authorize: { url: "https://acme.example/authorize" }
    token: { url: "https://acme.example/token" }
    revoke: { url: "https://acme.example/revoke", reach: token }
    follow_ups:
      - url: /sites
        metadata: { cloud_id: id, site_url: url, site_name: name }
        places: { id: cloud_id, name: site_name, url: site_url, variable: site }
    userinfo: { url: "https://acme.example/userinfo", subject: [sub], label: [email] }
api: { base_url: "https://acme.example/api" }
"#;

async fn fixture() -> EngineFixture {
    let fixture = EngineFixture::with_all_connectors(&[("acmesites.yaml", SITES)], |_| {}).await;
    fixture.connection("sites", "acmesites").await;
    fixture
}

/// The provider lists these sites next.
fn list(fixture: &EngineFixture, names: &[&str]) {
    let site = |name: &&str| json!({"id": format!("id-{name}"), "url": format!("https://{name}.example"), "name": name});
    let sites: Vec<Value> = names.iter().map(site).collect();
    fixture.provider.script("/api/sites", [Scripted::json(200, &json!(sites))]);
}

async fn choose(fixture: &EngineFixture, site: &str) {
    let variables = Some([("site".to_owned(), site.to_owned())].into());
    let update = ConnectionUpdate { variables, ..ConnectionUpdate::default() };
    fixture.engine.update_connection(&fixture.caller, "sites", update).await.unwrap();
}

async fn connected(fixture: &EngineFixture, names: &[&str]) -> AccountView {
    list(fixture, names);
    fixture.authorize("sites", "user_1").await
}

async fn refused(fixture: &EngineFixture, names: &[&str]) -> (FailurePage, AccountView) {
    list(fixture, names);
    let link = fixture.link("sites", "user_1").await;
    let page = failed(fixture.follow(&link).await);
    (page, fixture.account("sites", "user_1").await)
}

/// The site that an account is of, by name.
fn site(view: &AccountView) -> Option<&str> {
    view.place.as_ref()?.name.as_deref()
}

async fn finding(fixture: &EngineFixture, code: ErrorCode) -> Finding {
    let of = DiagnosisOf::Account(AccountRef::named("sites", "user_1"));
    let options = DiagnosisOptions::default();
    let found = fixture.engine.diagnose(&fixture.caller, &of, &options).await.unwrap();
    found.findings.into_iter().find(|finding| finding.code == code).unwrap()
}

fn says(finding: &Finding, text: &str) -> bool {
    finding.evidence.iter().any(|evidence| evidence.detail.contains(text))
}

#[tokio::test]
async fn place_of_one_site_is_taken_and_shown() {
    let fixture = fixture().await;
    let view = connected(&fixture, &["one"]).await;
    let place = view.place.unwrap();
    assert_eq!((place.id.as_str(), place.url.as_deref()), ("id-one", Some("https://one.example")));
    assert_eq!(view.account.metadata["cloud_id"], "id-one");
}

#[tokio::test]
async fn place_of_several_sites_not_chosen_is_explained_and_the_grant_given_back() {
    let fixture = fixture().await;
    let (page, view) = refused(&fixture, &["one", "two"]).await;
    assert_eq!(page.error.code(), ErrorCode::PlaceNotChosen);
    assert_eq!(view.account.status(), AccountStatus::Error);
    assert_eq!((view.account.cause, view.account.generation), (Some(ErrorCode::PlaceNotChosen), 0));
    let events = fixture.events(&view).await;
    let evidence = &event_with(&events, ErrorCode::PlaceNotChosen).event.data["evidence"];
    assert_eq!(evidence["places"], json!(["one (https://one.example)", "two (https://two.example)"]));
    assert_eq!((&evidence["variable"], &evidence["given_back"]), (&json!("site"), &json!(true)));
    assert!(!fixture.provider.requests_to("/revoke").is_empty());

    let finding = finding(&fixture, ErrorCode::PlaceNotChosen).await;
    assert!(says(&finding, "one (https://one.example), two"), "{finding:?}");
    assert_eq!(finding.remedies[0].action, RemedyAction::ConfigureConnection);
    assert!(finding.remedies[0].text.contains("`site`"), "{finding:?}");

    // The remedy mends it.
    choose(&fixture, "TWO.example/").await;
    assert_eq!(site(&connected(&fixture, &["one", "two"]).await), Some("two"));
}

#[tokio::test]
async fn place_of_before_is_kept_at_reauthorization() {
    let fixture = fixture().await;
    connected(&fixture, &["two"]).await;
    assert_eq!(site(&connected(&fixture, &["one", "two", "three"]).await), Some("two"));
    // Only somebody who says so moves it.
    choose(&fixture, "id-one").await;
    assert_eq!(site(&connected(&fixture, &["one", "two"]).await), Some("one"));
}

#[tokio::test]
async fn place_of_before_not_granted_again_leaves_the_account_as_it_is() {
    let fixture = fixture().await;
    connected(&fixture, &["two"]).await;
    let (page, view) = refused(&fixture, &["one"]).await;
    assert_eq!(page.error.code(), ErrorCode::PlaceNotGranted);
    assert!(page.still_connected);
    assert_eq!((view.account.status(), view.account.generation), (AccountStatus::Active, 1));
    assert_eq!(site(&view), Some("two"));
    let events = fixture.events(&view).await;
    let evidence = &event_with(&events, ErrorCode::PlaceNotGranted).event.data["evidence"];
    assert_eq!(evidence["wanted"], "two (https://two.example)");
    assert_eq!(evidence["chosen_by"], "before");
}

#[tokio::test]
async fn place_chosen_and_not_granted_is_explained() {
    let fixture = fixture().await;
    choose(&fixture, "three").await;
    let (page, view) = refused(&fixture, &["one"]).await;
    assert_eq!(page.error.code(), ErrorCode::PlaceNotGranted);
    assert_eq!(view.account.status(), AccountStatus::Pending, "the user may try again");
    let finding = finding(&fixture, ErrorCode::PlaceNotGranted).await;
    assert!(finding.message.contains("\"three\"") && says(&finding, "one (https://one.example)"));
    let actions: Vec<_> = finding.remedies.iter().map(|remedy| remedy.action).collect();
    assert_eq!(actions, [RemedyAction::Reauthorize, RemedyAction::ConfigureConnection]);
    assert!(finding.remedies[0].url.is_some(), "a fresh link");
}

#[tokio::test]
async fn place_of_a_user_without_any_is_explained() {
    let fixture = fixture().await;
    let (page, _) = refused(&fixture, &[]).await;
    assert_eq!(page.error.code(), ErrorCode::PlaceNotGranted);
    let finding = finding(&fixture, ErrorCode::PlaceNotGranted).await;
    assert!(finding.message.contains("no place") && says(&finding, "granted no place"), "{finding:?}");
}

#[tokio::test]
async fn place_of_a_disconnected_account_may_be_another() {
    let fixture = fixture().await;
    connected(&fixture, &["two"]).await;
    let wanted = AccountRef::named("sites", "user_1");
    let ended = fixture.engine.disconnect_account(&fixture.caller, &wanted).await.unwrap();
    assert_eq!(ended.account.metadata["cloud_id"], "id-two", "its revocation may need it");
    assert_eq!(site(&fixture.account("sites", "user_1").await), None);
    assert_eq!(site(&connected(&fixture, &["one"]).await), Some("one"));
}
