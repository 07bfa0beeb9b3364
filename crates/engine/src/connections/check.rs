//! What a connection may hold: every rule names the field that breaks it.

use std::net::IpAddr;

use url::{Host, Url};
use valetkey_domain::{
    ConnectionId, Error, ErrorCode, ExposeSecret, SecretString, Time,
    catalogue::RemedyAction,
    connection::{Overrides, is_valid_name},
};
use valetkey_upstream::connector::{Connector, Connectors, OAuthProfile};

use crate::{EngineSettings, tools::edit_distance};

const MAX_URL: usize = 2048;
const MAX_CLIENT_ID: usize = 500;
const MAX_CLIENT_SECRET: usize = 8192;
const MAX_SCOPES: usize = 200;
const MAX_SCOPE: usize = 500;
/// How many connectors an error suggests.
const SUGGESTIONS: usize = 5;

/// The longest time that a connection may give a call, in milliseconds: an hour.
const MAX_CALL_TIMEOUT_MS: u32 = 3_600_000;

pub(super) fn call_timeout(millis: Option<u32>) -> Result<(), Error> {
    match millis {
        Some(millis) if !(1..=MAX_CALL_TIMEOUT_MS).contains(&millis) => {
            Err(Error::invalid("call_timeout_ms", "must be between 1 and 3600000"))
        }
        _ => Ok(()),
    }
}

pub(super) fn name(name: &str) -> Result<(), Error> {
    if !is_valid_name(name) {
        let message =
            "must have 1 to 400 of letters, digits, \"_\", \":\", \"-\" and spaces, and no space at its ends";
        return Err(Error::invalid("name", message));
    }
    // Else one text could mean two connections.
    if name.parse::<ConnectionId>().is_ok() {
        return Err(Error::invalid("name", "looks like the id of a connection"));
    }
    Ok(())
}

/// `connector_not_found` with the names that come nearest.
pub(super) fn unknown_connector(connectors: &Connectors, wanted: &str) -> Error {
    let wanted_low = wanted.to_ascii_lowercase();
    let mut near: Vec<(usize, &str)> = connectors
        .iter()
        .map(|c| {
            let slug = c.slug.as_str();
            let distance = edit_distance(&wanted_low, slug);
            let contained = slug.contains(&wanted_low) || (wanted_low.len() > 3 && wanted_low.contains(slug));
            (if contained { distance.min(2) } else { distance }, slug)
        })
        .filter(|(distance, slug)| *distance <= 2.max(slug.len() / 3))
        .collect();
    near.sort_unstable();
    let shown: String = wanted.chars().filter(|c| !c.is_control()).take(60).collect();
    let error = Error::new(ErrorCode::ConnectorNotFound)
        .field("connector", format!("\"{shown}\" is not a connector"));
    if near.is_empty() {
        return error;
    }
    let names: Vec<_> = near.into_iter().take(SUGGESTIONS).map(|(_, slug)| slug).collect();
    error.remedy(RemedyAction::FixRequest, format!("Did you mean {}?", names.join(", ")))
}

/// The profile of an OAuth connector; an error on `field` for all others.
pub(super) fn oauth_only<'a>(connector: &'a Connector, field: &str) -> Result<&'a OAuthProfile, Error> {
    connector.auth.oauth().ok_or_else(|| {
        Error::invalid(
            field,
            format!("does not apply: the connector \"{}\" has no OAuth client", connector.slug),
        )
    })
}

pub(super) fn client_id(id: &str) -> Result<(), Error> {
    let fits = !id.is_empty() && id.len() <= MAX_CLIENT_ID && id.chars().all(|c| !c.is_control());
    if !fits {
        return Err(Error::invalid(
            "client_id",
            format!("must have 1 to {MAX_CLIENT_ID} printable characters"),
        ));
    }
    surrounded("client_id", id)
}

pub(super) fn client_secret(secret: &SecretString) -> Result<(), Error> {
    let secret = secret.expose_secret();
    if secret.is_empty() || secret.len() > MAX_CLIENT_SECRET || secret.contains('\0') {
        return Err(Error::invalid(
            "client_secret",
            format!("must have 1 to {MAX_CLIENT_SECRET} characters"),
        ));
    }
    surrounded("client_secret", secret)
}

/// An end needs a secret that ends.
pub(super) fn secret_end(end: Option<Time>, has_secret: bool) -> Result<(), Error> {
    if end.is_some() && !has_secret {
        return Err(Error::invalid("client_secret_expires_at", "needs a client_secret, and there is none"));
    }
    Ok(())
}

/// White space at the ends always comes from copying, and providers answer it with nothing but `invalid_client`.
fn surrounded(field: &str, text: &str) -> Result<(), Error> {
    if text.trim() == text {
        Ok(())
    } else {
        Err(Error::invalid(field, "has white space at its beginning or end"))
    }
}

/// Checks the scopes in the field `scopes` and drops repetitions, keeping the order.
pub(crate) fn scopes(profile: &OAuthProfile, scopes: Vec<String>) -> Result<Vec<String>, Error> {
    scopes_of("scopes", profile, scopes)
}

/// Checks the scopes in a field and drops repetitions, keeping the order.
pub(crate) fn scopes_of(
    field: &str,
    profile: &OAuthProfile,
    scopes: Vec<String>,
) -> Result<Vec<String>, Error> {
    if scopes.len() > MAX_SCOPES {
        return Err(Error::invalid(field, format!("may name at most {MAX_SCOPES}")));
    }
    let separator = profile.scopes.separator.as_str();
    let mut kept: Vec<String> = Vec::with_capacity(scopes.len());
    for (index, scope) in scopes.into_iter().enumerate() {
        // RFC 6749 §3.3: scope-token = 1*( %x21 / %x23-5B / %x5D-7E )
        let token = scope.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\');
        if scope.is_empty() || scope.len() > MAX_SCOPE || !token {
            let message =
                "must be one scope: visible ASCII characters without spaces, quotes and backslashes";
            return Err(Error::invalid(format!("{field}[{index}]"), message));
        }
        if scope.contains(separator) {
            let message = format!(
                "holds \"{separator}\", which separates scopes at this provider; list each on its own"
            );
            return Err(Error::invalid(format!("{field}[{index}]"), message));
        }
        if !kept.contains(&scope) {
            kept.push(scope);
        }
    }
    Ok(kept)
}

/// Checks every URL of `overrides`.
pub(super) fn overrides(settings: &EngineSettings, overrides: &Overrides) -> Result<(), Error> {
    let Overrides { authorize_url, token_url, revoke_url, userinfo_url, api_base_url } = overrides;
    for (field, url) in [
        ("overrides.authorize_url", authorize_url),
        ("overrides.token_url", token_url),
        ("overrides.revoke_url", revoke_url),
        ("overrides.userinfo_url", userinfo_url),
        ("overrides.api_base_url", api_base_url),
    ] {
        if let Some(url) = url {
            override_url(settings, field, url)?;
        }
    }
    if api_base_url.as_ref().is_some_and(|url| url.query().is_some()) {
        return Err(Error::invalid("overrides.api_base_url", "must not have a query"));
    }
    Ok(())
}

/// Whether messages may be sent to `url`, as far as can be told before its name is looked up.
///
/// # Errors
/// `invalid_argument` naming `field`.
pub(crate) fn outbound_url(settings: &EngineSettings, field: &str, url: &Url) -> Result<(), Error> {
    override_url(settings, field, url)
}

fn override_url(settings: &EngineSettings, field: &str, url: &Url) -> Result<(), Error> {
    let wrong = |message: &str| Err(Error::invalid(field, message));
    if url.as_str().len() > MAX_URL {
        return wrong("is longer than 2048 characters");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return wrong("must not hold a user name or password");
    }
    if url.fragment().is_some() {
        return wrong("must not have a fragment");
    }
    let private = match url.host() {
        None => return wrong("must name a host"),
        Some(Host::Ipv4(ip)) => is_private(IpAddr::V4(ip)),
        Some(Host::Ipv6(ip)) => is_private(IpAddr::V6(ip)),
        Some(Host::Domain(name)) => is_local_name(name),
    };
    // A name may resolve to an opened address; the guard sees the address itself when it dials.
    let named = matches!(url.host(), Some(Host::Domain(_)));
    let opened = settings.allow_private_upstreams
        || settings.allowed_upstreams.iter().any(|open| {
            url.port_or_known_default() == Some(open.port())
                && (named
                    || url
                        .host_str()
                        .is_some_and(|host| host.trim_matches(['[', ']']) == open.ip().to_string()))
        });
    match url.scheme() {
        "https" if private && !opened => {
            wrong("names a private address; the server's setting allow_private_upstreams is off")
        }
        "https" => Ok(()),
        "http" if opened && (private || named) => Ok(()),
        "http" => wrong("must be https (plain http only for private addresses, if the server allows them)"),
        _ => wrong("must be an https URL"),
    }
}

/// A rough notion of "not on the public internet", for an early and clear answer only.
fn is_private(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.is_private() || ip.is_loopback() || ip.is_link_local() || ip.is_unspecified(),
        IpAddr::V6(ip) => {
            ip.is_loopback() || ip.is_unspecified() || ip.is_unique_local() || ip.is_unicast_link_local()
        }
    }
}

fn is_local_name(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    name == "localhost" || name.ends_with(".localhost")
}
