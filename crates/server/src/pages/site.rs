//! What all pages have in common: addresses of assets, who asks, and the headers they go out with.

use askama::Template;
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use valetkey_domain::{Error, Language, language::Words};

use super::{
    assets::{css_path, icon_path},
    branding::{accent_path, logo_path},
    cookie,
    look::Look,
    words::Texts,
};
use crate::{ServerOptions, error::ApiError};

/// Nothing loads but our own style sheets and pictures, and nothing may frame the page (S19).
///
/// `form-action` must stay open towards any site: browsers apply it to every redirect that follows a form, and after
/// *Continue* these lead to the provider, from there possibly at once to our callback and on to the app's own page.
const CONTENT_SECURITY_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self' https: http:; base-uri 'none'; \
     frame-ancestors 'none'",
);

/// What every page needs.
pub(super) struct Site {
    pub(super) css: String,
    pub(super) icon: String,
    /// The style sheet with the operator's colours.
    pub(super) accent: Option<String>,
    pub(super) logo: Option<String>,
    pub(super) product: Option<String>,
    pub(super) support_url: Option<String>,
    pub(super) support_email: Option<String>,
    pub(super) privacy_url: Option<String>,
    pub(super) language: Language,
    pub(super) t: &'static Texts,
    /// Whether the page offers other languages: where it can be opened again.
    pub(super) choices: &'static [Language],
}

impl Site {
    pub(super) fn of(options: &ServerOptions, look: &Look) -> Self {
        let branding = &look.branding;
        Self {
            css: options.path_of(&css_path()),
            icon: options.path_of(&icon_path()),
            accent: branding.accent.as_ref().map(|accent| options.path_of(&accent_path(accent))),
            logo: look
                .trial_logo
                .clone()
                .or_else(|| branding.logo.as_ref().map(|logo| options.path_of(&logo_path(logo)))),
            product: branding.product_name.clone(),
            support_url: branding.support_url.clone(),
            support_email: branding.support_email.clone(),
            privacy_url: branding.privacy_url.clone(),
            language: look.language(),
            t: look.texts(),
            choices: &[],
        }
    }

    /// With the offer of other languages.
    pub(super) fn with_choices(mut self) -> Self {
        self.choices = &Language::ALL;
        self
    }

    /// Whether the page has a head of the operator's.
    pub(super) fn branded(&self) -> bool {
        self.logo.is_some() || self.product.is_some()
    }
}

/// Words in the page's language, or in English with a mark that they are (WCAG 2.2, 3.1.2).
#[derive(Clone, Copy)]
pub(super) struct Said<'a> {
    pub(super) text: &'a str,
    /// The language, where it is not that of the page.
    pub(super) lang: Option<&'static str>,
}

impl<'a> Said<'a> {
    pub(super) fn of(words: &'a Words, language: Language) -> Self {
        let (text, said) = words.said_in(language);
        Self { text, lang: (said != language).then(|| said.as_str()) }
    }
}

/// A page with its status and headers.
pub(super) fn respond(
    status: StatusCode,
    page: &impl Template,
    look: &Look,
    options: &ServerOptions,
) -> Response {
    let html = match page.render() {
        Ok(html) => html,
        Err(error) => return ApiError(Error::internal(error)).into_response(),
    };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::CONTENT_LANGUAGE, HeaderValue::from_static(look.language().as_str())),
        // A chosen language is kept in a cookie.
        (header::VARY, HeaderValue::from_static("Accept-Language, Cookie")),
    ];
    let mut response = (status, headers, html).into_response();
    if look.spoken.chosen {
        cookie::set_language(response.headers_mut(), look.language(), options);
    }
    response
}
