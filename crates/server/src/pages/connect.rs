//! The page of an authorization link: `GET` and `POST /connect/{token}`, and `GET /connect/done/{auth_request_id}`.

use askama::Template;
use axum::{
    Extension,
    extract::{Request, State},
    response::Response,
};
use http::{HeaderMap, StatusCode};
use time::format_description::well_known::Rfc3339;
use valetkey_domain::{Error, catalogue::RemedyAction};
use valetkey_engine::{FormField, LinkPage, LinkStep, Reader, StartOutcome, SubmitOutcome};

use super::{
    cookie::{self, user_agent},
    form::{CREDENTIAL_STEP, Form},
    look::Look,
    outcome::{self, Outcomes},
    scopes::{Shown, lines},
    site::{Said, Site, respond},
    words::{FormCase, moment, of_form, plain, rich},
};
use crate::{RequestContext, error::status_of, extract::Path, state::App};

#[derive(Template)]
#[template(path = "link.html")]
struct Page<'a> {
    site: Site,
    heading: String,
    /// The title of the window: it says first if something is wrong.
    title: String,
    /// The first letters, as pictures.
    app_initial: Option<String>,
    connector_initial: String,
    page: &'a LinkPage,
    /// Sentences, as HTML.
    asks: String,
    connected: Option<String>,
    closing: String,
    own: Option<&'a str>,
    valid_until: (String, String),
    scopes: Vec<Shown<'a>>,
    step: &'static str,
    fields: Vec<Field<'a>>,
    wrong: Option<Wrong<'a>>,
    /// Shown to the operator: nothing can be sent.
    sample: bool,
}

/// One input of the form.
struct Field<'a> {
    name: &'a str,
    label: Said<'a>,
    help: Option<Said<'a>>,
    help_url: Option<&'a str>,
    secret: bool,
    required: bool,
    placeholder: Option<&'a str>,
    wrong: Option<&'static str>,
    described_by: Option<String>,
}

/// What was wrong with what was sent.
struct Wrong<'a> {
    text: &'static str,
    fields: Vec<WrongField<'a>>,
    /// The provider's status page, with the words of the link to it.
    status_page: Option<(String, String)>,
}

struct WrongField<'a> {
    at: usize,
    label: Said<'a>,
    message: &'static str,
}

/// A form that has to be filled in again: why, and which fields were filled in.
struct Again {
    error: Error,
    filled: Vec<String>,
}

/// Shows the page. Changes nothing, so that whatever looks at links before people do cannot use one up.
pub(super) async fn open(
    State(app): State<App>,
    Extension(context): Extension<RequestContext>,
    Path(token): Path<String>,
    headers: HeaderMap,
    look: Look,
) -> Response {
    let browser = cookie::read(&headers, &app.options);
    match app.engine.open_link(&token, browser.as_ref()).await {
        Ok(page) => show(&app, &look, &page, None),
        Err(error) => Outcomes::new(&app, &context, &look).refused(error),
    }
}

/// Takes the form: starts the authorization, or stores the credential that was entered.
pub(super) async fn go_on(
    State(app): State<App>,
    Extension(context): Extension<RequestContext>,
    Path(token): Path<String>,
    look: Look,
    request: Request,
) -> Response {
    let outcomes = Outcomes::new(&app, &context, &look);
    let browser = cookie::read(request.headers(), &app.options);
    let (parts, body) = request.into_parts();
    let form = match Form::read(&parts.headers, body).await {
        Ok(form) => form,
        Err(error) => return outcomes.refused(error),
    };
    let browser = browser.as_ref();
    let agent = user_agent(&parts.headers);
    let agent = agent.as_deref();
    if form.step == CREDENTIAL_STEP {
        let filled = form.fields.keys().cloned().collect();
        let submitted =
            app.engine.submit_credentials_in(&token, browser, &form.token, form.fields, agent).await;
        return match submitted {
            Ok(SubmitOutcome::Ended(outcome)) => outcomes.ended(*outcome),
            Ok(SubmitOutcome::Again { page, error }) => {
                show(&app, &look, &page, Some(&Again { error: *error, filled }))
            }
            Err(error) => outcomes.refused(error),
        };
    }
    let reader = Reader { user_agent: agent, language: look.spoken.said() };
    match app.engine.start_authorization_in(&token, browser, &form.token, reader).await {
        Ok(StartOutcome::Redirect(url)) => outcome::redirect(&url),
        Ok(StartOutcome::Ended(outcome)) => outcomes.ended(*outcome),
        Err(error) => outcomes.refused(error),
    }
}

/// Where the app sends its user after it has confirmed them.
pub(super) async fn done(
    State(app): State<App>,
    Extension(context): Extension<RequestContext>,
    Path(auth_request_id): Path<String>,
    headers: HeaderMap,
    look: Look,
) -> Response {
    let outcomes = Outcomes::new(&app, &context, &look);
    let browser = cookie::read(&headers, &app.options);
    match app.engine.done_page(&auth_request_id, browser.as_ref()).await {
        Ok(page) => outcomes.connected(&page),
        Err(error) => outcomes.refused(error),
    }
}

fn show(app: &App, look: &Look, page: &LinkPage, again: Option<&Again>) -> Response {
    let view = view(app, look, page, again, false);
    let status = again.map_or(StatusCode::OK, |again| status_of(again.error.code()));
    let mut response = respond(status, &view, look, &app.options);
    cookie::set(response.headers_mut(), &page.browser, &app.options);
    if let Some(again) = again {
        response.extensions_mut().insert(again.error.code());
    }
    response
}

/// The page as an operator sees it while choosing how it looks.
pub(super) fn sample(app: &App, look: &Look, page: &LinkPage) -> Response {
    respond(StatusCode::OK, &view(app, look, page, None, true), look, &app.options)
}

fn view<'a>(
    app: &'a App,
    look: &'a Look,
    page: &'a LinkPage,
    again: Option<&Again>,
    sample: bool,
) -> Page<'a> {
    let t = look.texts();
    let fields = match &page.step {
        LinkStep::EnterCredential(fields) => fields.as_slice(),
        LinkStep::GoToProvider | LinkStep::Confirm => &[],
    };
    let fields: Vec<_> = fields.iter().enumerate().map(|(at, field)| input(look, at, field, again)).collect();
    let app_name = look.product(&app.options);
    let connector = ("connector", page.connector_name.as_str());
    let heading = plain(t.connect_title, &[connector]);
    let site = Site::of(&app.options, look);
    Page {
        title: match again {
            Some(_) => plain(t.error_title, &[("title", &heading)]),
            None => heading.clone(),
        },
        heading,
        app_initial: app_name.map(initial),
        connector_initial: initial(&page.connector_name),
        asks: match app_name {
            Some(app) => rich(t.asks, &[("app", app), connector]),
            None => rich(t.asks_unnamed, &[connector]),
        },
        connected: page.connected.then(|| connected(look, page)),
        closing: closing(look, page, app_name),
        own: look.own(|own| &own.connect),
        valid_until: (
            page.expires_at.format(&Rfc3339).unwrap_or_default(),
            moment(look.language(), page.expires_at),
        ),
        scopes: lines(&page.scopes, look.language()),
        step: match page.step {
            LinkStep::EnterCredential(_) => CREDENTIAL_STEP,
            LinkStep::GoToProvider | LinkStep::Confirm => "start",
        },
        wrong: again.map(|again| wrong(look, page, &again.error, &fields)),
        fields,
        page,
        site: if sample { site } else { site.with_choices() },
        sample,
    }
}

fn input<'a>(look: &Look, at: usize, field: &'a FormField, again: Option<&Again>) -> Field<'a> {
    let t = look.texts();
    let wrong = again.and_then(|Again { error, filled }| {
        let mut violations = error.details().fields.iter();
        violations.find(|violation| violation.field.rsplit('.').next() == Some(&field.name))?;
        Some(if filled.contains(&field.name) { t.field_unfit } else { t.field_needed })
    });
    let described_by = match (wrong.is_some(), field.help.is_some() || field.help_url.is_some()) {
        (true, true) => Some(format!("wrong-{at} help-{at}")),
        (true, false) => Some(format!("wrong-{at}")),
        (false, true) => Some(format!("help-{at}")),
        (false, false) => None,
    };
    Field {
        name: &field.name,
        label: Said::of(&field.label, look.language()),
        help: field.help.as_ref().map(|words| Said::of(words, look.language())),
        help_url: field.help_url.as_deref().filter(|url| url.starts_with("https://")),
        secret: field.secret,
        required: field.required,
        placeholder: field.placeholder.as_deref(),
        wrong,
        described_by,
    }
}

fn wrong<'a>(look: &Look, page: &LinkPage, error: &Error, fields: &[Field<'a>]) -> Wrong<'a> {
    let named = fields
        .iter()
        .enumerate()
        .filter_map(|(at, field)| Some(WrongField { at, label: field.label, message: field.wrong? }));
    // The first one with an address leads to the provider's status page.
    let mut remedies = error.remedies().into_iter();
    let outage = remedies.find(|remedy| remedy.action == RemedyAction::CheckProvider && remedy.url.is_some());
    let words = plain(look.texts().status_page, &[("connector", &page.connector_name)]);
    Wrong {
        text: of_form(look.language(), FormCase::of(error.code())),
        fields: named.collect(),
        status_page: outage.and_then(|remedy| remedy.url).map(|url| (url, words)),
    }
}

fn initial(name: &str) -> String {
    name.chars().next().map(|c| c.to_uppercase().collect()).unwrap_or_default()
}

/// What is connected already, and what becomes of it.
fn connected(look: &Look, page: &LinkPage) -> String {
    let t = look.texts();
    let now = match &page.label {
        Some(label) => rich(t.connected_now, &[("account", label)]),
        None => rich(t.connected_now_unnamed, &[]),
    };
    format!("{now} {}", rich(if page.pinned { t.same_account_only } else { t.replaces }, &[]))
}

fn closing(look: &Look, page: &LinkPage, app_name: Option<&str>) -> String {
    let t = look.texts();
    let text = match (&page.step, app_name) {
        (LinkStep::GoToProvider, Some(_)) => t.closing_provider,
        (LinkStep::GoToProvider, None) => t.closing_provider_unnamed,
        (LinkStep::EnterCredential(_), Some(_)) => t.closing_key,
        (LinkStep::EnterCredential(_), None) => t.closing_key_unnamed,
        (LinkStep::Confirm, _) => t.closing_nothing,
    };
    let values = [("app", app_name.unwrap_or_default()), ("connector", &page.connector_name)];
    format!("{} {}", rich(text, &values), rich(t.not_expected, &[]))
}
