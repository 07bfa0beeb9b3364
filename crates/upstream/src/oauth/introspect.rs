//! Asking the provider about a token (RFC 7662).

use std::time::Duration;

use serde_json::Value;
use time::OffsetDateTime;
use valetkey_domain::{
    Error, ErrorCode, ExposeSecret as _, Time, credential::OAuthTokens, error::ProviderEvidence,
};
use zeroize::Zeroizing;

use super::{
    ClientConfig, LIMITS,
    redact::Redactor,
    reply,
    request::{Params, add_header, authenticate, basic, write_params},
};
use crate::{
    connector::{BodyFormat, IntrospectAuth, IntrospectedToken, ReplyFormat},
    http::{CallLimits, Egress, OutboundRequest},
};

/// Nobody waits longer for an opinion about a token.
const DEADLINE: Duration = Duration::from_secs(10);
const MAX_MESSAGE: usize = 500;

/// What the provider says about a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Introspected {
    /// Whether it is good.
    pub active: bool,
    /// When it stops working, if the provider says.
    pub expires_at: Option<Time>,
}

/// Asks about one token of a grant. `None` if the connector has no way to ask about this kind of token, or the grant has
/// none.
///
/// # Errors
/// An `upstream_…` code; nothing is known about the token then.
pub async fn introspect(
    egress: &Egress,
    c: &ClientConfig<'_>,
    tokens: &OAuthTokens,
    kind: IntrospectedToken,
) -> Result<Option<Introspected>, Error> {
    let Some(shape) = c.profile.introspect.as_ref().filter(|shape| shape.tokens.contains(&kind)) else {
        return Ok(None);
    };
    let Some(url) = c.target.introspect_url()? else { return Ok(None) };
    let (token, hint) = match kind {
        IntrospectedToken::AccessToken => (Some(&tokens.access_token), "access_token"),
        IntrospectedToken::RefreshToken => (tokens.refresh_token.as_ref(), "refresh_token"),
    };
    let Some(token) = token else { return Ok(None) };
    let mut request = OutboundRequest::new(http::Method::POST, url);
    // RFC 7662 §2.1.
    let mut params: Params =
        vec![("token".into(), token.expose_secret().into()), ("token_type_hint".into(), hint.into())];
    match shape.auth {
        IntrospectAuth::Client => {
            authenticate(c, c.profile.token.request.auth, &mut params, &mut request.headers)?;
        }
        IntrospectAuth::Basic => {
            let secret = c.client_secret.map(|secret| secret.expose_secret()).unwrap_or_default();
            basic(&mut request.headers, c.client_id, secret)?;
        }
        IntrospectAuth::Bearer => {
            let value = Zeroizing::new(format!("Bearer {}", tokens.access_token.expose_secret()));
            add_header(&mut request.headers, "authorization", &value)?;
        }
    }
    write_params(&mut request, BodyFormat::Form, params)?;
    let response = egress.send(request, CallLimits { deadline: DEADLINE, ..LIMITS }).await?;
    let document = reply::document(&response, ReplyFormat::Json);
    if !response.status.is_success() {
        let mut redactor = Redactor::default();
        redactor.add(token);
        redactor.add(&tokens.access_token);
        redactor.add_maybe(c.client_secret);
        let (code, message) =
            document.as_ref().map(|found| reply::error_of(&c.profile.token.reply, found)).unwrap_or_default();
        return Err(Error::new(ErrorCode::UpstreamError).provider(ProviderEvidence {
            status: Some(response.status.as_u16()),
            code: code.map(|code| redactor.clean(&code, 100)),
            message: message.map(|message| redactor.clean(&message, MAX_MESSAGE)),
            ..ProviderEvidence::default()
        }));
    }
    let unreadable = |why: &str| {
        Error::new(ErrorCode::UpstreamResponseInvalid)
            .message(format!("The provider's answer about the token could not be read: {why}."))
    };
    let document = document.map_err(|reply::Unreadable(why)| unreadable(why))?;
    // RFC 7662 §2.2: `active` is required and a boolean. Anything else says nothing.
    let active =
        document.get("active").and_then(Value::as_bool).ok_or_else(|| unreadable("it does not say"))?;
    let expires_at = shape
        .expiry
        .first(&document)
        .and_then(Value::as_i64)
        .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok());
    Ok(Some(Introspected { active, expires_at }))
}
