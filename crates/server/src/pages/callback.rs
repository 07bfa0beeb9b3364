//! `GET /oauth/callback/{connection_id}`: the way back from the provider.

use axum::{
    Extension,
    extract::{RawQuery, State},
    response::Response,
};
use http::HeaderMap;
use valetkey_domain::SecretString;
use valetkey_engine::CallbackParams;

use super::{cookie, look::Look, outcome::Outcomes};
use crate::{RequestContext, extract::Path, state::App};

/// Takes the provider's answer.
pub(super) async fn callback(
    State(app): State<App>,
    Extension(context): Extension<RequestContext>,
    Path(connection_id): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    look: Look,
) -> Response {
    let browser = cookie::read(&headers, &app.options);
    let mut params = parameters(query.as_deref().unwrap_or_default().as_bytes());
    params.user_agent = cookie::user_agent(&headers);
    let outcome = app.engine.handle_callback(&connection_id, params, browser.as_ref()).await;
    Outcomes::new(&app, &context, &look).ended(outcome)
}

/// Reads the parameters. Any text is readable; what came twice is set aside (RFC 6749 §3.1).
fn parameters(query: &[u8]) -> CallbackParams {
    let mut params = CallbackParams::default();
    for (name, value) in url::form_urlencoded::parse(query) {
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

/// The door for fuzzing: reads `query` as the callback would.
///
/// # Panics
/// If a parameter that came twice is taken for one that came once.
pub fn fuzz_callback_query(query: &[u8]) {
    let params = parameters(query);
    assert!(params.repeated.iter().all(|name| !params.values.contains_key(name)));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use valetkey_domain::ExposeSecret;

    use super::*;

    #[test]
    fn parameters_plain_query_read() {
        let params = parameters(b"code=a%2Bb&state=s+t&iss=https%3A%2F%2Fp.example&empty=&flag");
        let values: Vec<_> =
            params.values.iter().map(|(name, value)| (name.as_str(), value.expose_secret())).collect();
        let expected =
            [("code", "a+b"), ("empty", ""), ("flag", ""), ("iss", "https://p.example"), ("state", "s t")];
        assert_eq!(values, expected);
    }

    #[test]
    fn parameters_given_twice_or_more_set_aside() {
        let params = parameters(b"code=a&state=x&code=b&code=c&code=d");
        assert_eq!(params.repeated, ["code"]);
        assert!(!params.values.contains_key("code") && params.values.contains_key("state"));
    }

    proptest! {
        #[test]
        fn parameters_any_bytes_never_panic(query in proptest::collection::vec(any::<u8>(), 0..512)) {
            fuzz_callback_query(&query);
        }

        #[test]
        fn parameters_query_like_text_never_panics(query in "([a-c]?=?[a-z%+&=;#\u{0}-\u{ff}]{0,8}&?){0,40}") {
            fuzz_callback_query(query.as_bytes());
        }
    }
}
