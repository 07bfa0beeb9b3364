//! Logging in and out.

use askama::Template;
use axum::{
    Extension,
    extract::{Request, State},
    response::Response,
};
use http::{HeaderMap, Method, StatusCode, Uri, header};
use valetkey_domain::ErrorCode;
use valetkey_engine::LoggedIn;

use super::{
    cookie,
    form::Form,
    gate::Visiting,
    shell::{Answer, Shell, go_to, page_response, query_of},
    sso, text,
};
use crate::{
    RequestContext,
    client_address::ClientAddress,
    error::{retry_after_ms, status_of},
    state::App,
};

#[derive(Template)]
#[template(path = "dashboard/login.html")]
struct LoginPage<'a> {
    shell: Shell,
    email: &'a str,
    next: &'a str,
    wrong: Option<String>,
    /// Whether passwords let somebody in.
    passwords: bool,
    /// The button of single sign-on and where it leads.
    sso: Option<(String, String)>,
}

impl<'a> LoginPage<'a> {
    fn of(app: &App, email: &'a str, next: &'a str, wrong: Option<String>) -> Self {
        let shell = Shell::of(app, None, "", "");
        let sso = app.engine.sso().map(|sso| (sso.label.clone(), shell.to(&with_next("/sso", next))));
        Self { shell, email, next, wrong, passwords: app.engine.takes_passwords(), sso }
    }
}

/// Asks for address and password.
pub(super) async fn page(State(app): State<App>, uri: Uri, headers: HeaderMap) -> Answer {
    // Whoever is logged in already wants to go on.
    if let Some(token) = cookie::read(&headers, &app.options)
        && app.engine.visitor(&token, None).await?.is_some()
    {
        return Ok(go_to(&app, ""));
    }
    let next = next_of(query_of(&uri));
    let view = LoginPage::of(&app, "", &next, None);
    Ok(page_response(StatusCode::OK, &view))
}

/// Takes address and password.
pub(super) async fn log_in(
    State(app): State<App>,
    Extension(context): Extension<RequestContext>,
    ClientAddress(address): ClientAddress,
    request: Request,
) -> Answer {
    let (parts, body) = request.into_parts();
    let form = Form::read(&parts.headers, body).await?;
    let password = form.text("password").to_owned().into();
    let browser = browser(&parts.headers);
    let outcome = match app.engine.admit_address(address) {
        Ok(()) => app.engine.log_in(form.text("email"), &password, browser, Some(context.id())).await,
        Err(error) => Err(error),
    };
    let next = checked_next(form.text("next"));
    let error = match outcome {
        Ok(session) => return Ok(begin(&app, &session, &next)),
        Err(error) => error,
    };
    app.engine.note_failure(address, &error);
    let wrong = match error.code() {
        ErrorCode::LoginRefused => "The address or the password is wrong.".to_owned(),
        ErrorCode::LoginTooOften => {
            let wait = time::Duration::milliseconds(
                i64::try_from(retry_after_ms(&error).unwrap_or_default()).unwrap_or(i64::MAX),
            );
            let now = app.options.clock.now();
            format!(
                "There were too many failed sign-ins for this address or from this network. Try again {}.",
                text::ago(now + wait, now)
            )
        }
        _ => return Err(error.into()),
    };
    let view = LoginPage::of(&app, form.text("email"), &next, Some(wrong));
    let mut response = page_response(status_of(error.code()), &view);
    response.extensions_mut().insert(error.code());
    Ok(response)
}

/// Ends the session.
pub(super) async fn log_out(State(app): State<App>, Visiting(visitor): Visiting, _form: Form) -> Answer {
    app.engine.log_out(&visitor).await?;
    // Who never came through the provider has no session there on our account.
    let provider = match visitor.user.sso {
        Some(_) => app.engine.sso_logout_url().await,
        None => None,
    };
    let mut response = match provider {
        Some(provider) => sso::signed_out(&app, &provider),
        None => go_to(&app, "/login"),
    };
    cookie::clear(response.headers_mut(), &app.options);
    Ok(response)
}

/// Hands the session to the browser and goes on.
pub(super) fn begin(app: &App, session: &LoggedIn, next: &str) -> Response {
    let mut response = go_to(app, next);
    cookie::set(response.headers_mut(), &session.token, &app.options);
    response
}

/// What a browser calls itself.
pub(super) fn browser(headers: &HeaderMap) -> &str {
    headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// Sends somebody without a session to the login, and from there back to the page that they wanted to see.
pub(super) fn redirect(app: &App, method: &Method, uri: &Uri) -> Response {
    let wanted = match *method {
        Method::GET | Method::HEAD => uri.path_and_query().map_or("", |path| path.as_str()),
        _ => "",
    };
    let next = checked_next(wanted.strip_prefix("/dashboard").unwrap_or_default());
    go_to(app, &with_next("/login", &next))
}

fn with_next(path: &str, next: &str) -> String {
    if next.is_empty() {
        return path.to_owned();
    }
    let query: String =
        url::form_urlencoded::Serializer::new(String::new()).append_pair("next", next).finish();
    format!("{path}?{query}")
}

pub(super) fn next_of(query: &str) -> String {
    let next = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "next");
    next.map_or_else(String::new, |(_, next)| checked_next(&next))
}

/// A path below the dashboard; nothing else, so that a link to the login leads nowhere else.
pub(super) fn checked_next(next: &str) -> String {
    let plain = next.len() <= 1000
        && (next.is_empty() || next.starts_with('/') || next.starts_with('?'))
        && !next.starts_with("//")
        && next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    let to_itself = next.starts_with("/login") || next.starts_with("/logout") || next.starts_with("/sso");
    if plain && !to_itself { next.to_owned() } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S44: the way on after a login stays inside the dashboard.
    #[test]
    fn next_outside_of_the_dashboard_is_dropped() {
        for inside in ["", "/accounts", "/accounts?status=EXPIRED&q=a%2Bb", "?x=1"] {
            assert_eq!(checked_next(inside), inside);
        }
        for outside in [
            "//evil.example",
            "https://evil.example",
            "/\\evil.example",
            "/login?next=/x",
            "/a b",
            "evil",
            "/é",
        ] {
            assert_eq!(checked_next(outside), "", "{outside}");
        }
    }
}
