//! Signing in through the identity provider, and out of it.

use askama::Template;
use axum::{
    Extension,
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use url::Url;
use valetkey_domain::{Error, SecretString};
use valetkey_engine::SsoAnswer;

use super::{
    cookie, login,
    shell::{Answer, Shell, page_response, query_of},
};
use crate::{RequestContext, client_address::ClientAddress, error::ApiError, state::App};

/// Sends the browser to the identity provider. A link and no form: the redirect of a form would have to be allowed by
/// `form-action`, for whatever host the provider sends people on to.
pub(super) async fn begin(State(app): State<App>, uri: Uri) -> Answer {
    let start = app.engine.begin_sso(&login::next_of(query_of(&uri))).await?;
    let mut response = leave(&start.url)?;
    cookie::set_ticket(response.headers_mut(), &start.ticket, &app.options);
    Ok(response)
}

/// Takes the provider's answer.
pub(super) async fn callback(
    State(app): State<App>,
    Extension(context): Extension<RequestContext>,
    ClientAddress(address): ClientAddress,
    uri: Uri,
    headers: HeaderMap,
) -> Answer {
    app.engine.admit_address(address)?;
    let ticket = cookie::read_ticket(&headers, &app.options);
    let answer = answer_of(query_of(&uri));
    let browser = login::browser(&headers);
    let outcome = app.engine.complete_sso(ticket.as_ref(), &answer, browser, Some(context.id())).await;
    let mut response = match outcome {
        Ok(signed_on) => login::begin(&app, &signed_on.session, &login::checked_next(&signed_on.next)),
        Err(error) => {
            app.engine.note_failure(address, &error);
            ApiError(error).into_response()
        }
    };
    // Whatever came of it: a sign-in has one answer.
    cookie::clear_ticket(response.headers_mut(), &app.options);
    Ok(response)
}

fn answer_of(query: &str) -> SsoAnswer {
    let mut answer = SsoAnswer::default();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            "code" => answer.code = Some(SecretString::from(value.into_owned())),
            "state" => answer.state = Some(value.into_owned()),
            "iss" => answer.iss = Some(value.into_owned()),
            "error" => answer.error = Some(value.into_owned()),
            _ => {}
        }
    }
    answer
}

#[derive(Template)]
#[template(path = "dashboard/signed_out.html")]
struct SignedOut {
    shell: Shell,
    /// Where one signs out at the provider too.
    provider: String,
}

/// The page after a session has ended that an identity provider's session may outlive.
pub(super) fn signed_out(app: &App, provider: &Url) -> Response {
    let view = SignedOut { shell: Shell::of(app, None, "", ""), provider: provider.to_string() };
    page_response(StatusCode::OK, &view)
}

/// Sends the browser away from here, keeping nothing of the address that it came from.
fn leave(url: &Url) -> Result<Response, Error> {
    let location = HeaderValue::from_str(url.as_str()).map_err(Error::internal)?;
    let no_store = HeaderValue::from_static("no-store");
    Ok((StatusCode::SEE_OTHER, [(header::LOCATION, location), (header::CACHE_CONTROL, no_store)])
        .into_response())
}
