//! `GET /oauth/callback/{connection_id}`: the way back from the provider.

use axum::{
    Extension,
    extract::{RawQuery, State},
    response::Response,
};
use http::HeaderMap;
use valetkey_domain::SecretString;
use valetkey_engine::CallbackParams;

use super::{cookie, outcome::Outcomes};
use crate::{RequestContext, extract::Path, state::App};

/// Takes the provider's answer.
pub(super) async fn callback(
    State(app): State<App>,
    Extension(context): Extension<RequestContext>,
    Path(connection_id): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let browser = cookie::read(&headers, &app.options);
    let params = callback_parameters(query.as_deref().unwrap_or_default());
    let outcome = app.engine.handle_callback(&connection_id, params, browser.as_ref()).await;
    Outcomes::new(&app, &context).ended(outcome)
}

/// Reads the parameters. Any text is readable; what came twice is set aside (RFC 6749 §3.1).
#[must_use]
pub fn callback_parameters(query: &str) -> CallbackParams {
    let mut params = CallbackParams::default();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        let name = name.into_owned();
        if params.repeated.contains(&name) {
            continue;
        }
        if params.values.remove(&name).is_some() {
            params.repeated.push(name);
        } else {
            params.values.insert(name, SecretString::from(value.into_owned()));
        }
    }
    params
}
