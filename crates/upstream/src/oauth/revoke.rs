//! Taking a grant back.

use std::time::Duration;

use http::{Method, StatusCode};
use valetkey_domain::{
    Error, ExposeSecret, SecretString, Time, credential::OAuthTokens, error::ProviderEvidence,
};
use zeroize::Zeroizing;

use super::{
    ClientConfig, LIMITS, failure,
    redact::Redactor,
    reply,
    request::{Params, Values, add_header, authenticate, basic, override_params, write_params},
};
use crate::{
    connector::{BodyFormat, ReplyFormat, RevokeAuth, RevokeMethod, RevokeReach, RevokedToken},
    http::{Egress, Fault, OutboundRequest, Response},
};

/// What became of a revocation.
#[derive(Debug, Clone, PartialEq)]
pub enum RevokeOutcome {
    /// The provider has no way to revoke (or the connection's overrides name none): only the user can.
    NotOffered,
    /// Revoked, or gone already.
    Revoked {
        /// The tokens that were handed in and are gone.
        tokens: Vec<RevokedToken>,
        /// What went with them, where that is known.
        reach: Option<RevokeReach>,
    },
    /// The provider did not do it, or not all of it.
    Refused {
        /// The tokens that are gone all the same.
        tokens: Vec<RevokedToken>,
        /// What it said, bounded and redacted.
        evidence: ProviderEvidence,
        /// When it said to come back, at most an hour.
        retry_after: Option<Duration>,
        /// Whether a later attempt may help (5xx, 429).
        transient: bool,
    },
}

/// Revokes a grant (RFC 7009, or the connector's own way): the refresh token first, then the access token.
///
/// The grant counts as revoked once the first token that the provider revokes at all is gone: RFC 7009 §2.1 takes the
/// others along. Where a revocation reaches one token only, every one of them must be gone.
///
/// # Errors
/// When the provider could not be reached before that.
pub async fn revoke(
    egress: &Egress,
    c: &ClientConfig<'_>,
    tokens: &OAuthTokens,
    now: Time,
) -> Result<RevokeOutcome, Fault> {
    let shape = c.profile.revoke.as_ref();
    let wanted = shape.map_or(&STANDARD_TOKENS[..], |shape| &shape.tokens);
    let reach = shape.and_then(|shape| shape.reach);
    let each_counts = reach == Some(RevokeReach::Token);
    let mut done = Vec::new();
    let mut refusal = None;
    for (kind, token) in wanted.iter().flat_map(|kind| of_kind(tokens, *kind)) {
        // What is left then is tidying up.
        let enough = !each_counts && refusal.is_none() && !done.is_empty();
        let request = match request(c, kind, token) {
            Ok(Some(request)) => request,
            Ok(None) => return Ok(RevokeOutcome::NotOffered),
            Err(_) if enough => break,
            Err(error) => {
                let message = Some(error.details().message.clone());
                let evidence = ProviderEvidence { message, ..ProviderEvidence::default() };
                return Ok(RevokeOutcome::Refused {
                    tokens: done,
                    evidence,
                    retry_after: None,
                    transient: false,
                });
            }
        };
        match egress.send(request, LIMITS).await {
            Ok(response) => match judge(c, &response, token, now) {
                Verdict::Gone => done.push(kind),
                Verdict::Refused(_) if enough => {}
                Verdict::Refused(refused) => refusal = refusal.or(Some(refused)),
                Verdict::OtherKind => {}
            },
            Err(_) if enough => break,
            Err(fault) => return Err(fault),
        }
    }
    done.dedup();
    Ok(match refusal {
        Some(Refusal { evidence, retry_after, transient }) => {
            RevokeOutcome::Refused { tokens: done, evidence, retry_after, transient }
        }
        None if !done.is_empty() => RevokeOutcome::Revoked { tokens: done, reach },
        // No token to hand in, or none of a kind that the provider revokes.
        None => RevokeOutcome::NotOffered,
    })
}

const STANDARD_TOKENS: [RevokedToken; 2] = [RevokedToken::RefreshToken, RevokedToken::AccessToken];

fn of_kind(tokens: &OAuthTokens, kind: RevokedToken) -> Vec<(RevokedToken, &SecretString)> {
    let found: Vec<&SecretString> = match kind {
        RevokedToken::RefreshToken => tokens.refresh_token.iter().collect(),
        RevokedToken::AccessToken => vec![&tokens.access_token],
        RevokedToken::Extra => tokens.extra.values().collect(),
    };
    found.into_iter().map(|token| (kind, token)).collect()
}

fn request(
    c: &ClientConfig<'_>,
    kind: RevokedToken,
    token: &SecretString,
) -> Result<Option<OutboundRequest>, Error> {
    let hint = if kind == RevokedToken::RefreshToken { "refresh_token" } else { "access_token" };
    let values = Values { token: Some(token), token_type_hint: Some(hint), ..Values::default() };
    let url = c.target.revoke_url(|name| match name {
        "token" | "client_id" => values.lookup(c, name),
        _ => None,
    })?;
    let Some(url) = url else { return Ok(None) };
    let shape = c.profile.revoke.as_ref();
    let method = shape.map(|shape| shape.method).unwrap_or_default();
    let mut request = OutboundRequest::new(
        match method {
            RevokeMethod::Post => Method::POST,
            RevokeMethod::Delete => Method::DELETE,
            RevokeMethod::Get => Method::GET,
        },
        url,
    );
    let mut params = Params::new();
    match shape.and_then(|shape| shape.params.as_ref()) {
        Some(templates) => override_params(c, templates, &mut params, &values),
        // RFC 7009 §2.1.
        None if method == RevokeMethod::Post => {
            params.push(("token".into(), token.expose_secret().into()));
            params.push(("token_type_hint".into(), hint.into()));
        }
        None => {}
    }
    match shape.map(|shape| shape.auth).unwrap_or_default() {
        RevokeAuth::Client => {
            authenticate(c, c.profile.token.request.auth, &mut params, &mut request.headers)?;
        }
        RevokeAuth::Basic => {
            let secret = c.client_secret.map(ExposeSecret::expose_secret).unwrap_or_default();
            basic(&mut request.headers, c.client_id, secret)?;
        }
        RevokeAuth::Bearer => {
            let value = Zeroizing::new(format!("Bearer {}", token.expose_secret()));
            add_header(&mut request.headers, "authorization", &value)?;
        }
        RevokeAuth::None => {}
    }
    let format = match method {
        RevokeMethod::Get => BodyFormat::Query,
        _ => shape.map(|shape| shape.body).unwrap_or_default(),
    };
    if !params.is_empty() {
        write_params(&mut request, format, params)?;
    }
    Ok(Some(request))
}

enum Verdict {
    Gone,
    OtherKind,
    Refused(Refusal),
}

struct Refusal {
    evidence: ProviderEvidence,
    retry_after: Option<Duration>,
    transient: bool,
}

fn judge(c: &ClientConfig<'_>, response: &Response, token: &SecretString, now: Time) -> Verdict {
    let shape = &c.profile.token.reply;
    let document = reply::document(response, ReplyFormat::Auto).unwrap_or_default();
    let fits = c.profile.revoke.as_ref().and_then(|revoke| revoke.success_when.as_ref());
    let (code, message) = reply::error_of(shape, &document);
    let status = response.status;
    let success = match fits {
        Some(condition) => status.is_success() && condition.holds(&document),
        None => status.is_success() && !reply::is_error(shape, &document),
    };
    // A token that is not known any more is what was wanted (RFC 7009 §2.2).
    let gone = matches!(
        code.as_deref(),
        Some("invalid_token" | "invalid_grant" | "token_revoked" | "token_expired" | "token_not_found")
    ) || (c.profile.revoke.as_ref().is_some_and(|r| r.method == RevokeMethod::Delete)
        && matches!(status, StatusCode::NOT_FOUND | StatusCode::GONE));
    let transient = status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error();
    if success || (gone && !transient) {
        return Verdict::Gone;
    }
    // RFC 7009 §2.2.1.
    if code.as_deref() == Some("unsupported_token_type") {
        return Verdict::OtherKind;
    }
    let mut redactor = Redactor::default();
    redactor.add(token);
    redactor.add_maybe(c.client_secret);
    let evidence = ProviderEvidence {
        status: Some(status.as_u16()),
        code: code.map(|code| redactor.clean(&code, 100)),
        message: message.map(|message| redactor.clean(&message, 500)),
        ..ProviderEvidence::default()
    };
    Verdict::Refused(Refusal { evidence, retry_after: failure::retry_after(response, now), transient })
}
