//! The hosted pages in every language: each page is wholly in the language that its reader chose.

use std::collections::BTreeSet;

use http::Method;
use valetkey_domain::Language;
use valetkey_testkit::fake_provider::Scripted;

use crate::{
    app::{Answer, App},
    browser::{Browser, target},
};

async fn app() -> App {
    let app = App::with(|_| {}, |options| options.app_name = Some("Northwind".into())).await;
    for (name, connector) in [("notes", "acme"), ("keyed", "acmekey"), ("open", "acmeopen")] {
        app.fixture.connection(name, connector).await;
    }
    app
}

/// Comes back from the provider with `error` instead of a code.
async fn refused(app: &App, browser: &mut Browser, identifier: &str, error: &str) -> Answer {
    let link = app.fixture.link("notes", identifier).await;
    let mut callback = browser.consent(app, &link.url).await;
    let state = callback.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    callback.query_pairs_mut().clear().extend_pairs([("error", error), ("state", &state)]);
    browser.get(app, &target(&callback)).await
}

/// Every kind of page, by name, as a browser gets it. The order and the content are the same for every browser.
async fn every_page(app: &App, mut browser: Browser, tag: &str) -> Vec<(String, Answer)> {
    let mut pages = Vec::new();
    let user = |name: &str| format!("user_{tag}_{name}");
    let link = app.fixture.link("notes", &user("oauth")).await;
    pages.push(("link".to_owned(), browser.get(app, link.url.path()).await));
    let callback = browser.consent(app, &link.url).await;
    pages.push(("done".to_owned(), browser.get(app, &target(&callback)).await));
    pages.push(("reused".to_owned(), browser.get(app, &target(&callback)).await));
    pages.push(("used".to_owned(), browser.get(app, link.url.path()).await));
    // The account is connected now.
    let again = app.fixture.link("notes", &user("oauth")).await;
    pages.push(("link, connected".to_owned(), browser.get(app, again.url.path()).await));
    pages.push((
        "failed, connected".to_owned(),
        refused(app, &mut browser, &user("oauth"), "access_denied").await,
    ));

    app.fixture.provider.grant_only(Some("read"));
    let fewer = app.fixture.link("notes", &user("fewer")).await;
    let callback = browser.consent(app, &fewer.url).await;
    pages.push(("done, fewer scopes".to_owned(), browser.get(app, &target(&callback)).await));
    app.fixture.provider.grant_only(None);

    let keyed = app.fixture.link("keyed", &user("key")).await;
    pages.push(("form".to_owned(), browser.get(app, keyed.url.path()).await));
    pages.push(("form, empty".to_owned(), browser.submit(app, &keyed.url, &[("field.api_key", "")]).await));
    let wrong = [("field.api_key", "not-the-key-of-anybody")];
    pages.push(("form, refused".to_owned(), browser.submit(app, &keyed.url, &wrong).await));
    let open = app.fixture.link("open", &user("open")).await;
    pages.push(("confirm".to_owned(), browser.get(app, open.url.path()).await));
    pages.push(("invalid".to_owned(), browser.get(app, "/connect/unknown").await));
    for error in ["invalid_scope", "server_error", "temporarily_unavailable", "consent_required", "odd"] {
        pages.push((error.to_owned(), refused(app, &mut browser, &user(error), error).await));
    }
    let link = app.fixture.link("notes", &user("exchange")).await;
    let callback = browser.consent(app, &link.url).await;
    app.fixture.provider.script("/token", [Scripted::error(500, "server_error", "no")]);
    pages.push(("exchange failed".to_owned(), browser.get(app, &target(&callback)).await));
    pages.push((
        "other kind".to_owned(),
        browser.ask(app, Method::POST, link.url.path(), Some(&[("form_token", "x")])).await,
    ));
    pages
}

/// What is cut out: values, names and what is marked as English.
const APART: [(&str, &str); 6] = [
    ("<code", "</code>"),
    ("<dd", "</dd>"),
    ("<strong", "</strong>"),
    ("<span lang=\"en\"", "</span>"),
    ("<a href=\"#field-", "</a>"),
    ("<nav", "</nav>"),
];

/// The texts on a page, as a reader meets them.
fn texts(page: &str) -> BTreeSet<String> {
    let mut page = page.to_owned();
    for (from, to) in APART {
        while let Some(begin) = page.find(from) {
            let end = begin + page[begin..].find(to).unwrap() + to.len();
            page.replace_range(begin..end, "<>");
        }
    }
    let texts =
        page.split('<').filter_map(|piece| piece.split_once('>')).map(|(_, text)| text.trim().to_owned());
    texts.filter(|text| text.chars().filter(|c| c.is_alphabetic()).count() > 1).collect()
}

/// Every page in every language: marked as such, and no text of it is still English.
#[tokio::test]
async fn pages_are_wholly_in_the_language_of_their_reader() {
    let app = app().await;
    let english = every_page(&app, Browser::default(), "en").await;
    for (reads, tag) in [("de-AT,de;q=0.9,en;q=0.5", "de"), ("es", "es"), ("nl, fr;q=0.3", "fr")] {
        let pages = every_page(&app, Browser::reading(reads), tag).await;
        assert_eq!(pages.len(), english.len());
        for ((name, page), (_, original)) in pages.iter().zip(&english) {
            assert_eq!(page.status, original.status, "{tag} {name}");
            assert!(page.text.contains(&format!("<html lang=\"{tag}\">")), "{tag} {name}: {}", page.text);
            assert_eq!(page.header("content-language"), tag, "{name}");
            assert_eq!(page.header("vary"), "Accept-Language, Cookie", "{name}");
            let (here, there) = (texts(&page.text), texts(&original.text));
            // What is marked as English here is a text like any other there.
            let marked = page.text.matches("<span lang=\"en\">").count();
            // A value in the middle of a sentence makes two texts of it.
            assert!(here.len() + marked >= there.len(), "{tag} {name}: {here:?} {there:?}");
            let still: Vec<_> = here.intersection(&there).collect();
            assert!(still.is_empty(), "{tag} {name} still says {still:?}");
        }
    }
    for (name, page) in &english {
        assert!(page.text.contains("<html lang=\"en\">"), "{name}");
        assert_eq!(page.header("content-language"), "en", "{name}");
        assert!(!page.text.contains("lang=\"en\">See"), "{name}: what is English anyway is not marked");
    }
}

/// What connectors say is in the reader's language where they know it. Else it is in English, and marked so that it is read
/// out as English (WCAG 2.2, 3.1.2).
#[tokio::test]
async fn pages_mark_what_is_in_another_language() {
    let app = app().await;
    let link = app.fixture.link("notes", "user_123").await;
    let page = Browser::reading("de").get(&app, link.url.path()).await.text;
    assert!(
        page.contains("<h1>Acme verbinden</h1>") && page.contains("<strong>Northwind</strong> möchte"),
        "{page}"
    );
    assert!(page.contains("<span lang=\"en\">See your notes</span>"), "{page}");
    assert!(page.contains("<li>Ihre Notizen ändern</li>"), "{page}");
    let link = app.fixture.link("keyed", "user_123").await;
    let page = Browser::reading("es").get(&app, link.url.path()).await.text;
    for text in [
        "<label for=\"field-0\"><span lang=\"en\">API key</span></label>",
        "<span class=\"optional\">(opcional)</span>",
        ">Conectar</button>",
    ] {
        assert!(page.contains(text), "{text} in {page}");
    }
}

/// `ui_locales` counts more than the browser's header, and goes on counting where it is not in the address.
#[tokio::test]
async fn language_asked_for_in_the_address_is_kept_through_the_flow() {
    let app = app().await;
    let link = app.fixture.link("notes", "user_123").await;
    let mut browser = Browser::reading("de");
    let chosen = browser.get(&app, &format!("{}?ui_locales=nl%20fr-CA%20es", link.url.path())).await;
    assert_eq!(chosen.header("content-language"), "fr");
    let cookies: Vec<_> =
        chosen.headers.get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap()).collect();
    let kept = cookies.iter().find(|cookie| cookie.contains("language")).unwrap();
    assert_eq!(*kept, "__Host-valetkey_language=fr; Path=/; Max-Age=86400; HttpOnly; SameSite=Lax; Secure");
    // The provider goes on in it.
    let provider = browser.start(&app, &link.url).await;
    assert_eq!(provider.query_pairs().find(|(name, _)| name == "ui_locales").unwrap().1, "fr", "{provider}");
    let callback = browser.consent(&app, &link.url).await;
    let done = browser.get(&app, &target(&callback)).await;
    assert_eq!((done.status.as_u16(), done.header("content-language")), (200, "fr"));
    assert!(done.text.contains("<h1>Acme est connecté</h1>"), "{}", done.text);
    // What is none of ours is as if it were not there.
    let link = app.fixture.link("notes", "user_456").await;
    let mut browser = Browser::reading("de");
    let other = browser.get(&app, &format!("{}?ui_locales=xx", link.url.path())).await;
    assert_eq!(other.header("content-language"), "de");
    assert!(!browser.cookies.contains_key("__Host-valetkey_language"));
    let provider = browser.start(&app, &link.url).await;
    assert!(provider.as_str().contains("ui_locales=de"), "{provider}");
    // Who names no language is asked in whatever the provider makes of it.
    let link = app.fixture.link("notes", "user_789").await;
    let mut browser = Browser::reading("nl");
    browser.get(&app, link.url.path()).await;
    let provider = browser.start(&app, &link.url).await;
    assert!(!provider.as_str().contains("ui_locales"), "{provider}");
}

/// The page that can be opened again offers the other languages; pages that cannot do not.
#[tokio::test]
async fn languages_are_offered_where_the_page_can_be_opened_again() {
    let app = app().await;
    let link = app.fixture.link("notes", "user_123").await;
    let page = Browser::reading("de").get(&app, link.url.path()).await.text;
    for language in Language::ALL {
        let (tag, name) = (language.as_str(), language.name());
        assert!(
            page.contains(&format!("href=\"?ui_locales={tag}\" lang=\"{tag}\" hreflang=\"{tag}\"")),
            "{page}"
        );
        assert!(page.contains(name), "{page}");
    }
    assert_eq!(page.matches("aria-current").count(), 1);
    let failed = Browser::reading("de").get(&app, "/connect/unknown").await.text;
    assert!(!failed.contains("ui_locales"), "{failed}");
}

/// The number of rights decides the form of the sentence, and the day is written as it is in the language.
#[tokio::test]
async fn numbers_and_dates_follow_the_language() {
    let app = app().await;
    app.fixture.provider.grant_only(Some("read"));
    for (reads, one) in [("en", "One right that"), ("de", "Ein erbetenes Recht"), ("fr", "Une autorisation")]
    {
        let mut browser = Browser::reading(reads);
        let link = app.fixture.link("notes", &format!("user_{reads}")).await;
        let callback = browser.consent(&app, &link.url).await;
        let done = browser.get(&app, &target(&callback)).await;
        assert!(done.text.contains(one), "{reads}: {}", done.text);
    }
    let link = app.fixture.link("notes", "user_date").await;
    let expires = app.fixture.now() + time::Duration::days(1);
    for (reads, month) in [("de", "Uhr UTC</time>"), ("es", &format!(" de {} de ", spanish(expires.month())))]
    {
        let page = Browser::reading(reads).get(&app, link.url.path()).await.text;
        assert!(page.contains(month), "{reads}: {month} in {page}");
    }
}

fn spanish(month: time::Month) -> &'static str {
    [
        "enero",
        "febrero",
        "marzo",
        "abril",
        "mayo",
        "junio",
        "julio",
        "agosto",
        "septiembre",
        "octubre",
        "noviembre",
        "diciembre",
    ][usize::from(u8::from(month)) - 1]
}
