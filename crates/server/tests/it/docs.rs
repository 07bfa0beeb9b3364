//! The documentation on the server.

use axum::body::Body;
use http::{Method, Request};
use url::Url;
use valetkey_domain::ErrorCode;

use crate::app::{Answer, App};

async fn get(app: &App, path: &str) -> Answer {
    app.send(Request::builder().method(Method::GET).uri(path).body(Body::empty()).unwrap()).await
}

/// Every `docs` link of an error leads to a page about its code.
#[tokio::test]
async fn link_of_every_code_leads_to_its_page() {
    let app = App::start().await;
    let errors = app.get("/v1/connect/errors").await.json();
    let items = errors["items"].as_array().unwrap();
    assert_eq!(items.len(), ErrorCode::ALL.len());
    for item in items {
        let code = item["code"].as_str().unwrap();
        let docs = item["docs"].as_str().unwrap();
        let path = docs.strip_prefix("https://valetkey.example").unwrap();
        let page = get(&app, path).await;
        assert_eq!(page.status, 200, "{docs}");
        assert!(page.text.contains(&format!("<title>{code} – ")), "{docs}");
        assert!(
            page.text.contains(item["meaning"].as_str().unwrap().split(['\'', '"', '&']).next().unwrap())
        );
    }
    // And of a real one.
    let refused = get(&app, "/v1/connect/accounts").await.json();
    let path = refused["error"]["docs"]
        .as_str()
        .unwrap()
        .strip_prefix("https://valetkey.example")
        .unwrap()
        .to_owned();
    assert!(get(&app, &path).await.text.contains("<title>unauthenticated – "));
}

/// S40: these are open, so they hold nothing of anybody; S57: and nothing runs in them.
#[tokio::test]
async fn pages_locked_down_and_the_same_for_everybody() {
    let app = App::start().await;
    for path in
        ["/docs", "/docs/", "/docs/troubleshooting", "/docs/errors", "/docs/skill", "/docs/search?q=scope"]
    {
        let page = get(&app, path).await;
        assert_eq!(
            (page.status.as_u16(), page.header("content-type")),
            (200, "text/html; charset=utf-8"),
            "{path}"
        );
        let policy = page.header("content-security-policy");
        for part in [
            "default-src 'none'",
            "style-src 'self'",
            "form-action 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
        ] {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains("script-src"), "{policy}");
        assert!(page.headers.get("set-cookie").is_none());
        for forbidden in ["<script", "style=\"", "<iframe", "http://"] {
            let tag = page.text.match_indices(forbidden).any(|(at, _)| {
                forbidden == "<script" || page.text[..at].rfind('<') > page.text[..at].rfind('>')
            });
            assert!(!tag, "{path}: {forbidden}");
        }
        assert_eq!(page.text, get(&app, path).await.text);
    }
}

#[tokio::test]
async fn pages_below_a_prefix_link_below_it() {
    let fixture = valetkey_testkit::engine_fixture::EngineFixture::with(|_| {}).await;
    let url = Url::parse("https://tools.example/auth/").unwrap();
    let app = App::of(fixture, |options| options.public_url = url).await;
    for path in ["/docs", "/docs/troubleshooting", "/docs/errors/account_revoked", "/docs/search?q=redirect"]
    {
        let page = get(&app, path).await;
        for attribute in ["href=\"", "action=\"", "src=\""] {
            for link in page.text.split(attribute).skip(1) {
                let link = link.split('"').next().unwrap();
                assert!(
                    link.starts_with("/auth/") || link.starts_with('#') || link.starts_with("https://"),
                    "{path}: {link}"
                );
            }
        }
    }
    let listed = get(&app, "/llms.txt").await.text;
    assert!(listed.contains("(https://tools.example/auth/docs/troubleshooting.md)"), "{listed}");
}

/// Every link of every page is followed, over the router.
#[tokio::test]
async fn links_all_followed_none_is_dead() {
    let app = App::start().await;
    let mut open = vec!["/docs".to_owned(), "/llms.txt".to_owned()];
    let mut seen = std::collections::BTreeSet::new();
    while let Some(path) = open.pop() {
        if !seen.insert(path.clone()) {
            continue;
        }
        let page = get(&app, &path).await;
        assert_eq!(page.status, 200, "{path}");
        if page.header("content-type").starts_with("text/html") {
            for link in page.text.split("href=\"").skip(1) {
                let link = link.split(['"', '#']).next().unwrap();
                if link.starts_with('/') {
                    open.push(link.to_owned());
                }
            }
        }
        if path == "/llms.txt" {
            let links = page.text.split("](https://valetkey.example").skip(1);
            open.extend(links.map(|link| link.split(')').next().unwrap().to_owned()));
        }
    }
    assert!(seen.len() > 2 * ErrorCode::ALL.len(), "{}", seen.len());
}

#[tokio::test]
async fn search_finds_without_scripts_and_escapes_the_question() {
    let app = App::start().await;
    let found = get(&app, "/docs/search?q=redirect+uri").await;
    assert!(found.text.contains("/docs/troubleshooting#redirect-uri-mismatch"), "{}", found.text);
    let found = get(&app, "/docs/search?q=account_revoked").await;
    let first = found.text.split("<ol class=\"found\">").nth(1).unwrap();
    assert!(first.trim_start().starts_with("<li><a href=\"/docs/errors/account_revoked\">"), "{first}");
    let hostile = get(&app, "/docs/search?q=%22%3E%3Cscript%3Ealert(1)%3C/script%3E").await;
    assert!(hostile.status == 200 && !hostile.text.contains("<script"), "{}", hostile.text);
    let none = get(&app, "/docs/search?q=zzzzzz").await;
    assert!(none.text.contains("Nothing holds"), "{}", none.text);
    assert_eq!(get(&app, &format!("/docs/search?q={}", "a+".repeat(3000))).await.status, 200);
}

#[tokio::test]
async fn programs_find_an_index_the_whole_and_the_skill() {
    let app = App::start().await;
    let index = get(&app, "/llms.txt").await;
    assert_eq!(index.header("content-type"), "text/plain; charset=utf-8");
    assert!(index.text.starts_with("# Valetkey\n\n> "));
    let whole = get(&app, "/llms-full.txt").await.text;
    for code in ErrorCode::ALL {
        assert!(index.text.contains(&format!("/docs/errors/{}.md)", code.as_str())), "{code:?}");
        assert!(whole.contains(&format!("\n# {}\n", code.as_str())), "{code:?}");
    }
    let skill = get(&app, "/docs/skill.md").await;
    assert_eq!(skill.header("content-type"), "text/markdown; charset=utf-8");
    assert!(skill.text.starts_with("---\nname: valetkey\ndescription: "));
    assert_eq!(skill.text, get(&app, "/docs/skill/SKILL.md").await.text);
    let page = get(&app, "/docs/skill").await.text;
    assert!(!page.contains("name: valetkey"), "the lines for programs are not shown");
    assert_eq!(get(&app, "/docs/index.md").await.text.lines().next(), Some("# Valetkey documentation"));
    assert_eq!(get(&app, "/docs/nothing.md").await.status, 404);
}
