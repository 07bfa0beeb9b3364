//! The pages as an operator sees them while choosing how they look: the same templates, with made-up content.

use axum::response::Response;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use time::Duration;
use valetkey_domain::{Branding, Error, ErrorCode, Language, branding::LogoKind};
use valetkey_engine::{DonePage, FailurePage, LinkPage, LinkStep, ScopeLine};

use super::{connect, language::Spoken, look::Look, outcome::Outcomes};
use crate::{RequestContext, state::App};

/// Which page is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sample {
    /// The page of a link.
    Connect,
    /// The page of success.
    Done,
    /// The page of a failure.
    Failed,
}

impl Sample {
    /// Every one, by its name.
    pub(crate) const ALL: [(Self, &'static str); 3] =
        [(Self::Connect, "connect"), (Self::Done, "done"), (Self::Failed, "failed")];

    /// Reads the name.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(_, known)| *known == name).map(|(sample, _)| sample)
    }
}

/// What is tried out: a branding, and perhaps a picture as its logo, none of which need be saved.
pub(crate) struct Trial<'a> {
    pub(crate) branding: Branding,
    pub(crate) logo: Option<(LogoKind, &'a [u8])>,
}

/// Marks an answer whose page holds a picture as a `data:` address: its policy has to let that in.
#[derive(Clone)]
pub(crate) struct HoldsPicture;

/// What a page would look like with this branding, in this language.
pub(crate) fn preview(
    app: &App,
    context: &RequestContext,
    trial: Trial<'_>,
    language: Language,
    sample: Sample,
) -> Response {
    // Its bytes said that it is a picture: the address cannot be one of anything else.
    let trial_logo = trial
        .logo
        .map(|(kind, content)| format!("data:{};base64,{}", kind.content_type(), STANDARD.encode(content)));
    let holds = trial_logo.is_some();
    let look = Look { spoken: Spoken::shown(language), branding: trial.branding, trial_logo };
    let mut answer = page(app, context, &look, sample);
    if holds {
        answer.extensions_mut().insert(HoldsPicture);
    }
    answer
}

fn page(app: &App, context: &RequestContext, look: &Look, sample: Sample) -> Response {
    let connector = "Example Mail";
    let outcomes = Outcomes::new(app, context, look);
    match sample {
        Sample::Connect => {
            let scope = |scope: &str, words: &str| ScopeLine {
                scope: scope.to_owned(),
                description: Some(words.into()),
            };
            let page = LinkPage {
                connector_name: connector.to_owned(),
                connector: "example".to_owned(),
                connection_name: "example".to_owned(),
                identifier: "user_123".to_owned(),
                account_name: None,
                pinned: false,
                connected: false,
                label: None,
                scopes: vec![
                    scope("mail.read", "Read your e-mail"),
                    scope("mail.send", "Send e-mail as you"),
                ],
                step: LinkStep::GoToProvider,
                provider_host: Some("accounts.mail.example".to_owned()),
                return_host: None,
                expires_at: app.options.clock.now() + Duration::days(1),
                browser: String::new().into(),
                form_token: String::new(),
            };
            connect::sample(app, look, &page)
        }
        Sample::Done => outcomes.connected(&DonePage {
            connector_name: Some(connector.to_owned()),
            label: Some("ada@mail.example".to_owned()),
            missing_scopes: Vec::new(),
        }),
        Sample::Failed => {
            let error = Error::new(ErrorCode::AccessDenied);
            let mut answer = outcomes.failed(&FailurePage {
                connector_name: Some(connector.to_owned()),
                ..FailurePage::bare(error)
            });
            // Showing it is no failure.
            answer.extensions_mut().remove::<ErrorCode>();
            *answer.status_mut() = http::StatusCode::OK;
            answer
        }
    }
}
