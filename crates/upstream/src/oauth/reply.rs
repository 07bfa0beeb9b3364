//! Reading what a token endpoint answers. Everything in it is hostile until read: a value of the wrong type or shape
//! makes the reply unreadable, it is never bent into something usable.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::header;
use serde_json::{Map, Value};
use time::{Duration, OffsetDateTime, format_description::well_known::Rfc3339};
use url::form_urlencoded;
use valetkey_domain::{SecretString, Time};

use super::{Identity, authorize::is_fact};
use crate::{
    connector::{Expiry, ExpiryUnit, JsonPath, ReplyFormat, ScopeReply, TokenReplyShape},
    http::Response,
};

/// The longest token that is taken.
const MAX_TOKEN: usize = 32 << 10;
/// A longer life than this is not believed.
const MAX_LIFE: Duration = Duration::days(20 * 365);
/// The most scopes that are taken, and the longest.
const MAX_SCOPES: usize = 1000;
const MAX_SCOPE: usize = 500;

/// The reply cannot be read; the text says why and holds nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unreadable(pub &'static str);

/// What a reply holds.
pub(super) struct ReadTokens {
    pub access_token: SecretString,
    pub refresh_token: Option<SecretString>,
    pub token_type: Option<String>,
    pub expires_at: Option<Time>,
    pub extra: BTreeMap<String, SecretString>,
    pub scopes: Option<Vec<String>>,
    pub metadata: BTreeMap<String, String>,
    pub identity: Option<Identity>,
}

/// The body as a JSON document; a form-encoded one becomes a flat object of texts.
pub(super) fn document(response: &Response, format: ReplyFormat) -> Result<Value, Unreadable> {
    let media_type = response
        .header(&header::CONTENT_TYPE)
        .and_then(|value| value.split(';').next())
        .map(|media_type| media_type.trim().to_ascii_lowercase())
        .unwrap_or_default();
    let body = response.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&response.body);
    let text = std::str::from_utf8(body).map_err(|_| Unreadable("the answer is not UTF-8"))?;
    let as_form = match format {
        ReplyFormat::Form => true,
        ReplyFormat::Json => false,
        ReplyFormat::Auto => {
            media_type == "application/x-www-form-urlencoded"
                // Some send forms as plain text.
                || (media_type == "text/plain" && !text.trim_start().starts_with('{') && text.contains('='))
        }
    };
    if as_form {
        let fields: Map<String, Value> = form_urlencoded::parse(text.as_bytes())
            .take(100)
            .map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())))
            .collect();
        return Ok(Value::Object(fields));
    }
    let document: Value = serde_json::from_str(text).map_err(|_| {
        Unreadable(if media_type == "text/html" {
            "the answer is an HTML page"
        } else {
            "the answer is not JSON"
        })
    })?;
    if document.is_object() || document.is_array() {
        Ok(document)
    } else {
        Err(Unreadable("the answer is not a JSON object"))
    }
}

/// The tokens and all that came with them.
pub(super) fn tokens(shape: &TokenReplyShape, document: &Value, now: Time) -> Result<ReadTokens, Unreadable> {
    let mut extra = BTreeMap::new();
    for (name, path) in &shape.extra_tokens {
        if let Some(found) = token(path, document)? {
            extra.insert(name.clone(), found);
        }
    }
    let access_token = token(&shape.access_token, document)?
        .or_else(|| extra.values().next().cloned())
        .ok_or(Unreadable("the answer holds no access token"))?;
    Ok(ReadTokens {
        refresh_token: token(&shape.refresh_token, document)?,
        token_type: shape.token_type.text(document).filter(|text| text.len() <= 64 && is_fact(text)),
        expires_at: expires_at(&shape.expiry, document, &access_token, now),
        scopes: scopes(&shape.scopes, document, &access_token),
        metadata: facts(&shape.metadata, document),
        identity: identity(&shape.subject, &shape.label, BTreeMap::new(), document),
        access_token,
        extra,
    })
}

/// A token: absent, or visible ASCII (RFC 6749 appendix A.12) that a header can hold.
fn token(path: &JsonPath, document: &Value) -> Result<Option<SecretString>, Unreadable> {
    match path.first(document) {
        None => Ok(None),
        Some(Value::String(text)) if text.is_empty() => Ok(None),
        Some(Value::String(text))
            if text.len() <= MAX_TOKEN && text.bytes().all(|b| (0x21..=0x7e).contains(&b)) =>
        {
            Ok(Some(SecretString::from(text.as_str())))
        }
        Some(Value::String(_)) => Err(Unreadable("a token in the answer holds characters that no token has")),
        Some(_) => Err(Unreadable("a token in the answer is not text")),
    }
}

/// The claims of a JWT, unverified: it came over TLS from the endpoint that made it.
fn unverified_claims(token: &SecretString) -> Option<Value> {
    use valetkey_domain::ExposeSecret as _;
    let payload = token.expose_secret().split('.').nth(1)?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?).ok()
}

/// When the token ends. A value that makes no sense (not a number, not positive, absurdly far) says nothing: the grant
/// is good, only its life is unknown.
fn expires_at(expiry: &Expiry, document: &Value, token: &SecretString, now: Time) -> Option<Time> {
    if expiry.never {
        return None;
    }
    let default = || expiry.default_seconds.and_then(|seconds| life(now, i64::try_from(seconds).ok()?, 0));
    if expiry.unit == ExpiryUnit::JwtExp {
        let claims = unverified_claims(token);
        let exp = claims.as_ref().and_then(|claims| number(claims.get("exp")?));
        return exp.and_then(|exp| instant(now, exp)).or_else(default);
    }
    let Some(value) = expiry.path.first(document) else { return default() };
    if expiry.unit == ExpiryUnit::Iso8601 {
        let text = value.as_str()?;
        return OffsetDateTime::parse(text, &Rfc3339)
            .ok()
            .filter(|at| *at - now <= MAX_LIFE)
            .or_else(default);
    }
    let found = number(value).and_then(|number| match expiry.unit {
        ExpiryUnit::Milliseconds => life(now, number / 1000, number % 1000),
        ExpiryUnit::UnixSeconds => instant(now, number),
        ExpiryUnit::UnixMilliseconds => instant(now, number / 1000),
        _ => life(now, number, 0),
    });
    found.or_else(default)
}

fn life(now: Time, seconds: i64, millis: i64) -> Option<Time> {
    let life = Duration::seconds(seconds).checked_add(Duration::milliseconds(millis))?;
    (life.is_positive() && life <= MAX_LIFE).then(|| now.checked_add(life)).flatten()
}

fn instant(now: Time, unix_seconds: i64) -> Option<Time> {
    let at = OffsetDateTime::from_unix_timestamp(unix_seconds).ok()?;
    (unix_seconds > 0 && at - now <= MAX_LIFE).then_some(at)
}

/// A whole number, or one written as text; fractions are cut.
fn number(value: &Value) -> Option<i64> {
    let float = |float: f64| {
        #[expect(clippy::cast_possible_truncation, reason = "bounded just before")]
        (float.is_finite() && float.abs() < 1e15).then_some(float as i64)
    };
    match value {
        Value::Number(number) => number.as_i64().or_else(|| float(number.as_f64()?)),
        Value::String(text) if text.len() <= 32 => {
            let text = text.trim();
            text.parse().ok().or_else(|| float(text.parse().ok()?))
        }
        _ => None,
    }
}

/// The granted scopes; `None` if the reply does not say.
fn scopes(shape: &ScopeReply, document: &Value, token: &SecretString) -> Option<Vec<String>> {
    let mut found = match &shape.jwt_claim {
        Some(claim) => unverified_claims(token).and_then(|claims| split_scopes(claims.get(claim)?)),
        None => shape.path.value(document).and_then(|value| split_scopes(&value)),
    };
    for (set, path) in &shape.sets {
        if let Some(scopes) = path.value(document).and_then(|value| split_scopes(&value)) {
            found.get_or_insert_default().extend(scopes.into_iter().map(|scope| format!("{set}:{scope}")));
        }
    }
    found.map(|mut scopes| {
        let mut seen = std::collections::HashSet::new();
        scopes.retain(|scope| seen.insert(scope.clone()));
        scopes.truncate(MAX_SCOPES);
        scopes
    })
}

fn split_scopes(value: &Value) -> Option<Vec<String>> {
    let fits = |scope: &&str| !scope.is_empty() && scope.len() <= MAX_SCOPE && is_fact(scope);
    match value {
        Value::String(text) => Some(
            text.split([' ', ',', '+', '\t', '\n'])
                .filter(fits)
                .take(MAX_SCOPES)
                .map(str::to_owned)
                .collect(),
        ),
        Value::Array(items) => Some(
            items.iter().filter_map(Value::as_str).filter(fits).take(MAX_SCOPES).map(str::to_owned).collect(),
        ),
        _ => None,
    }
}

/// The facts at these paths.
pub(super) fn facts(paths: &BTreeMap<String, JsonPath>, document: &Value) -> BTreeMap<String, String> {
    paths
        .iter()
        .filter_map(|(name, path)| Some((name.clone(), path.text(document)?)))
        .filter(|(_, value)| is_fact(value))
        .collect()
}

/// The account that a document names; `None` if it names none.
pub(super) fn identity(
    subject: &[JsonPath],
    label: &[JsonPath],
    metadata: BTreeMap<String, String>,
    document: &Value,
) -> Option<Identity> {
    let text = |path: &JsonPath| path.text(document).filter(|text| is_fact(text));
    let parts: Vec<String> = subject.iter().filter_map(text).collect();
    let subject = (!parts.is_empty()).then(|| parts.join(":"));
    let label = label.iter().find_map(text);
    (subject.is_some() || label.is_some() || !metadata.is_empty()).then_some(Identity {
        subject,
        label,
        metadata,
    })
}

/// The error code and text of a document, where the connector says they are or where they commonly are.
pub(super) fn error_of(shape: &TokenReplyShape, document: &Value) -> (Option<String>, Option<String>) {
    let find = |paths: &[JsonPath], common: &[&[&str]]| {
        let stated = paths.iter().find_map(|path| path.text(document));
        stated
            .or_else(|| common.iter().find_map(|path| member(document, path)))
            .filter(|text| !text.is_empty())
    };
    let code = find(
        &shape.error_code,
        &[
            &["error"],
            &["error", "code"],
            &["error", "type"],
            &["error", "status"],
            &["errorCode"],
            &["code"],
        ],
    );
    let message = find(
        &shape.error_message,
        &[&["error_description"], &["error", "message"], &["message"], &["error_message"], &["errorMessage"]],
    );
    (code, message)
}

fn member(document: &Value, path: &[&str]) -> Option<String> {
    match path.iter().try_fold(document, |value, name| value.get(name))? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Whether a document with a success status is an error all the same.
pub(super) fn is_error(shape: &TokenReplyShape, document: &Value) -> bool {
    let stated = shape.error_when.as_ref().is_some_and(|condition| condition.holds(document));
    // RFC 6749 §5.2.
    let standard = match document.get("error") {
        None | Some(Value::Null | Value::Bool(false)) => false,
        Some(Value::String(text)) => !text.is_empty(),
        Some(_) => true,
    };
    stated || standard
}
