//! Google's errors: a list of reasons beside a gRPC status in the API, and one sentence for every dead grant.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::{
    Profile,
    http::{api::ApiError, api::Why, oauth_error::OAuthError},
};

pub(super) fn api(error: &ApiError) -> (StatusCode, Value) {
    let (status, reason, message) = match error.why {
        Why::Token(_) => ("UNAUTHENTICATED", "authError", "Invalid Credentials"),
        Why::Suspended => ("PERMISSION_DENIED", "domainPolicy", "The account is suspended"),
        Why::Scope(_) => ("PERMISSION_DENIED", "insufficientPermissions", "Insufficient Permission"),
        Why::NotFound => ("NOT_FOUND", "notFound", "Requested entity was not found."),
        Why::Method | Why::Invalid => ("INVALID_ARGUMENT", "invalidArgument", error.message.as_str()),
        Why::Full => ("RESOURCE_EXHAUSTED", "quotaExceeded", "Quota exceeded"),
        Why::Forbidden => ("PERMISSION_DENIED", "forbidden", "Forbidden"),
        Why::Conflict => ("ALREADY_EXISTS", "conflict", "Conflict"),
        Why::RateLimited => ("RESOURCE_EXHAUSTED", "rateLimitExceeded", "Rate Limit Exceeded"),
        Why::Unavailable => ("UNAVAILABLE", "backendError", "Backend Error"),
    };
    let mut body = json!({
        "code": error.status.as_u16(),
        "message": message,
        "errors": [{"message": message, "domain": "global", "reason": reason}],
        "status": status,
    });
    if let Why::Scope(scope) = error.why {
        body["details"] = json!([{
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
            "domain": "googleapis.com",
            "metadata": {"scope": Profile::Google.name_of(scope)},
        }]);
    }
    (error.status, json!({"error": body}))
}

pub(super) fn oauth(error: &OAuthError) -> (StatusCode, Value) {
    let description = match (error.code(), error.dead) {
        ("invalid_grant", Some(_)) => "Token has been expired or revoked.",
        ("invalid_client", _) => "Unauthorized",
        _ => error.description(),
    };
    (error.status, json!({"error": error.code(), "error_description": description}))
}
