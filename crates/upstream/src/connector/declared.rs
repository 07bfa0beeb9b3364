//! What providers are known to need and the schema can say, but nothing carries out yet. A file that says any of it is
//! refused when it is loaded; see [`super::supported`].

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{CallMethod, JsonPath, TextTemplate, UrlTemplate};

/// A login in several steps that ends with a token or a session cookie (`auth.session`).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionAuth {
    /// What a person enters.
    pub fields: Vec<super::Field>,
    /// The calls, in order.
    pub steps: Vec<SessionStep>,
    /// Where the session goes in an API call; templates know what the steps kept.
    pub attach: Vec<super::Placement>,
}

/// One step of a login.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionStep {
    /// The address.
    pub url: UrlTemplate,
    /// `GET` unless stated.
    #[serde(default)]
    pub method: CallMethod,
    /// Parameters, sent as JSON.
    #[serde(default)]
    pub params: BTreeMap<String, TextTemplate>,
    /// What to keep of the reply: name → path.
    #[serde(default)]
    pub keep: BTreeMap<String, JsonPath>,
    /// Cookies of the reply to keep.
    #[serde(default)]
    pub cookies: Vec<String>,
}

/// Discovery (RFC 9728, RFC 8414) and registration for MCP servers (`auth.mcp_oauth`).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct McpAuth {
    /// The MCP server whose metadata names the authorization server.
    pub resource: UrlTemplate,
    /// How a client id comes about.
    pub registration: McpRegistration,
}

/// How a client of an MCP server's authorization server comes about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum McpRegistration {
    /// Dynamic client registration (RFC 7591).
    Dynamic,
    /// A client id metadata document.
    MetadataDocument,
    /// An ordinary client id and secret.
    Static,
}

/// Requests that are signed (`api.signing`).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signing {
    /// How.
    pub kind: SigningKind,
    /// What the kind needs: `service`, `region`, `header`, `realm`, …
    #[serde(default)]
    pub params: BTreeMap<String, TextTemplate>,
}

/// Ways to sign a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SigningKind {
    /// AWS Signature Version 4.
    AwsSigv4,
    /// OAuth 1.0a (token-based authentication).
    OAuth1,
    /// An HMAC over the body in a header.
    Hmac,
    /// A short-lived JWT made of an API key.
    Jwt,
    /// WS-Security user name token.
    Wsse,
}

/// Webhooks that the provider sends (`webhooks`).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhooks {
    /// Where the secret comes from.
    pub secret: WebhookSecret,
    /// What in a delivery names the account: metadata name → path in the body.
    #[serde(default)]
    pub route_by: BTreeMap<String, JsonPath>,
}

/// Where the secret of webhooks comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WebhookSecret {
    /// One per OAuth client, from the provider's console.
    Client,
    /// Chosen per connection.
    UserDefined,
    /// There is none.
    None,
}
