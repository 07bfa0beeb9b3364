//! Every route of the dashboard, taken from where they are put together: closed without a session (S40), and blind to
//! other environments (S39).

use axum::body::Body;
use http::{Method, Request, header};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use valetkey_domain::{Caller, Permissions, Role};
use valetkey_engine::{AccountRef, BulkAction, BulkChoice, LinkOptions, NewApiToken, NewWebhook, Siblings};

use crate::{
    app::{Answer, App, client_of},
    dashboard::{owner, person},
};

/// What answers without a session: the ways in.
const OPEN: [&str; 4] =
    ["/dashboard/login", "/dashboard/sso", "/dashboard/sso/callback", "/dashboard/welcome/{token}"];

/// The paths of every other route. Reading them from the source leaves none out.
fn closed() -> Vec<&'static str> {
    let source = include_str!("../../src/dashboard/mod.rs");
    let named = source.split(".route(").skip(1).map(|rest| rest.split('"').nth(1).unwrap());
    let paths: Vec<_> = named.filter(|path| !OPEN.contains(path)).collect();
    assert!(paths.len() > 50, "only {} routes were found", paths.len());
    assert!(paths.iter().all(|path| path.starts_with("/dashboard")), "{paths:?}");
    paths
}

async fn ask(app: &App, method: Method, path: &str, cookie: &str) -> Answer {
    let origin = app.fixture.engine.settings().public_url.origin().ascii_serialization();
    let mut request = Request::builder().method(method).uri(path).header(header::ORIGIN, origin);
    request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    if !cookie.is_empty() {
        request = request.header(header::COOKIE, cookie);
    }
    app.send(request.body(Body::from("form_token=x")).unwrap()).await
}

/// S40: whatever the page and the method, without a session there is the way to the login and nothing else.
#[tokio::test]
async fn every_route_without_session_leads_to_the_login() {
    let app = App::start().await;
    let methods = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
    for path in closed() {
        let (mut led, mut buttons) = (0, 0);
        for method in &methods {
            for cookie in ["", "__Host-valetkey_session=wrong"] {
                let answer = ask(&app, method.clone(), &path.replace(['{', '}'], ""), cookie).await;
                match answer.status.as_u16() {
                    303 => {
                        led += 1;
                        let there = answer.header("location");
                        assert!(there.starts_with("/dashboard/login"), "{method} {path}: {answer:?}");
                        assert_eq!(answer.text, "", "{method} {path}");
                    }
                    status => {
                        buttons += 1;
                        assert_eq!(status, 405, "{method} {path}: {answer:?}");
                        assert_ne!(answer.header("allow"), "", "{method} {path}");
                        let page = method == Method::HEAD || answer.text.starts_with("<!doctype html>");
                        assert!(page, "{method} {path}: {}", answer.text);
                        assert!(answer.header("content-security-policy").starts_with("default-src 'none'"));
                    }
                }
            }
        }
        assert!(led >= 2 && buttons >= 6, "{path}: {led} led to the login, {buttons} are no method of it");
    }
}

/// An id of another environment, and one of the same kind that is nowhere.
struct Pair {
    kind: &'static str,
    foreign: String,
    unknown: String,
}

impl Pair {
    fn of(kind: &'static str, foreign: &str) -> Self {
        let unknown = match foreign.rsplit_once('_') {
            Some((prefix, rest)) => format!("{prefix}_{}", "0".repeat(rest.len())),
            None => "0".repeat(foreign.len()),
        };
        Self { kind, foreign: foreign.to_owned(), unknown }
    }
}

/// One of everything that pages show, in the environment of `stranger`.
async fn belongings(app: &App, stranger: &Caller) -> Vec<Pair> {
    let (fixture, engine) = (&app.fixture, &app.fixture.engine);
    let new = fixture.new_connection("theirs", "acme");
    let connection = engine.create_connection(stranger, new).await.unwrap().connection.id;
    let named = AccountRef::named("theirs", "user_theirs");
    let link = engine.authorization_link(stranger, &named, LinkOptions::default()).await.unwrap();
    let account = link.account.account.id;
    let (client, _, token) = client_of(fixture, stranger, Permissions::all()).await;
    let call = json!({"connected_account_id": account.as_str(), "tool_name": "acme_get_profile"});
    app.call_as(&token, Method::POST, "/v1/connect/tools/execute", &call).await;
    let calls = app.call_as(&token, Method::GET, "/v1/connect/executions", &Value::Null).await.json();
    let new = NewApiToken { name: "theirs".into(), client: Some(client.clone()), ..NewApiToken::default() };
    let token = engine.create_api_token(stranger, new).await.unwrap().token.id;
    let new = NewWebhook { url: "https://app.example/hooks".into(), ..NewWebhook::default() };
    let webhook = engine.create_webhook(stranger, new).await.unwrap().webhook.id;
    let chosen = BulkChoice::Accounts(vec![account.clone()]);
    let work = engine.start_bulk(stranger, BulkAction::Link, chosen, Siblings::default()).await.unwrap();
    vec![
        Pair::of("connections", connection.as_str()),
        Pair::of("accounts", account.as_str()),
        Pair::of("executions", calls["items"][0]["id"].as_str().unwrap()),
        Pair::of("clients", &client),
        Pair::of("tokens", token.as_str()),
        Pair::of("webhooks", webhook.as_str()),
        Pair::of("bulk", &work.id),
    ]
}

/// What every form of a page with an id wants, so that nothing but the id is wrong.
const FIELDS: [(&str, &str); 5] = [
    ("end", "disconnect"),
    ("sure", "yes"),
    ("name", "theirs"),
    ("enabled", "no"),
    ("url", "https://app.example/hooks"),
];

/// What a visitor can see of an answer, with the id that was asked for and the number of the request blacked out.
fn visible(answer: &Answer, id: &str) -> (u16, String, String) {
    let text = answer.text.replace(id, "ID");
    let text = match text.split_once("reference <code>") {
        Some((before, rest)) => format!("{before}{}", rest.split_once('<').unwrap().1),
        None => text,
    };
    (answer.status.as_u16(), answer.header("location").replace(id, "ID"), text)
}

/// S39: whatever is asked of another environment's things, an owner here sees what they see of things that are nowhere.
#[tokio::test]
async fn foreign_ids_answered_exactly_like_unknown_ones() {
    let app = App::start().await;
    let stranger = app.fixture.stranger().await;
    let belongings = belongings(&app, &stranger).await;
    let owner = owner(&app).await;
    let mut covered = 0;
    for path in closed() {
        // Connectors, users and invitations are the same in every environment.
        let shared = ["/connectors/{", "/users/{", "/invitations/{"];
        if !path.contains('{') || shared.iter().any(|part| path.contains(part)) {
            continue;
        }
        let kind = path.split("/{id}").next().unwrap().rsplit('/').next().unwrap();
        let pair = belongings.iter().find(|pair| pair.kind == kind);
        let pair = pair.unwrap_or_else(|| panic!("nothing of the kind {kind} is there for {path}"));
        let mut seen = Vec::new();
        for id in [&pair.foreign, &pair.unknown] {
            let path = path.replace("{id}", id).replace("{delivery}", &format!("dl_{}", "0".repeat(26)));
            let answers = [owner.get(&app, &path).await, owner.post(&app, &path, &FIELDS).await];
            let statuses = answers.each_ref().map(|answer| answer.status.as_u16());
            assert!(statuses.iter().all(|status| [404, 405].contains(status)), "{path}: {answers:?}");
            assert!(statuses.contains(&404), "{path}: {answers:?}");
            seen.push(answers.map(|answer| visible(&answer, id)));
        }
        assert_eq!(seen[0], seen[1], "{path}");
        covered += 1;
    }
    assert!(covered >= 20, "only {covered} routes take an id");
    let page = valetkey_domain::PageRequest { size: 2, cursor: None };
    let kept = app.fixture.engine.list_webhooks(&stranger, &page).await.unwrap().items;
    assert!(kept.len() == 1 && kept[0].disabled.is_none(), "nothing was changed: {kept:?}");
    let lists = ["accounts", "connections", "executions", "settings/clients", "settings/webhooks", "bulk"];
    for list in lists {
        let list = owner.get(&app, &format!("/dashboard/{list}")).await;
        assert_eq!(list.status, 200, "{list:?}");
        for pair in &belongings {
            assert!(!list.text.contains(&pair.foreign), "{} in {}", pair.foreign, list.text);
        }
    }
}

/// S41: no form of any page does anything for somebody who may only look.
#[tokio::test]
async fn viewer_gets_nothing_done_by_any_form() {
    let app = App::start().await;
    let viewer = person(&app, Role::Viewer).await;
    // Their own session and password.
    let own = ["/logout", "/settings/password", "/settings/sessions"];
    let mut refused = 0;
    for path in closed() {
        if own.iter().any(|end| path.ends_with(end)) {
            continue;
        }
        let path = path.replace("{id}", "x").replace("{delivery}", "x");
        let answer = viewer.post(&app, &path, &FIELDS).await;
        // A page without a form, an id that is nowhere, a form that is wrong in itself: nothing of it is a success.
        assert!([400, 403, 404, 405].contains(&answer.status.as_u16()), "{path}: {answer:?}");
        refused += u32::from(answer.status == 403);
    }
    assert!(refused >= 20, "only {refused} were refused for want of a permission");
}
