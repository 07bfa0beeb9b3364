//! How an attempt ended, as a page.

use askama::Template;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use url::Url;
use valetkey_domain::Error;
use valetkey_engine::{CallbackOutcome, DonePage, FailurePage};

use super::{
    look::Look,
    site::{Site, respond},
    words::{Case, Words, of_failure, plain, rich},
};
use crate::{
    RequestContext,
    error::{ApiError, status_of},
    state::App,
};

#[derive(Template)]
#[template(path = "done.html")]
struct Done<'a> {
    site: Site,
    heading: String,
    /// Sentences, as HTML.
    connected: Option<String>,
    missing: Option<String>,
    close: String,
    missing_scopes: &'a [String],
    own: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "failed.html")]
struct Failed<'a> {
    site: Site,
    words: Words,
    /// Sentences, as HTML.
    still_connected: Option<String>,
    connecting: Option<String>,
    retry: Option<&'a str>,
    /// The provider's status page, with the words of the link to it.
    status_page: Option<(&'a str, String)>,
    reference: &'a str,
    code: &'static str,
}

/// Makes the pages that end an attempt.
pub(super) struct Outcomes<'a> {
    app: &'a App,
    context: &'a RequestContext,
    look: &'a Look,
}

impl<'a> Outcomes<'a> {
    pub(super) fn new(app: &'a App, context: &'a RequestContext, look: &'a Look) -> Self {
        Self { app, context, look }
    }

    /// The attempt is over.
    pub(super) fn ended(&self, outcome: CallbackOutcome) -> Response {
        match outcome {
            CallbackOutcome::Connected(page) => self.connected(&page),
            CallbackOutcome::Verify(url) => redirect(&url),
            CallbackOutcome::Failed(page) => self.failed(&page),
        }
    }

    /// It went well.
    pub(super) fn connected(&self, page: &DonePage) -> Response {
        let t = self.look.texts();
        let heading = match &page.connector_name {
            Some(connector) => plain(t.connected_title, &[("connector", connector)]),
            None => t.done_title.to_owned(),
        };
        // All our languages have one form for one and another for more (Unicode CLDR, plural rules).
        let missing = match page.missing_scopes.len() {
            0 => None,
            1 => Some(rich(t.missing_one, &[])),
            more => Some(rich(t.missing_many, &[("count", &more.to_string())])),
        };
        let view = Done {
            site: Site::of(&self.app.options, self.look),
            heading,
            connected: page.label.as_deref().map(|label| rich(t.you_connected, &[("account", label)])),
            missing,
            missing_scopes: &page.missing_scopes,
            close: match self.look.product(&self.app.options) {
                Some(app) => rich(t.close_page, &[("app", app)]),
                None => rich(t.close_page_unnamed, &[]),
            },
            own: self.look.own(|own| &own.done),
        };
        respond(StatusCode::OK, &view, self.look, &self.app.options)
    }

    /// It did not get anywhere.
    pub(super) fn refused(&self, error: Error) -> Response {
        self.failed(&FailurePage::bare(error))
    }

    pub(super) fn failed(&self, page: &FailurePage) -> Response {
        let code = page.error.code();
        let status = status_of(code);
        let reason = page.error.details().internal.as_deref();
        if status.is_server_error() {
            tracing::warn!(code = code.as_str(), reason, "hosted page failed");
        } else {
            tracing::debug!(code = code.as_str(), reason, "hosted page refused");
        }
        let t = self.look.texts();
        let connector = page.connector_name.as_deref();
        let view = Failed {
            site: Site::of(&self.app.options, self.look),
            words: of_failure(self.look.language(), Case::of(code)),
            still_connected: page.still_connected.then(|| match &page.label {
                Some(label) => rich(t.still_works, &[("account", label)]),
                None => rich(t.still_works_unnamed, &[]),
            }),
            connecting: connector.map(|connector| rich(t.connecting, &[("connector", connector)])),
            retry: page.retry_url.as_ref().map(Url::as_str),
            status_page: page
                .status_page
                .as_deref()
                .zip(connector)
                .map(|(url, connector)| (url, plain(t.status_page, &[("connector", connector)]))),
            reference: self.context.id().as_str(),
            code: code.as_str(),
        };
        let mut response = respond(status, &view, self.look, &self.app.options);
        response.extensions_mut().insert(code);
        response
    }
}

/// Sends the browser on with a `GET`, whatever it came with.
pub(super) fn redirect(url: &Url) -> Response {
    match HeaderValue::from_str(url.as_str()) {
        Ok(mut location) => {
            // It may hold the state of an authorization.
            location.set_sensitive(true);
            (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response()
        }
        Err(error) => ApiError(Error::internal(error)).into_response(),
    }
}
