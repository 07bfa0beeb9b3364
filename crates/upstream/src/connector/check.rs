//! The sense of a connector file, beyond its shape.

use super::{Auth, Connector};

/// Where, and what.
type Refusal = (String, String);

fn refuse<T>(place: impl Into<String>, message: impl Into<String>) -> Result<T, Refusal> {
    Err((place.into(), message.into()))
}

/// Checks what the types alone cannot.
pub(super) fn check(file: &str, connector: &Connector) -> Result<(), Refusal> {
    names(file, connector)?;
    if let Auth::OAuth(profile) = &connector.auth
        && profile.authorize.is_none()
    {
        return refuse("auth.oauth.authorize", "is missing");
    }
    if let Auth::ClientCredentials(profile) = &connector.auth
        && profile.authorize.is_some()
    {
        return refuse(
            "auth.client_credentials.authorize",
            "client credentials have no authorization request",
        );
    }
    Ok(())
}

fn names(file: &str, connector: &Connector) -> Result<(), Refusal> {
    let slug = &connector.slug;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if slug.is_empty() || slug.len() > 50 || !slug.chars().all(plain) {
        return refuse("slug", "expected 1 to 50 lower-case letters, digits and hyphens");
    }
    if file.rsplit('/').next() != Some(&format!("{slug}.yaml")) {
        return refuse("slug", format!("the file must be named {slug}.yaml"));
    }
    Ok(())
}
