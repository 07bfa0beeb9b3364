//! How an attempt ended, as a page.

use askama::Template;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use url::Url;
use valetkey_domain::Error;
use valetkey_engine::{CallbackOutcome, DonePage, FailurePage};

use super::{
    site::{Site, respond},
    words::{self, Words},
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
    label: Option<&'a str>,
    missing_scopes: &'a [String],
    app_name: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "failed.html")]
struct Failed<'a> {
    site: Site,
    words: Words,
    still_connected: bool,
    label: Option<&'a str>,
    retry: Option<&'a str>,
    connector: Option<&'a str>,
    reference: &'a str,
    code: &'static str,
}

/// Makes the pages that end an attempt.
pub(super) struct Outcomes<'a> {
    app: &'a App,
    context: &'a RequestContext,
}

impl<'a> Outcomes<'a> {
    pub(super) fn new(app: &'a App, context: &'a RequestContext) -> Self {
        Self { app, context }
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
        let heading = match &page.connector_name {
            Some(connector) => format!("{connector} is connected"),
            None => "You are done here".to_owned(),
        };
        let view = Done {
            site: Site::of(&self.app.options),
            heading,
            label: page.label.as_deref(),
            missing_scopes: &page.missing_scopes,
            app_name: self.app.options.app_name.as_deref(),
        };
        respond(StatusCode::OK, &view)
    }

    /// It did not get anywhere.
    pub(super) fn refused(&self, error: Error) -> Response {
        let page =
            FailurePage { error, connector_name: None, retry_url: None, still_connected: false, label: None };
        self.failed(&page)
    }

    fn failed(&self, page: &FailurePage) -> Response {
        let code = page.error.code();
        let status = status_of(code);
        let reason = page.error.details().internal.as_deref();
        if status.is_server_error() {
            tracing::warn!(code = code.as_str(), reason, "hosted page failed");
        } else {
            tracing::debug!(code = code.as_str(), reason, "hosted page refused");
        }
        let view = Failed {
            site: Site::of(&self.app.options),
            words: words::of_page(code),
            still_connected: page.still_connected,
            label: page.label.as_deref(),
            retry: page.retry_url.as_ref().map(Url::as_str),
            connector: page.connector_name.as_deref(),
            reference: self.context.id().as_str(),
            code: code.as_str(),
        };
        let mut response = respond(status, &view);
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
