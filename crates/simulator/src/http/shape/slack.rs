//! Slack's errors: HTTP 200 and `ok: false`, at the token endpoint as in the API. Only rate limits and failures of
//! Slack itself have a status of their own.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::{
    Ending, Profile,
    grants::Dead,
    http::{api::ApiError, api::Why, oauth_error::OAuthError},
};

pub(super) fn api(error: &ApiError) -> (StatusCode, Value) {
    let code = match error.why {
        Why::Token(None) => "not_authed",
        Why::Token(Some(dead)) => token(dead),
        Why::Suspended => "account_inactive",
        Why::Scope(_) => "missing_scope",
        Why::NotFound if error.message.contains("channel") => "channel_not_found",
        Why::NotFound => "message_not_found",
        Why::Method => "unknown_method",
        Why::Invalid => "invalid_arguments",
        Why::Full => "message_limit_exceeded",
        Why::Forbidden => "restricted_action",
        Why::Conflict => "name_taken",
        Why::RateLimited => "ratelimited",
        Why::Unavailable => "service_unavailable",
    };
    let mut body = json!({"ok": false, "error": code});
    if let Why::Scope(scope) = error.why {
        body["needed"] = json!(Profile::Slack.name_of(scope));
        body["provided"] = json!(error.granted.join(","));
    }
    if error.why == Why::Invalid {
        body["response_metadata"] = json!({"messages": [format!("[ERROR] {}", error.message)]});
    }
    (status(error.status), body)
}

const fn token(dead: Dead) -> &'static str {
    match dead {
        Dead::Unknown => "invalid_auth",
        Dead::Expired | Dead::Ended(Ending::Expired) => "token_expired",
        Dead::Spent | Dead::Ended(_) => "token_revoked",
    }
}

fn status(plain: StatusCode) -> StatusCode {
    if plain == StatusCode::TOO_MANY_REQUESTS || plain.is_server_error() { plain } else { StatusCode::OK }
}

pub(super) fn oauth(error: &OAuthError) -> (StatusCode, Value) {
    let code = match (error.code(), error.dead) {
        ("invalid_grant", Some(Dead::Unknown | Dead::Spent)) => "invalid_refresh_token",
        ("invalid_grant", Some(Dead::Expired)) => "token_expired",
        ("invalid_grant", Some(Dead::Ended(_))) => "token_revoked",
        ("invalid_grant", None) if error.description().contains("redirect_uri") => "bad_redirect_uri",
        ("invalid_grant", None) => "invalid_code",
        ("invalid_client", _) if error.description().contains("unknown") => "invalid_client_id",
        ("invalid_client", _) => "bad_client_secret",
        (code, _) => code,
    };
    (status(error.status), json!({"ok": false, "error": code}))
}
