//! The page of a link: what it shows, and whom it obeys.

use http::{Method, header};
use valetkey_engine::LinkOptions;
use valetkey_testkit::fake_provider::API_KEY;

use crate::{
    app::{Answer, App},
    browser::{Browser, form_token},
};

async fn app() -> App {
    let app = App::with(|_| {}, |options| options.app_name = Some("Tony's <b>Agents</b>".into())).await;
    app.fixture.connection("notes", "acme").await;
    app.fixture.connection("keyed", "acmekey").await;
    app
}

fn assert_locked_down(answer: &Answer) {
    let policy = answer.header("content-security-policy");
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    assert_eq!(answer.header("referrer-policy"), "no-referrer");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
    for active in ["<script", "javascript:", " style=", " onclick", "http-equiv"] {
        assert!(!answer.text.contains(active), "{active} in {}", answer.text);
    }
}

#[tokio::test]
async fn page_says_who_asks_for_what() {
    let app = app().await;
    let link = app.fixture.link("notes", "user <123>").await;
    let page = Browser::default().get(&app, link.url.path()).await;
    assert_eq!(page.status, 200);
    assert_locked_down(&page);
    for text in [
        "<html lang=\"en\">",
        "<h1>Connect Acme</h1>",
        "Tony&#39;s &#60;b&#62;Agents&#60;/b&#62;",
        "See your notes",
        "Change your notes",
        "user &#60;123&#62;",
        "<form method=\"post\"",
        ">Continue</button>",
    ] {
        assert!(page.text.contains(text), "{text} in {}", page.text);
    }
}

#[tokio::test]
async fn cookie_belongs_to_this_host_alone() {
    let app = app().await;
    let link = app.fixture.link("notes", "user_123").await;
    let page = Browser::default().get(&app, link.url.path()).await;
    let cookie = page.header("set-cookie");
    assert!(cookie.starts_with("__Host-valetkey_browser="), "{cookie}");
    for attribute in ["Path=/", "HttpOnly", "SameSite=Lax", "Secure"] {
        assert!(cookie.contains(&format!("; {attribute}")), "{cookie}");
    }
    assert!(!cookie.contains("Domain"));
}

#[tokio::test]
async fn cookie_without_tls_lacks_what_browsers_would_refuse() {
    let app =
        App::with(|settings| settings.public_url = "http://127.0.0.1:7077".parse().unwrap(), |_| {}).await;
    app.fixture.connection("notes", "acme").await;
    let link = app.fixture.link("notes", "user_123").await;
    let mut browser = Browser::default();
    let cookie = browser.get(&app, link.url.path()).await.header("set-cookie").to_owned();
    assert!(cookie.starts_with("valetkey_browser=") && !cookie.contains("Secure"), "{cookie}");
    browser.start(&app, &link.url).await;
}

/// Mail scanners and previews look at links before people do.
#[tokio::test]
async fn looking_at_a_link_uses_nothing_up() {
    let app = app().await;
    let link = app.fixture.link("notes", "user_123").await;
    for method in [Method::HEAD, Method::GET, Method::HEAD, Method::GET] {
        assert_eq!(Browser::default().ask(&app, method, link.url.path(), None).await.status, 200);
    }
    let kinds: Vec<_> = app.fixture.events(&app.fixture.account("notes", "user_123").await).await;
    assert!(!kinds.iter().any(|event| event.event.kind.as_str() == "authorization.started"));
    Browser::default().start(&app, &link.url).await;
}

/// S19: a form from elsewhere, or sent by a browser without the cookie, does nothing.
#[tokio::test]
async fn form_without_cookie_or_with_another_token_refused() {
    let app = app().await;
    let (link, other) = (app.fixture.link("notes", "a").await, app.fixture.link("notes", "b").await);
    let mut browser = Browser::default();
    let token = form_token(&browser.get(&app, link.url.path()).await.text);
    let of_other_link = form_token(&browser.get(&app, other.url.path()).await.text);
    let of_other_browser = form_token(&Browser::default().get(&app, link.url.path()).await.text);
    let mut stranger = Browser::default();
    let answers = [
        stranger
            .ask(&app, Method::POST, link.url.path(), Some(&[("form_token", &token), ("step", "start")]))
            .await,
        browser.ask(&app, Method::POST, link.url.path(), Some(&[("form_token", &of_other_link)])).await,
        browser.ask(&app, Method::POST, link.url.path(), Some(&[("form_token", &of_other_browser)])).await,
        browser.ask(&app, Method::POST, link.url.path(), Some(&[])).await,
    ];
    for (number, answer) in answers.iter().enumerate() {
        let (title, code) = match number {
            0 => ("Another browser, or no cookie", "browser_mismatch"),
            _ => ("Please open the link again", "form_expired"),
        };
        assert_eq!(answer.status, 403, "{answer:?}");
        assert!(answer.text.contains(title) && answer.text.contains(code), "{}", answer.text);
        assert_locked_down(answer);
    }
    let good = browser.ask(&app, Method::POST, link.url.path(), Some(&[("form_token", &token)])).await;
    assert_eq!(good.status, 303);
}

#[tokio::test]
async fn continue_leads_to_the_provider() {
    let app = app().await;
    let link = app.fixture.link("notes", "user_123").await;
    let url = Browser::default().start(&app, &link.url).await;
    assert!(url.as_str().starts_with(app.fixture.provider.url("/authorize").as_str()));
    let query: std::collections::HashMap<_, _> = url.query_pairs().collect();
    assert_eq!(query["code_challenge_method"], "S256");
    assert!(query["redirect_uri"].starts_with("https://valetkey.example/oauth/callback/conn_"));
}

/// S03
#[tokio::test]
async fn link_in_another_browser_refused_once_it_was_used() {
    let app = app().await;
    let link = app.fixture.link("notes", "user_123").await;
    Browser::default().start(&app, &link.url).await;
    let answer = Browser::default().get(&app, link.url.path()).await;
    assert_eq!(answer.status, 403);
    assert!(answer.text.contains("This link was opened in another browser"), "{}", answer.text);
}

#[tokio::test]
async fn link_unknown_or_expired_has_a_page() {
    let app = app().await;
    let expired = app.fixture.link("notes", "user_123").await;
    app.fixture.clock.advance(time::Duration::hours(25));
    let cases = [
        ("/connect/unknown", 404, "This link is not valid"),
        ("/connect/%3Cscript%3E", 404, "This link is not valid"),
        (expired.url.path(), 410, "This link has expired"),
    ];
    for (path, status, title) in cases {
        let answer = Browser::default().get(&app, path).await;
        assert_eq!(answer.status, status);
        assert!(answer.text.contains(&format!("<h1>{title}</h1>")), "{}", answer.text);
        assert!(answer.text.contains(answer.header("x-request-id")), "the reference is the request id");
        assert_locked_down(&answer);
    }
}

#[tokio::test]
async fn form_of_a_key_has_labels_help_and_no_echo() {
    let app = app().await;
    let link = app.fixture.link("keyed", "user_123").await;
    let mut browser = Browser::default();
    let page = browser.get(&app, link.url.path()).await;
    assert_locked_down(&page);
    for text in [
        "<label for=\"field-0\">API key</label>",
        "<input id=\"field-0\" name=\"field.api_key\" type=\"password\"",
        "aria-describedby=\"help-0\"",
        "Found in the settings.",
        "Region <span class=\"optional\">(optional)</span>",
        "name=\"field.region\" type=\"text\"",
    ] {
        assert!(page.text.contains(text), "{text} in {}", page.text);
    }
    let refused = browser.submit(&app, &link.url, &[("field.api_key", "canary-wrong-key")]).await;
    assert_eq!(refused.status, 400);
    assert!(refused.text.contains("role=\"alert\"") && !refused.text.contains("canary"), "{}", refused.text);
    assert_eq!(app.fixture.account("keyed", "user_123").await.account.status().as_str(), "PENDING");

    let done = browser.submit(&app, &link.url, &[("field.api_key", API_KEY), ("field.region", "")]).await;
    assert_eq!(done.status, 200);
    assert!(done.text.contains("Acme Key is connected"), "{}", done.text);
    assert_locked_down(&done);
    assert_eq!(app.fixture.account("keyed", "user_123").await.account.status().as_str(), "ACTIVE");
}

#[tokio::test]
async fn form_with_a_field_missing_says_which_beside_it() {
    let app = app().await;
    let link = app.fixture.link("keyed", "user_123").await;
    let answer =
        Browser::default().submit(&app, &link.url, &[("field.api_key", ""), ("field.region", "eu")]).await;
    assert_eq!(answer.status, 400);
    for text in [
        "aria-invalid=\"true\"",
        "aria-describedby=\"wrong-0 help-0\"",
        "<a href=\"#field-0\">API key</a>",
        "id=\"wrong-0\"",
    ] {
        assert!(answer.text.contains(text), "{text} in {}", answer.text);
    }
}

#[tokio::test]
async fn connector_without_authentication_connects_at_once() {
    let app = app().await;
    app.fixture.connection("open", "acmeopen").await;
    let link = app.fixture.link_with("open", "user_123", LinkOptions::default()).await;
    let done = Browser::default().submit(&app, &link.url, &[]).await;
    assert_eq!(done.status, 200, "{done:?}");
    assert!(done.text.contains("Acme Open is connected"));
}

#[tokio::test]
async fn form_of_another_kind_or_too_large_refused_with_a_page() {
    let app = app().await;
    let link = app.fixture.link("notes", "user_123").await;
    let request = http::Request::builder().method(Method::POST).uri(link.url.path());
    let request = request.header(header::CONTENT_TYPE, "application/json").body("{}".into()).unwrap();
    let answer = app.send(request).await;
    assert_eq!(answer.status, 415);
    assert_locked_down(&answer);
    let huge = "x".repeat(5 * 1024 * 1024);
    let answer =
        Browser::default().ask(&app, Method::POST, link.url.path(), Some(&[("form_token", &huge)])).await;
    assert_eq!(answer.status, 413);
}

#[tokio::test]
async fn assets_cacheable_for_ever() {
    let app = app().await;
    let page = Browser::default().get(&app, "/connect/unknown").await.text;
    let addresses: Vec<_> =
        page.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert_eq!(addresses.len(), 2, "{addresses:?}");
    for address in addresses {
        let asset = Browser::default().get(&app, address).await;
        assert_eq!(asset.status, 200);
        assert!(asset.header("cache-control").contains("immutable"));
    }
}

#[tokio::test]
async fn pages_below_a_path_prefix_know_it() {
    let app =
        App::with(|settings| settings.public_url = "https://example.com/keys/".parse().unwrap(), |_| {})
            .await;
    let page = Browser::default().get(&app, "/connect/unknown").await.text;
    assert!(page.contains("href=\"/keys/assets/page-"), "{page}");
}

#[tokio::test]
async fn page_of_a_connected_account_says_whose_it_is_and_whether_that_may_change() {
    let app = app().await;
    app.fixture.authorize("notes", "user_123").await;
    let page = async || {
        let link = app.fixture.link("notes", "user_123").await;
        Browser::default().get(&app, link.url.path()).await
    };
    let flagged = page().await.text;
    assert!(flagged.contains("<strong>user-1@acme.example</strong> is connected now."), "{flagged}");
    assert!(flagged.contains("replaces that connection"), "{flagged}");
    let pinned = serde_json::json!({"identity_policy": "refuse"});
    app.ok(Method::PATCH, "/v1/connect/connections/notes", &pinned).await;
    let refused = page().await.text;
    assert!(refused.contains("another one is not accepted"), "{refused}");
}

#[tokio::test]
async fn page_of_a_named_account_shows_the_name() {
    let app = app().await;
    let wanted = valetkey_engine::AccountRef::named("notes", "user_123").account_name("work");
    let options = LinkOptions::default();
    let link = app.fixture.engine.authorization_link(&app.fixture.caller, &wanted, options).await.unwrap();
    let page = Browser::default().get(&app, link.url.path()).await;
    assert!(page.text.contains("user_123 (work)"), "{}", page.text);
}

/// S19: who asks, where one signs in, where one goes then, for how long, and for what.
#[tokio::test]
async fn page_names_the_app_the_hosts_and_the_scopes() {
    let app = app().await;
    let options = LinkOptions {
        user_verify_url: Some("https://app.example/verify?x=1".into()),
        ..LinkOptions::default()
    };
    let link = app.fixture.link_with("notes", "user_123", options).await;
    let page = Browser::default().get(&app, link.url.path()).await;
    let provider = app.fixture.provider.base().host_str().unwrap().to_owned();
    for text in [
        "<strong>Tony&#39;s &#60;b&#62;Agents&#60;/b&#62;</strong> asks",
        "<dt>For</dt><dd>user_123</dd>",
        &format!("<dt>You sign in at</dt><dd>{provider}</dd>"),
        "<dt>Then you go to</dt><dd>app.example</dd>",
        "<dt>Valid until</dt><dd><time datetime=\"2026-01-02T00:00:00Z\">2 January 2026, 00:00 UTC</time></dd>",
        "<li>See your notes</li>",
        "<li>Change your notes</li>",
    ] {
        assert!(page.text.contains(text), "{text} in {}", page.text);
    }
    // Without a page of the app's there is no second host, and a key is entered here.
    let plain = app.fixture.link("notes", "user_456").await;
    assert!(!Browser::default().get(&app, plain.url.path()).await.text.contains("Then you go to"));
    let keyed = app.fixture.link("keyed", "user_123").await;
    assert!(!Browser::default().get(&app, keyed.url.path()).await.text.contains("You sign in at"));
}

/// S19: nothing may frame a page, and every cookie is `__Host-`, `Secure`, `HttpOnly` and `SameSite=Lax`.
#[tokio::test]
async fn every_answer_is_unframeable_and_every_cookie_bound_to_the_host() {
    let app = app().await;
    let link = app.fixture.link("notes", "user_123").await;
    let mut browser = Browser::default();
    let answers = [
        browser.get(&app, &format!("{}?ui_locales=de", link.url.path())).await,
        browser.submit(&app, &link.url, &[]).await,
        browser.get(&app, "/oauth/callback/conn_00000000000000000000000000?code=a&state=b").await,
        browser.get(&app, "/connect/done/ar_00000000000000000000000000").await,
        browser.get(&app, "/connect/unknown").await,
    ];
    let mut cookies = 0;
    for answer in answers {
        assert!(answer.header("content-security-policy").contains("frame-ancestors 'none'"), "{answer:?}");
        assert_eq!(answer.header("x-frame-options"), "DENY");
        for cookie in answer.headers.get_all(header::SET_COOKIE) {
            let cookie = cookie.to_str().unwrap();
            cookies += 1;
            assert!(cookie.starts_with("__Host-"), "{cookie}");
            for attribute in ["Path=/", "HttpOnly", "SameSite=Lax", "Secure"] {
                assert!(cookie.contains(&format!("; {attribute}")), "{cookie}");
            }
            assert!(!cookie.contains("Domain"), "{cookie}");
        }
    }
    assert!(cookies >= 2, "{cookies}");
}

/// S19: looking at the page binds nothing and makes no state; pressing *Continue* does both.
#[tokio::test]
async fn state_begins_with_the_approval() {
    let app = app().await;
    let link = app.fixture.link("notes", "user_123").await;
    let (mut looked, mut pressed) = (Browser::default(), Browser::default());
    assert_eq!(looked.get(&app, link.url.path()).await.status, 200);
    let account = app.fixture.account("notes", "user_123").await;
    let started = async || {
        let events = app.fixture.events(&account).await;
        events.iter().filter(|event| event.event.kind.as_str() == "authorization.started").count()
    };
    assert_eq!(started().await, 0);
    let url = pressed.start(&app, &link.url).await;
    assert!(url.query_pairs().any(|(name, value)| name == "state" && value.len() == 43));
    assert_eq!(started().await, 1);
    // The cookie of the browser that only looked is good for nothing here.
    assert_eq!(looked.get(&app, link.url.path()).await.status, 403);
}
