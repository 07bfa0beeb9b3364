//! How a token is introspected (RFC 7662).

use serde::Deserialize;

use crate::connector::{JsonPath, UrlTemplate};

/// Where the provider tells whether a token is good, and until when.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Introspect {
    /// The endpoint. Use [`crate::connector::Target::introspect_url`].
    pub url: UrlTemplate,
    /// How the request proves its right (RFC 7662 §2.1).
    #[serde(default)]
    pub auth: IntrospectAuth,
    /// Which kinds of tokens it knows. A provider answers `active: false` about kinds that it does not know, so nothing
    /// is asked that is not stated here.
    #[serde(default = "known_tokens")]
    pub tokens: Vec<IntrospectedToken>,
    /// Where the reply tells the expiry, in seconds since 1970.
    #[serde(default = "expiry")]
    pub expiry: JsonPath,
}

/// How an introspection proves its right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IntrospectAuth {
    /// As the token endpoint.
    #[default]
    Client,
    /// HTTP Basic with client id and secret.
    Basic,
    /// `Authorization: Bearer` with the grant's access token.
    Bearer,
}

/// A token that can be introspected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IntrospectedToken {
    /// The access token.
    AccessToken,
    /// The refresh token.
    RefreshToken,
}

fn known_tokens() -> Vec<IntrospectedToken> {
    vec![IntrospectedToken::AccessToken]
}

fn expiry() -> JsonPath {
    JsonPath::member("exp")
}
