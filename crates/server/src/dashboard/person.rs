//! The visitor's own settings: password and sessions.

use askama::Template;
use axum::{extract::State, response::Response};
use http::{StatusCode, Uri};
use valetkey_domain::{Error, ErrorCode};
use valetkey_engine::{SessionView, Visitor};

use super::{
    form::Form,
    gate::Visiting,
    shell::{Answer, Shell, go_to, page_response, query_of},
};
use crate::{error::status_of, state::App};

#[derive(Template)]
#[template(path = "dashboard/person.html")]
struct PersonPage {
    shell: Shell,
    name: String,
    email: String,
    role: &'static str,
    may: &'static str,
    sessions: Vec<SessionView>,
    wrong: Option<(String, String)>,
}

/// The page.
pub(super) async fn page(State(app): State<App>, Visiting(visitor): Visiting, uri: Uri) -> Answer {
    made(&app, &visitor, query_of(&uri), None).await
}

async fn made(app: &App, visitor: &Visitor, query: &str, error: Option<&Error>) -> Answer {
    let wrong = error.map(|error| match error.details().fields.first() {
        Some(field) => (field.field.clone(), field.message.clone()),
        None => ("present".to_owned(), error.details().message.clone()),
    });
    let view = PersonPage {
        shell: Shell::of(app, Some(visitor), "settings", query),
        name: visitor.user.name.clone(),
        email: visitor.user.email.clone(),
        role: visitor.user.role.as_str(),
        may: super::users::may_words(visitor.user.role),
        sessions: app.engine.own_sessions(visitor).await?,
        wrong,
    };
    let response: Response =
        page_response(error.map_or(StatusCode::OK, |error| status_of(error.code())), &view);
    Ok(response)
}

/// Sets another password.
pub(super) async fn change_password(
    State(app): State<App>,
    Visiting(visitor): Visiting,
    form: Form,
) -> Answer {
    let (present, new) = (form.text("present").to_owned().into(), form.text("password").to_owned().into());
    let outcome = match form.text("password") == form.text("again") {
        true => app.engine.change_own_password(&visitor, &present, &new).await,
        false => Err(Error::invalid("again", "is not the same as the new password")),
    };
    match outcome {
        Ok(()) => Ok(go_to(&app, "/settings?done=password")),
        Err(error) => match error.code() {
            ErrorCode::InvalidArgument | ErrorCode::LoginRefused | ErrorCode::LoginTooOften => {
                made(&app, &visitor, "", Some(&error)).await
            }
            _ => Err(error.into()),
        },
    }
}

/// Ends one of the visitor's sessions, or all others.
pub(super) async fn end_sessions(State(app): State<App>, Visiting(visitor): Visiting, form: Form) -> Answer {
    let one = form.filled("session");
    app.engine.end_own_sessions(&visitor, one.as_deref()).await?;
    Ok(go_to(&app, "/settings?done=ended"))
}
