//! The page of an authorization link: `GET` and `POST /connect/{token}`, and `GET /connect/done/{auth_request_id}`.

use askama::Template;
use axum::{
    Extension,
    extract::{Request, State},
    response::Response,
};
use http::{HeaderMap, StatusCode};
use valetkey_domain::Error;
use valetkey_engine::{LinkPage, LinkStep, ScopeLine, StartOutcome, SubmitOutcome};

use super::{
    cookie::{self, user_agent},
    form::{CREDENTIAL_STEP, Form},
    outcome::{self, Outcomes},
    scopes::shown,
    site::{Site, respond},
    words,
};
use crate::{RequestContext, error::status_of, extract::Path, state::App};

#[derive(Template)]
#[template(path = "link.html")]
struct Page<'a> {
    site: Site,
    app_name: Option<&'a str>,
    /// The first letters, as pictures.
    app_initial: Option<String>,
    connector_initial: String,
    page: &'a LinkPage,
    scopes: Vec<&'a ScopeLine>,
    step: &'static str,
    fields: Vec<Field<'a>>,
    wrong: Option<Wrong>,
    closing: String,
}

/// One input of the form.
struct Field<'a> {
    name: &'a str,
    label: &'a str,
    help: Option<&'a str>,
    help_url: Option<&'a str>,
    secret: bool,
    required: bool,
    placeholder: Option<&'a str>,
    wrong: Option<String>,
    described_by: Option<String>,
}

/// What was wrong with what was sent.
struct Wrong {
    text: String,
    fields: Vec<WrongField>,
}

struct WrongField {
    at: usize,
    label: String,
    message: String,
}

/// Shows the page. Changes nothing, so that whatever looks at links before people do cannot use one up.
pub(super) async fn open(
    State(app): State<App>,
    Extension(context): Extension<RequestContext>,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> Response {
    let browser = cookie::read(&headers, &app.options);
    match app.engine.open_link(&token, browser.as_ref()).await {
        Ok(page) => show(&app, &page, None),
        Err(error) => Outcomes::new(&app, &context).refused(error),
    }
}

/// Takes the form: starts the authorization, or stores the credential that was entered.
pub(super) async fn go_on(
    State(app): State<App>,
    Extension(context): Extension<RequestContext>,
    Path(token): Path<String>,
    request: Request,
) -> Response {
    let outcomes = Outcomes::new(&app, &context);
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
        let submitted =
            app.engine.submit_credentials_in(&token, browser, &form.token, form.fields, agent).await;
        return match submitted {
            Ok(SubmitOutcome::Ended(outcome)) => outcomes.ended(*outcome),
            Ok(SubmitOutcome::Again { page, error }) => show(&app, &page, Some(&error)),
            Err(error) => outcomes.refused(error),
        };
    }
    match app.engine.start_authorization_in(&token, browser, &form.token, agent).await {
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
) -> Response {
    let outcomes = Outcomes::new(&app, &context);
    let browser = cookie::read(&headers, &app.options);
    match app.engine.done_page(&auth_request_id, browser.as_ref()).await {
        Ok(page) => outcomes.connected(&page),
        Err(error) => outcomes.refused(error),
    }
}

fn show(app: &App, page: &LinkPage, error: Option<&Error>) -> Response {
    let fields = match &page.step {
        LinkStep::EnterCredential(fields) => fields.as_slice(),
        LinkStep::GoToProvider | LinkStep::Confirm => &[],
    };
    let fields: Vec<_> = fields.iter().enumerate().map(|(at, field)| input(at, field, error)).collect();
    let app_name = app.options.app_name.as_deref();
    let view = Page {
        site: Site::of(&app.options),
        app_name,
        app_initial: app_name.map(initial),
        connector_initial: initial(&page.connector_name),
        page,
        scopes: shown(&page.scopes),
        step: match page.step {
            LinkStep::EnterCredential(_) => CREDENTIAL_STEP,
            LinkStep::GoToProvider | LinkStep::Confirm => "start",
        },
        wrong: error.map(|error| wrong(error, &fields)),
        fields,
        closing: closing(page, app_name),
    };
    let status = error.map_or(StatusCode::OK, |error| status_of(error.code()));
    let mut response = respond(status, &view);
    cookie::set(response.headers_mut(), &page.browser, &app.options);
    if let Some(error) = error {
        response.extensions_mut().insert(error.code());
    }
    response
}

fn input<'a>(at: usize, field: &'a valetkey_engine::FormField, error: Option<&Error>) -> Field<'a> {
    let violation = error.and_then(|error| {
        error
            .details()
            .fields
            .iter()
            .find(|violation| violation.field.rsplit('.').next() == Some(&field.name))
    });
    let described_by = match (violation.is_some(), field.help.is_some() || field.help_url.is_some()) {
        (true, true) => Some(format!("wrong-{at} help-{at}")),
        (true, false) => Some(format!("wrong-{at}")),
        (false, true) => Some(format!("help-{at}")),
        (false, false) => None,
    };
    Field {
        name: &field.name,
        label: &field.label,
        help: field.help.as_deref(),
        help_url: field.help_url.as_deref().filter(|url| url.starts_with("https://")),
        secret: field.secret,
        required: field.required,
        placeholder: field.placeholder.as_deref(),
        wrong: violation.map(|violation| violation.message.clone()),
        described_by,
    }
}

fn wrong(error: &Error, fields: &[Field<'_>]) -> Wrong {
    let fields = fields.iter().enumerate().filter_map(|(at, field)| {
        let message = field.wrong.clone()?;
        Some(WrongField { at, label: field.label.to_owned(), message })
    });
    Wrong { text: words::of_form(error.code()).to_owned(), fields: fields.collect() }
}

fn initial(name: &str) -> String {
    name.chars().next().map(|c| c.to_uppercase().collect()).unwrap_or_default()
}

fn closing(page: &LinkPage, app_name: Option<&str>) -> String {
    let (app, connector) = (app_name.unwrap_or("the app"), &page.connector_name);
    match page.step {
        LinkStep::GoToProvider => format!(
            "You sign in at {connector} itself; {app} never sees your password. You can take access away again at any time in your settings there."
        ),
        LinkStep::EnterCredential(_) => format!(
            "What you enter is stored encrypted and used for calls to {connector} only; {app} never sees it."
        ),
        LinkStep::Confirm => "Nothing of yours is needed for this.".to_owned(),
    }
}
