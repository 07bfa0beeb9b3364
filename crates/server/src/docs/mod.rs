//! The documentation on the server itself: `/docs`, `/docs/errors/{code}`, `/llms.txt`. It is there where the errors'
//! links lead, of the very version that runs, needs no network, no token and no script.

mod agents;
mod book;
mod render;
mod search;
#[cfg(test)]
mod tests;

use askama::Template;
use axum::{
    Router,
    extract::{RawQuery, State},
    response::{IntoResponse, Response},
    routing::get,
};
use http::{HeaderValue, StatusCode, header};
use valetkey_domain::{Error, ErrorCode};

use self::book::{Page, book};
use crate::{ServerOptions, error::ApiError, extract, pages::fingerprint, state::App};

const CSS: &str = include_str!("../../assets/docs.css");
const CACHE: HeaderValue = HeaderValue::from_static("public, max-age=3600");
/// Nothing loads but our own style sheet and icon; the search asks this server.
const CONTENT_SECURITY_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
);

fn css_path() -> String {
    format!("/assets/docs-{:016x}.css", const { fingerprint(CSS) })
}

/// The routes of the documentation. None of them needs a token.
pub(crate) fn routes() -> Router<App> {
    let css = || async {
        let cache = "public, max-age=31536000, immutable";
        ([(header::CONTENT_TYPE, "text/css; charset=utf-8"), (header::CACHE_CONTROL, cache)], CSS)
    };
    Router::new()
        .route("/docs", get(first))
        .route("/docs/", get(first))
        .route("/docs/search", get(find))
        .route("/docs/{*path}", get(page))
        .route("/llms.txt", get(async |State(app): State<App>| plain(agents::index(&app.options))))
        .route("/llms-full.txt", get(async |State(app): State<App>| plain(agents::whole(&app.options))))
        .route(&css_path(), get(css))
}

/// What every page has around its text.
struct Frame {
    css: String,
    icon: String,
    home: String,
    search: String,
    llms: String,
    groups: Vec<Group>,
}

struct Group {
    heading: &'static str,
    open: bool,
    links: Vec<NavLink>,
}

struct NavLink {
    href: String,
    title: &'static str,
    here: bool,
}

impl Frame {
    fn of(options: &ServerOptions, here: Option<&Page>) -> Self {
        let is_here = |page: &Page| here.is_some_and(|here| here.path == page.path);
        let groups = book().contents().into_iter().map(|(heading, pages)| Group {
            heading,
            open: pages.len() < 8 || pages.iter().any(|page| is_here(page)),
            links: pages
                .into_iter()
                .map(|page| NavLink { href: address(options, page), title: &page.title, here: is_here(page) })
                .collect(),
        });
        Self {
            css: options.path_of(&css_path()),
            icon: options.path_of(&crate::pages::icon_path()),
            home: options.path_of("/docs"),
            search: options.path_of("/docs/search"),
            llms: options.path_of("/llms.txt"),
            groups: groups.collect(),
        }
    }
}

fn address(options: &ServerOptions, page: &Page) -> String {
    let path = if page.path.is_empty() { "/docs".to_owned() } else { format!("/docs/{}", page.path) };
    options.path_of(&path)
}

#[derive(Template)]
#[template(path = "docs_page.html")]
struct PageView<'a> {
    frame: Frame,
    title: &'a str,
    html: &'a str,
    headings: &'a [(String, String)],
    raw: String,
}

#[derive(Template)]
#[template(path = "docs_search.html")]
struct SearchView<'a> {
    frame: Frame,
    query: &'a str,
    found: Vec<FoundView>,
}

struct FoundView {
    href: String,
    title: &'static str,
    heading: &'static str,
    snippet: String,
}

#[derive(Template)]
#[template(path = "docs_missing.html")]
struct MissingView {
    frame: Frame,
    code: &'static str,
}

async fn first(State(app): State<App>) -> Response {
    show(&app, "")
}

async fn page(State(app): State<App>, extract::Path(path): extract::Path<String>) -> Response {
    match path.strip_suffix(".md") {
        Some(raw) => {
            let page = if raw == "index" { book().at("") } else { book().at(raw) };
            match page.or_else(|| book().of_file(&path)) {
                Some(page) => markdown(page),
                None => missing(&app),
            }
        }
        None => show(&app, path.trim_end_matches('/')),
    }
}

fn show(app: &App, path: &str) -> Response {
    let Some(page) = book().at(path) else { return missing(app) };
    let rendered = render::render(book(), page, &app.options.path_of(""));
    let view = PageView {
        frame: Frame::of(&app.options, Some(page)),
        title: &page.title,
        html: &rendered.html,
        // A short page needs no list of what is on it.
        headings: if rendered.headings.len() > 6 { &rendered.headings } else { &[] },
        raw: app.options.path_of(&agents::raw_path(page)),
    };
    let mut response = html(StatusCode::OK, &view);
    response.headers_mut().insert(header::CACHE_CONTROL, CACHE);
    response
}

fn missing(app: &App) -> Response {
    let code = ErrorCode::RouteNotFound;
    let view = MissingView { frame: Frame::of(&app.options, None), code: code.as_str() };
    let mut response = html(StatusCode::NOT_FOUND, &view);
    response.extensions_mut().insert(code);
    response
}

/// The words of the question are the only thing on a page that does not come from this build; the template escapes it.
async fn find(State(app): State<App>, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    let query = url::form_urlencoded::parse(query.as_bytes())
        .find_map(|(name, value)| (name == "q").then(|| value.chars().take(200).collect::<String>()))
        .unwrap_or_default();
    let found = search::find(&query).into_iter().map(|found| {
        let anchor = if found.anchor.is_empty() { String::new() } else { format!("#{}", found.anchor) };
        let path = if found.path.is_empty() { "/docs".to_owned() } else { format!("/docs/{}", found.path) };
        FoundView {
            href: app.options.path_of(&format!("{path}{anchor}")),
            title: found.title,
            heading: found.heading,
            snippet: found.snippet,
        }
    });
    let view = SearchView { found: found.collect(), query: &query, frame: Frame::of(&app.options, None) };
    html(StatusCode::OK, &view)
}

fn html(status: StatusCode, view: &impl Template) -> Response {
    match view.render() {
        Ok(html) => {
            let headers = [
                (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
                (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
            ];
            (status, headers, html).into_response()
        }
        Err(error) => ApiError(Error::internal(error)).into_response(),
    }
}

fn markdown(page: &'static Page) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/markdown; charset=utf-8")),
        (header::CACHE_CONTROL, CACHE),
    ];
    (headers, &*page.markdown).into_response()
}

fn plain(text: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8")),
        (header::CACHE_CONTROL, CACHE),
    ];
    (headers, text).into_response()
}
