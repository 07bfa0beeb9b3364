//! The operator's name, logo, colours and words: who may set them, and what end users see of them.

use std::sync::Arc;

use axum::body::Body;
use http::{Method, Request, header};
use serde_json::{Value, json};
use tower::ServiceExt as _;
use valetkey_domain::{Permission, Permissions, Role, Store as _, audit::AuditFilter};
use valetkey_engine::keyring::SealLimits;
use valetkey_server::{ServerOptions, router};

use crate::{
    app::App,
    browser::{Browser, target},
    dashboard::{Person, owner, person},
};

const BRANDING: &str = "/v1/connect/branding";
const LOGO: &str = "/v1/connect/branding/logo";

/// The smallest picture there is: one pixel.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89\0\0\0\nIDATx\x9cc\0\x01\
    \0\0\x05\0\x01\r\n-\xb4\0\0\0\0IEND\xaeB`\x82";

async fn app() -> App {
    let app = App::with(|_| {}, |options| options.app_name = Some("Plain name".into())).await;
    app.fixture.connection("notes", "acme").await;
    app
}

async fn put_logo(app: &App, token: &str, content: &[u8]) -> crate::app::Answer {
    let request = Request::builder().method(Method::PUT).uri(LOGO);
    let request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    app.send(request.body(Body::from(content.to_vec())).unwrap()).await
}

async fn link_page(app: &App, reads: &'static str) -> String {
    let link = app.fixture.link("notes", &format!("user_{reads}")).await;
    let page = Browser::reading(reads).get(app, link.url.path()).await;
    assert_eq!(page.status, 200);
    page.text
}

fn everything() -> Value {
    json!({
        "product_name": "Northwind <Agents>",
        "accent": "#0a5c36",
        "support_url": "https://northwind.example/help?a=1&b=2",
        "support_email": "help@northwind.example",
        "privacy_url": "https://northwind.example/privacy",
        "texts": {
            "en": {"connect": "Ask <us> anything.", "done": "Your notes are on their way."},
            "de": {"connect": "Fragen Sie uns."},
        },
    })
}

/// What was set is on the next page, escaped, and in the language that it was written for only.
#[tokio::test]
async fn branding_set_is_on_the_pages_at_once() {
    let app = app().await;
    assert!(link_page(&app, "en").await.contains("<strong>Plain name</strong> asks"));
    let set = app.ok(Method::PATCH, BRANDING, &everything()).await;
    assert_eq!(app.ok(Method::GET, BRANDING, &Value::Null).await, set);
    assert!(set["accent_dark"].as_str().unwrap().starts_with('#') && set["updated_at"].is_string(), "{set}");

    let english = link_page(&app, "en").await;
    for text in [
        "<header class=\"brand\"><span>Northwind &#60;Agents&#62;</span></header>",
        "<strong>Northwind &#60;Agents&#62;</strong> asks",
        "<p class=\"own\">Ask &#60;us&#62; anything.</p>",
        "href=\"https://northwind.example/help?a=1&#38;b=2\"",
        "href=\"mailto:help@northwind.example\"",
        "href=\"https://northwind.example/privacy\"",
        ">Privacy</a>",
    ] {
        assert!(english.contains(text), "{text} in {english}");
    }
    assert!(link_page(&app, "de").await.contains("<p class=\"own\">Fragen Sie uns.</p>"));
    assert!(!link_page(&app, "fr").await.contains("class=\"own\""));

    let link = app.fixture.link("notes", "user_done").await;
    let mut browser = Browser::default();
    let callback = browser.consent(&app, &link.url).await;
    let done = browser.get(&app, &target(&callback)).await;
    assert!(done.text.contains("Your notes are on their way.") && done.text.contains("go back to Northwind"));

    let gone = json!({"product_name": null, "accent": null, "texts": {}});
    let bare = app.ok(Method::PATCH, BRANDING, &gone).await;
    assert_eq!((&bare["product_name"], &bare["accent_dark"]), (&Value::Null, &Value::Null));
    assert_eq!(bare["support_email"], "help@northwind.example", "what is left out stays");
    assert!(link_page(&app, "en").await.contains("<strong>Plain name</strong> asks"));
}

/// A replica is another engine on the same database: its next page has what was set here.
#[tokio::test]
async fn branding_set_on_one_replica_is_on_the_pages_of_another() {
    let app = app().await;
    let engine = app.fixture.another(SealLimits::default()).await;
    let url = engine.settings().public_url.clone();
    let options =
        ServerOptions::new(url, Arc::clone(&app.fixture.clock) as _, Arc::clone(&app.fixture.entropy) as _);
    let replica = router(engine, options);
    for name in ["Northwind", "Southwind"] {
        app.ok(Method::PATCH, BRANDING, &json!({ "product_name": name })).await;
        let request = Request::builder().uri("/connect/unknown").body(Body::empty()).unwrap();
        let page = replica.clone().oneshot(request).await.unwrap();
        let page = axum::body::to_bytes(page.into_body(), usize::MAX).await.unwrap();
        assert!(
            String::from_utf8_lossy(&page).contains(&format!("<span>{name}</span></header>")),
            "{page:?}"
        );
    }
}

/// The colour comes in a style sheet of its own: the policy lets no style in the page in.
#[tokio::test]
async fn accent_is_a_style_sheet_that_the_policy_lets_in() {
    let app = app().await;
    app.ok(Method::PATCH, BRANDING, &json!({"accent": "#0A5C36", "accent_dark": "#9fe8c0"})).await;
    let link = app.fixture.link("notes", "user_123").await;
    let page = Browser::default().get(&app, link.url.path()).await;
    assert!(page.header("content-security-policy").contains("style-src 'self'"));
    assert!(!page.text.contains(" style=") && !page.text.contains("<style"));
    let address = "/branding/accent-0a5c36-9fe8c0.css";
    assert!(page.text.contains(&format!("<link rel=\"stylesheet\" href=\"{address}\">")), "{}", page.text);
    let sheet = Browser::default().get(&app, address).await;
    assert_eq!((sheet.status.as_u16(), sheet.header("content-type")), (200, "text/css; charset=utf-8"));
    assert!(sheet.header("cache-control").contains("immutable"));
    assert!(
        sheet.text.contains("--accent:#0a5c36") && sheet.text.contains("--accent:#9fe8c0"),
        "{}",
        sheet.text
    );
    for other in ["/branding/accent-0a5c36.css", "/branding/accent-zzzzzz-9fe8c0.css", "/branding/x"] {
        assert_eq!(Browser::default().get(&app, other).await.status, 404, "{other}");
    }
}

/// WCAG 2.2, 1.4.3: refused, and the field is named.
#[tokio::test]
async fn accent_that_cannot_be_read_is_refused_by_name() {
    let app = app().await;
    let refused = app.call(Method::PATCH, BRANDING, &json!({"accent": "#ffcc00"})).await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (400, "invalid_argument"));
    let field = &refused.json()["error"]["fields"][0];
    assert_eq!(field["field"], "accent");
    assert!(field["message"].as_str().unwrap().contains("4.5:1"), "{field}");
    assert_eq!(app.ok(Method::GET, BRANDING, &Value::Null).await["accent"], Value::Null);
}

/// A picture is served as what it is, whatever it was sent as; what is none, and SVG, is refused.
#[tokio::test]
async fn logo_is_served_from_our_origin_with_a_fixed_type() {
    let app = app().await;
    let set = put_logo(&app, &app.token, PNG).await;
    assert_eq!(set.status, 200, "{set:?}");
    let address = set.json()["logo_url"].as_str().unwrap().to_owned();
    assert!(address.starts_with("https://valetkey.example/branding/logo-"), "{address}");
    let path = address.strip_prefix("https://valetkey.example").unwrap();
    let request = Request::builder().uri(path).body(Body::empty()).unwrap();
    let picture = app.send(request).await;
    assert_eq!((picture.status.as_u16(), picture.header("content-type")), (200, "image/png"));
    assert_eq!(picture.header("x-content-type-options"), "nosniff");
    assert!(picture.header("content-security-policy").starts_with("default-src 'none'"));
    assert!(picture.header("cache-control").contains("immutable"));
    assert!(link_page(&app, "en").await.contains(&format!("<img src=\"{path}\" alt=\"Logo\">")));
    // Another ending does not make it another picture.
    assert_eq!(Browser::default().get(&app, &path.replace(".png", ".webp")).await.status, 404);

    let svg = b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>";
    let large = [PNG, &vec![0; 256 << 10]].concat();
    for content in [&b""[..], svg, b"GIF89a", b"<!doctype html>", &large] {
        let refused = put_logo(&app, &app.token, content).await;
        assert_eq!(refused.status, 400, "{refused:?}");
        assert_eq!(refused.json()["error"]["fields"][0]["field"], "logo");
    }
    assert_eq!(Browser::default().get(&app, path).await.status, 200, "the one before stays");
    app.ok(Method::DELETE, LOGO, &Value::Null).await;
    assert_eq!(Browser::default().get(&app, path).await.status, 404);
    assert!(!link_page(&app, "en").await.contains("/branding/logo-"));
}

/// Branding is the server's: whoever may not run the server neither reads nor changes it.
#[tokio::test]
async fn branding_needs_the_right_to_run_the_server() {
    let app = app().await;
    let rest: Permissions =
        Permission::ALL.iter().copied().filter(|p| *p != Permission::ServerManage).collect();
    let token = app.token_for(rest).await;
    for (method, path, body) in [
        (Method::GET, BRANDING, Value::Null),
        (Method::PATCH, BRANDING, json!({"product_name": "Mine"})),
        (Method::PUT, LOGO, Value::Null),
        (Method::DELETE, LOGO, Value::Null),
    ] {
        let refused = app.call_as(&token, method.clone(), path, &body).await;
        assert_eq!(
            (refused.status.as_u16(), refused.code().as_str()),
            (403, "permission_denied"),
            "{method} {path}"
        );
    }
    let operator = person(&app, Role::Operator).await;
    assert_eq!(operator.get(&app, "/dashboard/settings/branding").await.status, 403);
    let refused = operator.post(&app, "/dashboard/settings/branding", &[("product_name", "Mine")]).await;
    assert_eq!(refused.status, 403);
    assert!(!operator.get(&app, "/dashboard/settings").await.text.contains("settings/branding"));
}

/// S57: who changed what.
#[tokio::test]
async fn branding_changed_is_in_the_audit_log() {
    let app = app().await;
    app.ok(Method::PATCH, BRANDING, &json!({"product_name": "Northwind"})).await;
    // Changing nothing is no change.
    app.ok(Method::PATCH, BRANDING, &json!({"product_name": "Northwind"})).await;
    put_logo(&app, &app.token, PNG).await;
    app.ok(Method::DELETE, LOGO, &Value::Null).await;
    let filter = AuditFilter { action: Some("branding".into()), ..AuditFilter::default() };
    let entries = app.fixture.store.audit(&filter, None, 10).await.unwrap();
    let told: Vec<_> = entries.iter().map(|entry| entry.entry.action.as_str()).collect();
    assert_eq!(told, ["branding.logo_removed", "branding.logo_set", "branding.updated"]);
    assert!(entries.iter().all(|entry| entry.entry.actor.starts_with("token:")), "{entries:?}");
    assert_eq!(entries[2].entry.data, json!({"fields": ["product_name"]}));
}

/// The form of a logo, as browsers send files.
async fn send_logo(app: &App, who: &Person, content: &[u8]) -> crate::app::Answer {
    send_with_logo(app, who, "", &[("product_name", "Northwind")], content).await
}

/// The form of the branding with a logo, sent to a path below its page.
async fn send_with_logo(
    app: &App,
    who: &Person,
    below: &str,
    fields: &[(&str, &str)],
    content: &[u8],
) -> crate::app::Answer {
    let boundary = "----boundary7f3a";
    let mut body = String::new();
    for (name, value) in fields.iter().chain(&[("form_token", who.form_token.as_str())]) {
        body +=
            &format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
    }
    body += &format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"logo\"; filename=\"logo.svg\"\r\n\
         Content-Type: image/svg+xml\r\n\r\n"
    );
    let mut body = body.into_bytes();
    body.extend_from_slice(content);
    body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    let request = Request::builder()
        .method(Method::POST)
        .uri(format!("/dashboard/settings/branding{below}"))
        .header(header::COOKIE, &who.cookie)
        .header(header::ORIGIN, &who.origin)
        .header(header::CONTENT_TYPE, format!("multipart/form-data; boundary={boundary}"));
    app.send(request.body(Body::from(body)).unwrap()).await
}

/// The whole page of settings, without scripts: set, look, refuse, show, take away.
#[tokio::test]
async fn owner_sets_the_branding_in_the_dashboard() {
    let app = app().await;
    let owner = owner(&app).await;
    let path = "/dashboard/settings/branding";
    let fields = [
        ("product_name", "Northwind"),
        ("accent", "#0a5c36"),
        ("support_email", "help@northwind.example"),
        ("texts.de.connect", "Grüße\r\naus dem Norden"),
        ("language", "de"),
        ("page", "connect"),
    ];
    let shown = owner.post(&app, "/dashboard/settings/branding/preview", &fields).await;
    assert_eq!((shown.status.as_u16(), shown.header("content-language")), (200, "de"));
    for text in
        ["<strong>Northwind</strong> möchte", "Grüße\naus dem Norden", "accent-0a5c36-", "type=\"button\""]
    {
        assert!(shown.text.contains(text), "{text} in {}", shown.text);
    }
    assert!(link_page(&app, "de").await.contains("Plain name"), "a preview saves nothing");

    let saved = owner.post(&app, path, &fields).await;
    assert_eq!(
        (saved.status.as_u16(), saved.header("location")),
        (303, "/dashboard/settings/branding?done=saved")
    );
    let page = owner.get(&app, path).await.text;
    for text in [
        "value=\"Northwind\"",
        "value=\"#0a5c36\"",
        "aus dem Norden</textarea>",
        "placeholder=\"Plain name\"",
    ] {
        assert!(page.contains(text), "{text} in {page}");
    }
    // A tone for dark pages that was made of the accent is not one that was chosen.
    assert!(page.contains("name=\"accent_dark\" type=\"text\" value=\"\""), "{page}");
    assert!(link_page(&app, "de").await.contains("<strong>Northwind</strong>"));

    let refused = owner.post(&app, path, &[("product_name", "Changed"), ("accent", "#ffcc00")]).await;
    assert_eq!(refused.status, 400);
    for text in [
        "role=\"alert\"",
        "href=\"#accent\"",
        "id=\"accent-wrong\"",
        "value=\"#ffcc00\"",
        "value=\"Changed\"",
    ] {
        assert!(refused.text.contains(text), "{text} in {}", refused.text);
    }

    // Tried out before it is saved, and only on this page may a picture be in the page itself.
    let trial = [("product_name", "Southwind"), ("language", "en"), ("page", "connect")];
    let shown = send_with_logo(&app, &owner, "/preview", &trial, PNG).await;
    assert_eq!(shown.status, 200);
    assert!(shown.text.contains("<img src=\"data:image/png;base64,iVBOR"), "{}", shown.text);
    assert!(shown.text.contains("Southwind"), "{}", shown.text);
    let policy = shown.header("content-security-policy");
    assert!(policy.contains("img-src 'self' data:") && !policy.contains("script-src"), "{policy}");
    let page = owner.get(&app, path).await;
    assert!(
        !page.text.contains("/branding/logo-") && !page.header("content-security-policy").contains("data:")
    );
    assert_eq!(send_with_logo(&app, &owner, "/preview", &trial, b"<svg/>").await.status, 400);
    let half = send_with_logo(&app, &owner, "", &[("accent", "#ffcc00")], PNG).await;
    assert_eq!(half.status, 400);
    assert!(
        !owner.get(&app, path).await.text.contains("/branding/logo-"),
        "nothing is saved of a wrong form"
    );

    assert_eq!(send_logo(&app, &owner, PNG).await.status, 303);
    assert!(owner.get(&app, path).await.text.contains("/branding/logo-"));
    let none = send_logo(&app, &owner, b"<svg/>").await;
    assert_eq!(none.status, 400);
    assert!(none.text.contains("must be a PNG, JPEG or WebP picture"), "{}", none.text);
    assert_eq!(owner.post(&app, "/dashboard/settings/branding/logo/remove", &[]).await.status, 303);
    assert!(!owner.get(&app, path).await.text.contains("/branding/logo-"));

    for (page, text) in [("connect", "Continue"), ("done", "is connected"), ("failed", "was not allowed")] {
        let shown = owner.get(&app, &format!("{path}/preview?page={page}&language=en")).await;
        assert_eq!(shown.status, 200);
        assert!(shown.text.contains(text) && shown.text.contains("Northwind"), "{}", shown.text);
    }
    assert_eq!(owner.get(&app, &format!("{path}/preview?page=x")).await.status, 400);
}

/// S44: a file form from elsewhere is one from elsewhere.
#[tokio::test]
async fn logo_form_without_the_token_of_the_session_refused() {
    let app = app().await;
    let owner = owner(&app).await;
    let forged =
        Person { form_token: "wrong".into(), cookie: owner.cookie.clone(), origin: owner.origin.clone() };
    assert_eq!(send_logo(&app, &forged, PNG).await.status, 403);
    let foreign = Person { origin: "https://evil.example".into(), ..forged };
    assert_eq!(send_logo(&app, &foreign, PNG).await.status, 403);
    assert!(app.fixture.store.branding().await.unwrap().is_none());
}
