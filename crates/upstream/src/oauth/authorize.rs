//! The authorization request (RFC 6749 §4.1.1) and what comes back in the callback.

use std::collections::BTreeMap;

use aws_lc_rs::digest;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;
use valetkey_domain::{Error, ErrorCode, ExposeSecret as _, Language, SecretString};

use super::ClientConfig;
use crate::connector::{Authorize, ExpectedIssuer, OAuthProfile, Pkce};

/// Everything but RFC 3986's unreserved characters: read alike by decoders that know `+` and those that do not.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// The longest fact that is taken from a callback.
const MAX_FACT: usize = 2048;

/// The URL to send the user to. `scopes` are the connection's; empty means the connector's defaults. `code_challenge`
/// is left out where the provider does not tolerate PKCE.
///
/// # Errors
/// When the connector has no code flow, or the connection lacks a value that the URL needs.
pub fn authorize_url(
    c: &ClientConfig<'_>,
    scopes: &[String],
    state: &SecretString,
    code_challenge: Option<&str>,
) -> Result<Url, Error> {
    let (Some(mut url), Some(authorize)) = (c.target.authorize_url()?, c.profile.authorize.as_ref()) else {
        return Err(Error::internal("the connector has no authorization endpoint"));
    };
    let mut params = standard(c, authorize, scopes, state, code_challenge);
    // S08: the lookup knows no secret, so that no template can put one into a URL.
    let nonce = nonce(state);
    let lookup = |name: &str| match name {
        "client_id" => Some(c.client_id.to_owned()),
        "redirect_uri" => Some(c.redirect_uri.to_owned()),
        "nonce" => Some(nonce.clone()),
        _ => c.target.value(name),
    };
    for (name, template) in &authorize.params {
        let value = template.render(lookup).ok_or_else(|| {
            Error::new(ErrorCode::ConnectionNotConfigured)
                .message(format!("The connection lacks a value for the authorization parameter \"{name}\"."))
        })?;
        params.retain(|(known, _)| known != name);
        params.push((name.clone(), value));
    }
    let mut query = url.query().unwrap_or_default().to_owned();
    for (name, value) in &params {
        if !query.is_empty() {
            query.push('&');
        }
        query.extend(utf8_percent_encode(name, QUERY));
        query.push('=');
        query.extend(utf8_percent_encode(value, QUERY));
    }
    url.set_query(Some(&query));
    url.set_fragment(None);
    Ok(url)
}

/// Has the provider ask in a language, where it can be told so. What the connector fixes stays.
pub fn ask_in(url: &mut Url, profile: &OAuthProfile, language: Language) {
    let Some(name) = profile.authorize.as_ref().and_then(|authorize| authorize.locale_param.as_deref())
    else {
        return;
    };
    if url.query_pairs().any(|(known, _)| known == name) {
        return;
    }
    let query = url.query().unwrap_or_default();
    let between = if query.is_empty() { "" } else { "&" };
    let query = format!("{query}{between}{}={}", utf8_percent_encode(name, QUERY), language.as_str());
    url.set_query(Some(&query));
}

fn standard(
    c: &ClientConfig<'_>,
    authorize: &Authorize,
    scopes: &[String],
    state: &SecretString,
    code_challenge: Option<&str>,
) -> Vec<(String, String)> {
    let mut params: Vec<(String, String)> = vec![
        ("response_type".into(), "code".into()),
        ("client_id".into(), c.client_id.into()),
        ("redirect_uri".into(), c.redirect_uri.into()),
        (authorize.state_param.clone(), state.expose_secret().into()),
    ];
    params.extend(scope_params(c.profile, scopes));
    // RFC 7636 §4.3.
    if let (Some(challenge), Pkce::S256) = (code_challenge, authorize.pkce) {
        params.push(("code_challenge".into(), challenge.into()));
        params.push(("code_challenge_method".into(), "S256".into()));
    }
    // RFC 8707 §2.
    let value = |name: &str| c.target.value(name);
    if let Some(resource) = c.profile.resource.as_ref().and_then(|t| t.render(value)) {
        params.push(("resource".into(), resource));
    }
    if let Some(audience) = c.profile.audience.as_ref().and_then(|t| t.render(value)) {
        params.push(("audience".into(), audience));
    }
    params.retain(|(name, _)| !authorize.drop.contains(name));
    for (name, _) in &mut params {
        if let Some(renamed) = authorize.rename.get(name) {
            name.clone_from(renamed);
        }
    }
    params
}

/// The scopes that an authorization asks for: the connection's, else the connector's defaults, and always those that
/// the connector cannot do without. Scopes of a further set are written `<set>:<scope>`.
#[must_use]
pub fn requested_scopes(profile: &OAuthProfile, scopes: &[String]) -> Vec<String> {
    let mut requested: Vec<String> = Vec::new();
    let mut add = |scope: String| {
        if !requested.contains(&scope) {
            requested.push(scope);
        }
    };
    if scopes.is_empty() {
        profile.scopes.default.iter().cloned().for_each(&mut add);
        for set in &profile.scopes.sets {
            set.default.iter().map(|scope| format!("{}:{scope}", set.name)).for_each(&mut add);
        }
    } else {
        scopes.iter().cloned().for_each(&mut add);
    }
    profile.scopes.always.iter().cloned().for_each(&mut add);
    requested
}

/// Each set of scopes under its parameter, joined by the provider's separator.
pub(super) fn scope_params(profile: &OAuthProfile, scopes: &[String]) -> Vec<(String, String)> {
    let requested = requested_scopes(profile, scopes);
    let mut main = Vec::new();
    let mut sets: Vec<Vec<&str>> = vec![Vec::new(); profile.scopes.sets.len()];
    for scope in &requested {
        let in_set = profile.scopes.sets.iter().enumerate().find_map(|(index, set)| {
            let scope = scope.strip_prefix(set.name.as_str())?.strip_prefix(':')?;
            Some((index, scope))
        });
        match in_set {
            Some((index, scope)) => sets[index].push(scope),
            None => main.push(scope.as_str()),
        }
    }
    let mut params = Vec::new();
    let mut add = |param: &str, scopes: &[&str]| {
        if !scopes.is_empty() {
            params.push((param.to_owned(), scopes.join(&profile.scopes.separator)));
        }
    };
    add(&profile.scopes.param, &main);
    for (set, scopes) in profile.scopes.sets.iter().zip(&sets) {
        add(&set.param, scopes);
    }
    params
}

/// Fresh per request, as `state` is, and tells nothing of it.
fn nonce(state: &SecretString) -> String {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(b"nonce\0");
    context.update(state.expose_secret().as_bytes());
    URL_SAFE_NO_PAD.encode(context.finish())
}

/// Checks the `iss` of a callback before anything else in it is believed (RFC 9207 §2.4; S04). The comparison is of
/// plain texts: case, a trailing slash or a written-out default port make another issuer.
///
/// # Errors
/// `issuer_mismatch`.
pub fn check_issuer(expected: &ExpectedIssuer, iss: Option<&str>) -> Result<(), Error> {
    let fits = match (expected, iss) {
        (ExpectedIssuer::Exact { issuer, .. }, Some(iss)) => issuer == iss,
        (ExpectedIssuer::Exact { required, .. }, None) => !required,
        (ExpectedIssuer::SameOrigin(url), Some(iss)) => {
            let origin = url.origin().ascii_serialization();
            iss.strip_prefix(&origin).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        }
        (ExpectedIssuer::SameOrigin(_), None) | (ExpectedIssuer::Unknown, _) => true,
    };
    if fits { Ok(()) } else { Err(Error::new(ErrorCode::IssuerMismatch)) }
}

/// The facts of a callback's query that the connector keeps as account metadata.
#[must_use]
pub fn callback_metadata(
    profile: &OAuthProfile,
    callback: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let Some(authorize) = &profile.authorize else { return BTreeMap::new() };
    authorize
        .metadata
        .iter()
        .filter_map(|(name, param)| Some((name.clone(), callback.get(param)?.clone())))
        .filter(|(_, value)| is_fact(value))
        .collect()
}

/// Whether a text from outside may become a fact about an account.
pub(super) fn is_fact(value: &str) -> bool {
    !value.is_empty() && value.len() <= MAX_FACT && !value.chars().any(char::is_control)
}
