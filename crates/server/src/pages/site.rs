//! What all pages have in common: addresses of assets, and the headers they go out with.

use askama::Template;
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use valetkey_domain::Error;

use super::assets::{css_path, icon_path};
use crate::{ServerOptions, error::ApiError};

/// Nothing loads but our own style sheet and icon, and nothing may frame the page.
///
/// `form-action` must stay open towards any site: browsers apply it to every redirect that follows a form, and after
/// *Continue* these lead to the provider, from there possibly at once to our callback and on to the app's own page.
const CONTENT_SECURITY_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self' https: http:; base-uri 'none'; \
     frame-ancestors 'none'",
);

/// Addresses that every page needs.
pub(super) struct Site {
    pub(super) css: String,
    pub(super) icon: String,
}

impl Site {
    pub(super) fn of(options: &ServerOptions) -> Self {
        Self { css: options.path_of(&css_path()), icon: options.path_of(&icon_path()) }
    }
}

/// A page with its status and headers.
pub(super) fn respond(status: StatusCode, page: &impl Template) -> Response {
    let html = match page.render() {
        Ok(html) => html,
        Err(error) => return ApiError(Error::internal(error)).into_response(),
    };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    ];
    (status, headers, html).into_response()
}
