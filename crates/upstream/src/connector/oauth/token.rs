//! The token request and its reply.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::connector::{Condition, JsonPath, TextTemplate, UrlTemplate};

/// The token endpoint.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenEndpoint {
    /// The endpoint. Use [`crate::connector::Target::token_url`].
    pub url: UrlTemplate,
    /// How the parameters are sent, for the code exchange and, unless `refresh` says otherwise, for the refresh.
    #[serde(default)]
    pub request: TokenRequest,
    /// Where the reply holds what.
    #[serde(default)]
    pub reply: TokenReplyShape,
}

/// How a token request is put together.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TokenRequest {
    /// POST nearly everywhere.
    pub method: TokenMethod,
    /// How the parameters are written.
    pub body: BodyFormat,
    /// How the client proves who it is (RFC 6749 §2.3, RFC 7523).
    pub auth: ClientAuth,
    /// Further fixed parameters, or replacements of standard ones. Templates know `client_id`, `client_secret`, `code`,
    /// `redirect_uri`, `refresh_token`, `access_token`, `callback.<param>`, `var.…`, `account.…`.
    pub params: BTreeMap<String, TextTemplate>,
    /// Standard parameters under another name.
    pub rename: BTreeMap<String, String>,
    /// Standard parameters not to send.
    pub drop: Vec<String>,
    /// These parameters go into the query even though the body has another format: `redirect_uri`.
    pub in_query: Vec<String>,
    /// Further request headers, with the same templates as `params`.
    pub headers: BTreeMap<String, TextTemplate>,
}

/// The method of a token request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum TokenMethod {
    /// As RFC 6749 §3.2 demands.
    #[default]
    Post,
    /// Parameters in the query.
    Get,
}

/// How parameters are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BodyFormat {
    /// `application/x-www-form-urlencoded`.
    #[default]
    Form,
    /// `application/json`, one flat object.
    Json,
    /// In the query of the URL, with an empty body.
    Query,
    /// `application/xml`. Not carried out yet: refused at load.
    Xml,
}

/// How the client proves who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuth {
    /// `client_id` and `client_secret` among the parameters.
    #[default]
    Post,
    /// HTTP Basic, both parts form-encoded first (RFC 6749 §2.3.1); neither among the parameters.
    Basic,
    /// HTTP Basic without that form-encoding, for providers that do not undo it.
    BasicRaw,
    /// HTTP Basic with the secret as user name and an empty password.
    BasicSecretAsUsername,
    /// A public client: `client_id` among the parameters, no secret.
    None,
    /// Neither id nor secret is sent.
    Nothing,
    /// `private_key_jwt` (RFC 7523 §2.2). Not carried out yet: refused at load.
    PrivateKeyJwt,
    /// A TLS client certificate (RFC 8705). Not carried out yet: refused at load.
    TlsClientAuth,
    /// A SAML bearer assertion (RFC 7522). Not carried out yet: refused at load.
    SamlBearer,
}

/// Where a token reply holds what.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TokenReplyShape {
    /// How the body is written.
    pub format: ReplyFormat,
    /// The access token.
    pub access_token: JsonPath,
    /// The refresh token.
    pub refresh_token: JsonPath,
    /// The token type.
    pub token_type: JsonPath,
    /// The granted scopes.
    pub scopes: ScopeReply,
    /// When the access token stops working.
    pub expiry: Expiry,
    /// Further tokens of the grant, kept by name: `user: authed_user.access_token`. Absent ones are skipped. They also
    /// stand in for a missing access token if `access_token` finds none.
    pub extra_tokens: BTreeMap<String, JsonPath>,
    /// Facts to keep as account metadata: name → path.
    pub metadata: BTreeMap<String, JsonPath>,
    /// The provider's own id of the account.
    pub subject: Vec<JsonPath>,
    /// A label for people.
    pub label: Vec<JsonPath>,
    /// When a reply with a success status is an error all the same: `{path: ok, equals: false}`,
    /// `{path: error, exists: true}`. RFC 6749's own `error` member needs no rule.
    pub error_when: Option<Condition>,
    /// The error code, tried in this order.
    pub error_code: Vec<JsonPath>,
    /// The error text, tried in this order.
    pub error_message: Vec<JsonPath>,
}

impl Default for TokenReplyShape {
    fn default() -> Self {
        Self {
            format: ReplyFormat::Auto,
            access_token: JsonPath::member("access_token"),
            refresh_token: JsonPath::member("refresh_token"),
            token_type: JsonPath::member("token_type"),
            scopes: ScopeReply::default(),
            expiry: Expiry::default(),
            extra_tokens: BTreeMap::new(),
            metadata: BTreeMap::new(),
            subject: Vec::new(),
            label: Vec::new(),
            error_when: None,
            error_code: vec![JsonPath::member("error")],
            error_message: vec![JsonPath::member("error_description")],
        }
    }
}

/// How a token reply is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplyFormat {
    /// By its `Content-Type`; JSON if that does not say.
    #[default]
    Auto,
    /// JSON.
    Json,
    /// `application/x-www-form-urlencoded`: read as one flat object of strings.
    Form,
}

/// The granted scopes in a token reply. Absent means: as requested (RFC 6749 §5.1).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ScopeReply {
    /// A string (split at spaces, commas and pluses) or an array of strings.
    pub path: JsonPath,
    /// Read this claim of the access token, a JWT, instead. The token's signature is not checked: it came from the
    /// token endpoint itself, over TLS.
    pub jwt_claim: Option<String>,
    /// Further places, each with its scope set: their scopes are noted as `<set>:<scope>`.
    pub sets: BTreeMap<String, JsonPath>,
}

impl Default for ScopeReply {
    fn default() -> Self {
        Self { path: JsonPath::member("scope"), jwt_claim: None, sets: BTreeMap::new() }
    }
}

/// When the access token stops working.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Expiry {
    /// Where the reply says it; a number, or a number as text.
    pub path: JsonPath,
    /// What the value counts.
    pub unit: ExpiryUnit,
    /// Seconds from now if the reply does not say.
    pub default_seconds: Option<u64>,
    /// The token does not expire even if the reply seems to say so.
    pub never: bool,
}

impl Default for Expiry {
    fn default() -> Self {
        Self {
            path: JsonPath::member("expires_in"),
            unit: ExpiryUnit::Seconds,
            default_seconds: None,
            never: false,
        }
    }
}

/// What an expiry counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExpiryUnit {
    /// Seconds from now.
    #[default]
    Seconds,
    /// Milliseconds from now.
    Milliseconds,
    /// Seconds since 1970.
    UnixSeconds,
    /// Milliseconds since 1970.
    UnixMilliseconds,
    /// RFC 3339 date and time.
    Iso8601,
    /// The `exp` claim of the access token, a JWT; `path` is not used.
    JwtExp,
}
