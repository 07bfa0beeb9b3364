//! What a page looks like to this reader: the language, and the operator's branding.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::request::Parts;
use valetkey_domain::{Branding, Language, branding::PageTexts};

use super::{
    language::Spoken,
    words::{Texts, texts},
};
use crate::{ServerOptions, state::App};

/// The look of an answer.
pub(super) struct Look {
    pub(super) spoken: Spoken,
    pub(super) branding: Branding,
    /// A logo that is not saved, as a `data:` address; in a preview only.
    pub(super) trial_logo: Option<String>,
}

impl FromRequestParts<App> for Look {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        let spoken = match Spoken::from_request_parts(parts, app).await {
            Ok(spoken) => spoken,
            Err(never) => match never {},
        };
        // A page that says what is wrong is worth more than its colours.
        let branding = app.engine.branding().await.unwrap_or_else(|error| {
            tracing::warn!(%error, "the branding of a page could not be read");
            Branding::default()
        });
        Ok(Self { spoken, branding, trial_logo: None })
    }
}

impl Look {
    pub(super) fn language(&self) -> Language {
        self.spoken.language
    }

    pub(super) fn texts(&self) -> &'static Texts {
        texts(self.spoken.language)
    }

    /// Who asks.
    pub(super) fn product<'a>(&'a self, options: &'a ServerOptions) -> Option<&'a str> {
        self.branding.product_name.as_deref().or(options.app_name.as_deref())
    }

    /// The operator's own words in this language.
    pub(super) fn own(&self, pick: impl FnOnce(&PageTexts) -> &Option<String>) -> Option<&str> {
        pick(self.branding.texts.get(&self.spoken.language)?).as_deref()
    }
}
