//! Putting the credential on a request, and keeping it out of everything that comes back.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderName, HeaderValue, header};
use percent_encoding::utf8_percent_encode;
use serde_json::Value;
use valetkey_domain::{Credential, Error, ErrorCode, ExposeSecret};
use zeroize::Zeroizing;

use super::Tool;
use crate::{
    connector::{Placement, Target, TextTemplate},
    encode::QUERY,
    http::OutboundRequest,
};

/// Attaches the credential where the connector says: header, query or HTTP Basic. Header values are marked sensitive.
/// `tool` is the tool called, `None` for a proxied call; a tool may ask for a further token of the grant.
///
/// # Errors
/// - `internal` if the request is not for the connector's API: the credential goes nowhere else (S46).
/// - `account_error` if the credential lacks a field or token that the connector needs.
pub fn attach_credential(
    target: &Target<'_>,
    tool: Option<&Tool>,
    credential: &Credential,
    request: &mut OutboundRequest,
) -> Result<(), Error> {
    if !target.allows(&request.url)? {
        return Err(Error::internal(format!(
            "a credential of {} was about to leave its API",
            target.connector.slug
        )));
    }
    let token = tool.and_then(|tool| tool.request.token.as_deref());
    place_all(target, token, credential, request)
}

/// Attaches the credential to a request whose address the connector file names itself, outside its API: userinfo and
/// follow-up calls. The address must come from [`Target`], never from a caller.
pub(crate) fn attach_to_named(
    target: &Target<'_>,
    credential: &Credential,
    request: &mut OutboundRequest,
) -> Result<(), Error> {
    place_all(target, None, credential, request)
}

fn place_all(
    target: &Target<'_>,
    token: Option<&str>,
    credential: &Credential,
    request: &mut OutboundRequest,
) -> Result<(), Error> {
    for placement in target.connector.auth.attach() {
        place(placement, target, token, credential, request)?;
    }
    Ok(())
}

fn place(
    placement: &Placement,
    target: &Target<'_>,
    token: Option<&str>,
    credential: &Credential,
    request: &mut OutboundRequest,
) -> Result<(), Error> {
    let fill = |template: &TextTemplate| {
        let lookup = |name: &str| secret(credential, token, name).or_else(|| target.value(name));
        template.render(lookup).map(Zeroizing::new).ok_or_else(|| lacking(target, template.missing(lookup)))
    };
    let unusable =
        |_| Error::new(ErrorCode::AccountError).message("The stored credential cannot stand in a header.");
    if let Some(place) = &placement.header {
        let mut value = HeaderValue::from_str(&fill(&place.value)?).map_err(unusable)?;
        value.set_sensitive(true);
        request.headers.insert(HeaderName::try_from(place.name.as_str()).map_err(Error::internal)?, value);
    }
    if let Some(place) = &placement.query {
        let value = fill(&place.value)?;
        let pair = Zeroizing::new(format!("{}={}", place.name, utf8_percent_encode(&value, QUERY)));
        let query = match request.url.query().filter(|query| !query.is_empty()) {
            Some(query) => format!("{query}&{}", *pair),
            None => pair.to_string(),
        };
        request.url.set_query(Some(&query));
    }
    if let Some(place) = &placement.basic {
        let pair = Zeroizing::new(format!("{}:{}", *fill(&place.username)?, *fill(&place.password)?));
        let encoded = Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())));
        let mut value = HeaderValue::from_str(&encoded).map_err(unusable)?;
        value.set_sensitive(true);
        request.headers.insert(header::AUTHORIZATION, value);
    }
    Ok(())
}

/// A part of the credential by its name in templates.
fn secret(credential: &Credential, token: Option<&str>, name: &str) -> Option<String> {
    match credential {
        Credential::OAuth(tokens) => {
            let extra = |name: &str| tokens.extra.get(name).map(|token| token.expose_secret().to_owned());
            match (name, token) {
                ("access_token", Some(token)) => extra(token),
                ("access_token", None) => Some(tokens.access_token.expose_secret().to_owned()),
                _ => extra(name.strip_prefix("token.")?),
            }
        }
        Credential::Static(fields) => fields.get(name).map(|value| value.expose_secret().to_owned()),
        Credential::None => None,
    }
}

fn lacking(target: &Target<'_>, name: Option<&str>) -> Error {
    let name = name.unwrap_or("credential");
    Error::new(ErrorCode::AccountError)
        .message(format!(
            "The account's credential has no \"{name}\", which {} needs.",
            target.connector.display_name
        ))
        .remedy(
            valetkey_domain::catalogue::RemedyAction::Reauthorize,
            "Send the user a new authorization link.",
        )
}

/// Masks a credential in what a provider sent back: some echo it in error texts or debug fields (S51).
pub struct Mask(Vec<Zeroizing<String>>);

/// What stands where a secret was.
const MASKED: &str = "[redacted]";

/// Shorter secrets would mask ordinary words.
const SHORTEST: usize = 8;

impl Mask {
    /// A mask for every secret of the credential, plain and in base64.
    #[must_use]
    pub fn of(credential: &Credential) -> Self {
        let mut secrets = Vec::new();
        let mut add = |secret: &str| {
            if secret.len() >= SHORTEST {
                secrets.push(Zeroizing::new(secret.to_owned()));
                secrets.push(Zeroizing::new(STANDARD.encode(secret)));
            }
        };
        match credential {
            Credential::OAuth(tokens) => {
                add(tokens.access_token.expose_secret());
                tokens.refresh_token.iter().for_each(|token| add(token.expose_secret()));
                tokens.extra.values().for_each(|token| add(token.expose_secret()));
            }
            Credential::Static(fields) => fields.values().for_each(|value| add(value.expose_secret())),
            Credential::None => {}
        }
        // The longest first: one secret may be part of another.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        Self(secrets)
    }

    /// The text without the secrets.
    #[must_use]
    pub fn text(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, secret| {
            if text.contains(secret.as_str()) { text.replace(secret.as_str(), MASKED) } else { text }
        })
    }

    /// Masks every text of a JSON document, names of members too.
    pub fn value(&self, value: &mut Value) {
        match value {
            Value::String(text) if self.hits(text) => *text = self.text(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.value(item)),
            Value::Object(fields) => {
                fields.values_mut().for_each(|field| self.value(field));
                if fields.keys().any(|name| self.hits(name)) {
                    *fields = std::mem::take(fields).into_iter().map(|(n, v)| (self.text(&n), v)).collect();
                }
            }
            _ => {}
        }
    }

    fn hits(&self, text: &str) -> bool {
        self.0.iter().any(|secret| text.contains(secret.as_str()))
    }

    /// The error with its message, cause and evidence masked.
    #[must_use]
    pub fn error(&self, error: Error) -> Error {
        let details = error.details().clone();
        let mut masked = error.message(self.text(&details.message));
        if let Some(cause) = &details.cause {
            masked = masked.cause(self.text(cause));
        }
        if let Some(internal) = &details.internal {
            masked = masked.because(self.text(internal));
        }
        if let Some(mut evidence) = details.provider {
            evidence.code = evidence.code.map(|code| self.text(&code));
            evidence.message = evidence.message.map(|message| self.text(&message));
            if let Some(answer) = &mut evidence.answer {
                answer.request_id = answer.request_id.take().map(|id| self.text(&id));
                answer.body = answer.body.take().map(|body| self.text(&body));
            }
            masked = masked.provider(evidence);
        }
        masked
    }
}

#[cfg(test)]
#[path = "credential_tests.rs"]
mod tests;
