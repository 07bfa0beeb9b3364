//! The page of a one-time link: a person sets a password and is logged in.

use std::net::IpAddr;

use askama::Template;
use axum::{
    Extension,
    extract::{Request, State},
    response::Response,
};
use http::StatusCode;
use valetkey_domain::{Error, ErrorCode};
use valetkey_engine::{InvitationPage, NewPassword};

use super::{
    form::Form,
    login,
    shell::{Answer, Shell, page_response},
};
use crate::{RequestContext, client_address::ClientAddress, error::status_of, extract::Path, state::App};

#[derive(Template)]
#[template(path = "dashboard/welcome.html")]
struct WelcomePage<'a> {
    shell: Shell,
    role: &'static str,
    may: &'static str,
    /// The address of a user who is there already.
    known: Option<&'a str>,
    email: &'a str,
    name: &'a str,
    wrong: Vec<(String, String)>,
}

impl WelcomePage<'_> {
    fn wrong_of(&self, field: &str) -> Option<&str> {
        self.wrong.iter().find(|(found, _)| found == field).map(|(_, message)| message.as_str())
    }
}

/// Shows the form. Changes nothing, so that whatever looks at links before people do cannot use one up.
pub(super) async fn page(
    State(app): State<App>,
    ClientAddress(address): ClientAddress,
    Path(token): Path<String>,
) -> Answer {
    let page = opened(&app, address, &token).await?;
    Ok(view(&app, &page, "", "", None))
}

/// The link, unless too many wrong ones came from there (S43).
async fn opened(app: &App, address: Option<IpAddr>, token: &str) -> Result<InvitationPage, Error> {
    app.engine.admit_address(address)?;
    let page = app.engine.open_invitation(token).await;
    page.inspect_err(|error| app.engine.note_failure(address, error))
}

/// Takes the form.
pub(super) async fn accept(
    State(app): State<App>,
    Extension(context): Extension<RequestContext>,
    ClientAddress(address): ClientAddress,
    Path(token): Path<String>,
    request: Request,
) -> Answer {
    let (parts, body) = request.into_parts();
    let form = Form::read(&parts.headers, body).await?;
    let page = opened(&app, address, &token).await?;
    let (email, name) = (form.text("email"), form.text("name"));
    let checked = match form.text("password") == form.text("again") {
        true => Ok(()),
        false => Err(Error::invalid("again", "is not the same as the password")),
    };
    let new = NewPassword {
        email: email.to_owned(),
        name: name.to_owned(),
        password: form.text("password").to_owned().into(),
    };
    let accepted = match checked {
        Ok(()) => app.engine.accept_invitation(&token, new).await,
        Err(error) => Err(error),
    };
    match accepted {
        Ok(user) => {
            let browser = login::browser(&parts.headers);
            let session = app.engine.begin_session(user, browser, "link", Some(context.id())).await?;
            Ok(login::begin(&app, &session, ""))
        }
        Err(error) if matches!(error.code(), ErrorCode::InvalidArgument | ErrorCode::UserAlreadyExists) => {
            Ok(view(&app, &page, email, name, Some(&error)))
        }
        Err(error) => Err(error.into()),
    }
}

fn view(app: &App, page: &InvitationPage, email: &str, name: &str, error: Option<&Error>) -> Response {
    let fields = error.map(|error| error.details().fields.as_slice()).unwrap_or_default();
    let view = WelcomePage {
        shell: Shell::of(app, None, "", ""),
        role: page.role.as_str(),
        may: super::users::may_words(page.role),
        known: page.email.as_deref(),
        email,
        name,
        wrong: fields.iter().map(|field| (field.field.clone(), field.message.clone())).collect(),
    };
    let mut response = page_response(error.map_or(StatusCode::OK, |error| status_of(error.code())), &view);
    if let Some(error) = error {
        response.extensions_mut().insert(error.code());
    }
    response
}
