//! From a provider's answer to a code of the catalogue: whose fault it is, and when to try again.

use std::time::Duration;

use http::{HeaderMap, StatusCode, header};
use serde_json::Value;
use time::{OffsetDateTime, format_description::well_known::Rfc2822};
use valetkey_domain::{
    Error, ErrorCode, catalogue::RemedyAction, error::ProviderEvidence, execution::ProviderAnswer,
};

use super::quota;
use crate::{
    connector::{ApiErrorCode, ApiErrors},
    http::Response,
};

/// Longest piece of the provider's own words that is kept.
const MAX_EVIDENCE: usize = 2048;
/// Longest beginning of a body that is handed on.
const MAX_EXCERPT: usize = 8 * ProviderAnswer::MAX_BODY;
/// Longest code that is kept.
const MAX_CODE: usize = 200;
/// Headers by which most providers name a request. No RFC has one; these two names are the custom.
const REQUEST_ID_HEADERS: [&str; 2] = ["x-request-id", "request-id"];
/// No wait is longer: a provider that asks for a day is asked again in an hour.
const MAX_RETRY_AFTER_MS: u64 = 3_600_000;

impl ApiErrors {
    /// The failure that an answer tells of, `None` if it is a success. `provider` is the connector's name for people.
    #[must_use]
    pub fn classify(&self, provider: &str, response: &Response) -> Option<Error> {
        let body = serde_json::from_slice::<Value>(&response.body).ok();
        let failed = !response.status.is_success()
            || body
                .as_ref()
                .is_some_and(|body| self.error_when.iter().any(|condition| condition.holds(body)));
        failed.then(|| self.failure(provider, response, body.as_ref()))
    }

    /// How long the provider takes no more calls, if the headers of an answer say that nothing is left of a quota.
    #[must_use]
    pub fn exhausted(&self, headers: &HeaderMap) -> Option<Duration> {
        quota::exhausted(self, headers)
    }

    /// How long the provider wants to be left alone, as the headers of a refusal tell.
    #[must_use]
    pub fn wait_told(&self, headers: &HeaderMap) -> Option<Duration> {
        self.retry_after_ms(headers).map(Duration::from_millis)
    }

    fn failure(&self, provider: &str, response: &Response, body: Option<&Value>) -> Error {
        let codes: Vec<String> = body
            .map(|body| {
                let found = self.code.iter().flat_map(|path| path.select(body));
                found.filter_map(as_text).map(|code| bounded(&code, MAX_CODE)).collect()
            })
            .unwrap_or_default();
        let known = codes.iter().find_map(|code| self.codes.get(code).map(|meaning| (code, *meaning)));
        let message = body.and_then(|body| self.message.iter().find_map(|path| path.text(body)));
        let message = message.or_else(|| plain_text(response)).map(|message| bounded(&message, MAX_EVIDENCE));
        let code = match known {
            Some((_, meaning)) => meaning.into(),
            None => self.by_status(response),
        };
        let retry_after = self.retry_after_ms(&response.headers);
        let evidence = ProviderEvidence {
            code: known.map(|(code, _)| code.clone()).or_else(|| codes.first().cloned()),
            message,
            ..self.evidence(response)
        };
        let mut error = Error::new(code).message(sentence(provider, code, &evidence)).provider(evidence);
        if let Some(millis) = retry_after.filter(|_| {
            matches!(
                code,
                ErrorCode::UpstreamRateLimited | ErrorCode::UpstreamError | ErrorCode::UpstreamForbidden
            )
        }) {
            error = error.retry_after_ms(millis);
        }
        let needed = self.needed_scope.as_ref().zip(body).and_then(|(path, body)| path.text(body));
        if let Some(scope) = needed.filter(|_| code == ErrorCode::InsufficientScope) {
            error = error.remedy(
                RemedyAction::Reauthorize,
                format!("Add the scope \"{}\" to the connection if it is missing there, then send the user a new authorization link.", bounded(&scope, MAX_CODE)),
            );
        }
        error
    }

    /// What every answer tells: status, the provider's name for the request, and how the body begins.
    pub(super) fn evidence(&self, response: &Response) -> ProviderEvidence {
        let names = self.request_id_headers.iter().map(String::as_str).chain(REQUEST_ID_HEADERS);
        let named = names.into_iter().find_map(|name| response.headers.get(name)?.to_str().ok());
        ProviderEvidence {
            status: Some(response.status.as_u16()),
            answer: Some(Box::new(ProviderAnswer {
                request_id: named.map(|id| bounded(id.trim(), MAX_CODE)).filter(|id| !id.is_empty()),
                body: excerpt(&response.body),
            })),
            ..ProviderEvidence::default()
        }
    }

    fn by_status(&self, response: &Response) -> ErrorCode {
        let status = response.status;
        match status.as_u16() {
            // RFC 6750 §3.1: the same header tells a bad token from a missing scope.
            401 | 403 if bearer_error(&response.headers, "insufficient_scope") => {
                ErrorCode::InsufficientScope
            }
            401 => ErrorCode::UpstreamUnauthorized,
            403 if self.is_used_up(&response.headers) => ErrorCode::UpstreamRateLimited,
            403 | 402 | 451 => ErrorCode::UpstreamForbidden,
            404 | 410 => ErrorCode::UpstreamNotFound,
            409 | 412 | 423 => ErrorCode::UpstreamConflict,
            429 => ErrorCode::UpstreamRateLimited,
            408 | 504 => ErrorCode::UpstreamTimeout,
            300..=399 => ErrorCode::UpstreamRedirected,
            400..=499 => ErrorCode::UpstreamInvalidRequest,
            500..=599 => ErrorCode::UpstreamError,
            // A success status with an error in the body whose code nobody knows.
            _ if status.is_success() => ErrorCode::UpstreamInvalidRequest,
            _ => ErrorCode::UpstreamResponseInvalid,
        }
    }

    fn is_used_up(&self, headers: &HeaderMap) -> bool {
        let remaining = self.remaining_header.as_ref().and_then(|name| headers.get(name.as_str()));
        remaining.is_some_and(|value| value.as_bytes() == b"0") || headers.contains_key(header::RETRY_AFTER)
    }

    /// When to try again, in milliseconds from the answer. `Retry-After` counts, as seconds or as a date (RFC 9110
    /// §10.2.3), else the connector's own headers. Dates are measured against the answer's own `Date`, so that a
    /// wrong clock on either side does no harm.
    fn retry_after_ms(&self, headers: &HeaderMap) -> Option<u64> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
        let answered = quota::answered(headers);
        let from_header = text("retry-after").and_then(|value| {
            let seconds = value.parse::<f64>().ok().filter(|s| s.is_finite() && *s >= 0.0);
            seconds.map(millis).or_else(|| until(http_date(value)?, answered?))
        });
        let from_reset = || {
            self.reset_headers.iter().find_map(|name| {
                let wait = quota::reset(headers, text(name)?.parse().ok()?)?;
                u64::try_from(wait.as_millis()).ok()
            })
        };
        from_header
            .or_else(|| {
                if self.is_used_up(headers) || text("retry-after").is_some() { from_reset() } else { None }
            })
            .or_else(|| u64::try_from(quota::exhausted(self, headers)?.as_millis()).ok())
            .map(|millis| millis.min(MAX_RETRY_AFTER_MS))
    }
}

impl From<ApiErrorCode> for ErrorCode {
    fn from(code: ApiErrorCode) -> Self {
        match code {
            ApiErrorCode::UpstreamUnauthorized => Self::UpstreamUnauthorized,
            ApiErrorCode::InsufficientScope => Self::InsufficientScope,
            ApiErrorCode::UpstreamForbidden => Self::UpstreamForbidden,
            ApiErrorCode::UpstreamNotFound => Self::UpstreamNotFound,
            ApiErrorCode::UpstreamInvalidRequest => Self::UpstreamInvalidRequest,
            ApiErrorCode::UpstreamConflict => Self::UpstreamConflict,
            ApiErrorCode::UpstreamRateLimited => Self::UpstreamRateLimited,
            ApiErrorCode::UpstreamError => Self::UpstreamError,
        }
    }
}

fn as_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// At most `max` bytes, cut at a character, without control characters.
pub(crate) fn bounded(text: &str, max: usize) -> String {
    let mut out = String::new();
    for c in text.chars().map(|c| if c.is_control() { ' ' } else { c }) {
        if out.len() + c.len_utf8() > max {
            break;
        }
        out.push(c);
    }
    out
}

/// How a body begins. More than is kept, so that a secret in it can be recognised whole.
fn excerpt(body: &[u8]) -> Option<String> {
    let start = &body[..body.len().min(MAX_EXCERPT)];
    let text = match std::str::from_utf8(start) {
        Ok(text) => text,
        // Cut within a character, or binary.
        Err(error) if start.len() - error.valid_up_to() < 4 => {
            std::str::from_utf8(&start[..error.valid_up_to()]).ok()?
        }
        Err(_) => return Some(format!("({} bytes that are not text)", body.len())),
    };
    let text = text.trim();
    (!text.is_empty()).then(|| bounded(text, MAX_EXCERPT))
}

/// A short plain-text body is the provider's message; a page of HTML is not.
fn plain_text(response: &Response) -> Option<String> {
    let kind = response.header(&header::CONTENT_TYPE).unwrap_or_default();
    let text = std::str::from_utf8(&response.body).ok()?.trim();
    let is_plain = kind.starts_with("text/plain") && !text.starts_with('<');
    (is_plain && !text.is_empty()).then(|| text.to_owned())
}

fn sentence(provider: &str, code: ErrorCode, evidence: &ProviderEvidence) -> String {
    let status = evidence.status.unwrap_or_default();
    let what = match (&evidence.code, &evidence.message) {
        (_, Some(message)) => message.trim_end_matches('.').to_owned(),
        (Some(code), None) => code.clone(),
        (None, None) => return format!("{provider} answered {status}. {}", code.entry().meaning),
    };
    let success = StatusCode::from_u16(status).is_ok_and(|status| status.is_success());
    if success {
        format!("{provider} refused: {what}.")
    } else {
        format!("{provider} answered {status}: {what}.")
    }
}

fn bearer_error(headers: &HeaderMap, error: &str) -> bool {
    let wanted = format!("error=\"{error}\"");
    headers
        .get_all(header::WWW_AUTHENTICATE)
        .iter()
        .any(|value| value.to_str().is_ok_and(|v| v.contains(&wanted)))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded just before")]
fn millis(seconds: f64) -> u64 {
    (seconds.min(1e9) * 1000.0) as u64
}

fn http_date(text: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(text, &Rfc2822).ok()
}

fn until(then: OffsetDateTime, now: OffsetDateTime) -> Option<u64> {
    u64::try_from((then - now).whole_milliseconds().max(0)).ok()
}

#[cfg(test)]
#[path = "classify_tests.rs"]
mod tests;
