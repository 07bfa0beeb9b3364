//! An end user's browser without scripts: it keeps cookies, reads forms and follows nothing by itself.

use std::collections::BTreeMap;

use axum::body::Body;
use http::{Method, Request, header};
use url::{Url, form_urlencoded};

use crate::app::{Answer, App};

#[derive(Default, Clone)]
pub(crate) struct Browser {
    pub(crate) cookies: BTreeMap<String, String>,
    /// What it sends as `Accept-Language`.
    pub(crate) reads: Option<&'static str>,
}

impl Browser {
    /// A browser whose owner reads these languages.
    pub(crate) fn reading(languages: &'static str) -> Self {
        Self { reads: Some(languages), ..Self::default() }
    }

    pub(crate) async fn ask(
        &mut self,
        app: &App,
        method: Method,
        url: &str,
        form: Option<&[(&str, &str)]>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(url);
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if !cookies.is_empty() {
            request = request.header(header::COOKIE, cookies.join("; "));
        }
        if let Some(languages) = self.reads {
            request = request.header(header::ACCEPT_LANGUAGE, languages);
        }
        let mut body = Body::empty();
        if let Some(fields) = form {
            request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
            body = Body::from(form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish());
        }
        let answer = app.send(request.body(body).unwrap()).await;
        for cookie in answer.headers.get_all(header::SET_COOKIE) {
            let (name, rest) = cookie.to_str().unwrap().split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), rest.split(';').next().unwrap().to_owned());
        }
        answer
    }

    pub(crate) async fn get(&mut self, app: &App, url: &str) -> Answer {
        self.ask(app, Method::GET, url, None).await
    }

    /// Opens a link and sends its form with `fields`.
    pub(crate) async fn submit(&mut self, app: &App, link: &Url, fields: &[(&str, &str)]) -> Answer {
        let page = self.get(app, link.path()).await;
        let token = form_token(&page.text);
        let step = if page.text.contains("value=\"credential\"") { "credential" } else { "start" };
        let form = [&[("form_token", token.as_str()), ("step", step)], fields].concat();
        self.ask(app, Method::POST, link.path(), Some(&form)).await
    }

    /// Opens a link and presses *Continue*: the provider's authorization URL.
    pub(crate) async fn start(&mut self, app: &App, link: &Url) -> Url {
        let answer = self.submit(app, link, &[]).await;
        assert_eq!(answer.status, 303, "{answer:?}");
        answer.header("location").parse().unwrap()
    }

    /// Goes to the provider and consents: the callback's address.
    pub(crate) async fn consent(&mut self, app: &App, link: &Url) -> Url {
        let consent = app.fixture.provider.consent(&self.start(app, link).await);
        Url::parse_with_params(&consent.redirect_uri, consent.params).unwrap()
    }
}

/// The hidden token of the form on a page.
pub(crate) fn form_token(page: &str) -> String {
    let (_, rest) =
        page.split_once("name=\"form_token\" value=\"").unwrap_or_else(|| panic!("no form: {page}"));
    rest.split('"').next().unwrap().to_owned()
}

/// Path and query, as they stand on the request line.
pub(crate) fn target(url: &Url) -> String {
    match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    }
}
