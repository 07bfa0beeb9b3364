//! How the operator's name, colours and words stand on the pages for end users.

mod get;
mod remove_logo;
mod set_logo;
mod update;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use valetkey_domain::{Branding, branding::PageTexts};

use crate::{ServerOptions, pages::logo_path, state::App};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(get::get, update::update))
        .routes(routes!(set_logo::set_logo, remove_logo::remove_logo))
}

/// The branding of the pages for end users. One serves the whole server.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Branding)]
pub(crate) struct BrandingBody {
    /// Who asks, as end users read it. Without it the setting `app_name` stands there.
    product_name: Option<String>,
    /// Where the logo is served, if there is one.
    logo_url: Option<String>,
    /// The colour of buttons and links on light pages.
    #[schema(example = "#1f4fd8")]
    accent: Option<String>,
    /// The same on dark pages.
    #[schema(example = "#8fb3ff")]
    accent_dark: Option<String>,
    /// Where end users get help.
    support_url: Option<String>,
    /// The address that helps end users.
    support_email: Option<String>,
    /// What becomes of their data.
    privacy_url: Option<String>,
    /// Own words, by language.
    texts: BTreeMap<String, PageTextsBody>,
    /// When it was changed last; `null` if nothing was ever set.
    #[serde(with = "time::serde::rfc3339::option")]
    updated_at: Option<OffsetDateTime>,
}

/// The operator's own words on a page. Plain text of at most 600 characters; line breaks are kept.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[schema(as = PageTexts)]
#[serde(deny_unknown_fields)]
pub(crate) struct PageTextsBody {
    /// On the page of a link, below the sentence that says who asks for what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    connect: Option<String>,
    /// On the page of success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    done: Option<String>,
}

impl From<PageTextsBody> for PageTexts {
    fn from(body: PageTextsBody) -> Self {
        Self { connect: body.connect, done: body.done }
    }
}

impl BrandingBody {
    fn of(branding: Branding, options: &ServerOptions) -> Self {
        let texts = branding.texts.into_iter();
        Self {
            product_name: branding.product_name,
            logo_url: branding.logo.map(|logo| options.address_of(&logo_path(&logo))),
            accent: branding.accent.map(|accent| accent.light.text()),
            accent_dark: branding.accent.map(|accent| accent.dark.text()),
            support_url: branding.support_url,
            support_email: branding.support_email,
            privacy_url: branding.privacy_url,
            texts: texts
                .map(|(language, own)| {
                    let body = PageTextsBody { connect: own.connect, done: own.done };
                    (language.as_str().to_owned(), body)
                })
                .collect(),
            updated_at: (branding.version > 0).then_some(branding.updated_at),
        }
    }
}
