//! What a connector file says about OAuth: everything that differs between providers, as data.
//!
//! The defaults are plain RFC 6749: a form-encoded POST, credentials in the body, `access_token`, `refresh_token` and
//! `expires_in` at the top of a JSON reply. A file states only where its provider departs from that.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Condition, JsonPath, Placement, TextTemplate, UrlTemplate};

/// How an OAuth provider is spoken to (`auth.oauth` or `auth.client_credentials`).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OAuthProfile {
    /// The scopes asked for when the connection names none, and how scopes are written.
    #[serde(default)]
    pub scopes: Scopes,
    /// The authorization request; always there in `auth.oauth`, never in `auth.client_credentials`.
    pub authorize: Option<Authorize>,
    /// The token request and its reply.
    pub token: TokenEndpoint,
    /// How the access token is renewed.
    #[serde(default)]
    pub refresh: Refresh,
    /// A second exchange right after the code exchange (short-lived for long-lived token).
    pub exchange: Option<SecondExchange>,
    /// How a grant is revoked; absent where the provider has no way.
    pub revoke: Option<Revoke>,
    /// Where the account behind a grant is named.
    pub userinfo: Option<Userinfo>,
    /// Calls made once after the exchange to learn what the API's URLs need (a site id, a data centre).
    #[serde(default)]
    pub follow_ups: Vec<FollowUp>,
    /// Where the access token goes in an API call; by default `Authorization: Bearer {access_token}`. Templates know
    /// `access_token`, `token.<name>` for further tokens of the grant, `client_id`, `var.…` and `account.…`.
    #[serde(default = "Placement::bearer")]
    pub attach: Vec<Placement>,
    /// The issuer identifier expected in the callback's `iss` (RFC 9207), compared byte for byte. A connection that
    /// overrides the authorization endpoint has another issuer: see [`super::Target::issuer`].
    pub issuer: Option<String>,
    /// Whether the provider promises `iss` on every callback, so that its absence is a fault too (RFC 9207 §2.4).
    #[serde(default)]
    pub issuer_required: bool,
    /// Whether the issuer stays the same when a connection overrides the authorization endpoint.
    #[serde(default)]
    pub issuer_is_constant: bool,
    /// Resource indicator (RFC 8707), sent on authorize, token and refresh.
    pub resource: Option<TextTemplate>,
    /// `audience`, sent on authorize and in client-credentials requests.
    pub audience: Option<TextTemplate>,
    /// Facts about how long grants live; used for diagnosis.
    #[serde(default)]
    pub lifetimes: Lifetimes,
    /// What the provider's error codes at the token endpoint mean; the first rule that fits counts. Codes of
    /// RFC 6749 §5.2 need no rule.
    #[serde(default)]
    pub errors: Vec<TokenErrorRule>,
    /// Limits on how many tokens may be issued, for warnings.
    #[serde(default)]
    pub limits: Vec<IssueLimit>,
}

/// Scopes and how they are written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Scopes {
    /// Asked for when the connection names none.
    pub default: Vec<String>,
    /// Asked for always, whatever the connection says: what refresh or identity needs (`offline_access`, `openid`).
    pub always: Vec<String>,
    /// Between two scopes.
    pub separator: String,
    /// The parameter's name on the authorization request.
    pub param: String,
    /// Further sets with a parameter of their own. A scope written `<set>:<scope>` in the connection goes there.
    pub sets: Vec<ScopeSet>,
    /// Whether the token request of client credentials names the scopes (and refresh, if `refresh.send_scopes`).
    pub in_token_request: bool,
    /// What a scope lets one do, in words for the consent page.
    pub describe: BTreeMap<String, String>,
    /// Words to put before a granted scope when the provider shortens it in its reply (`https://graph.microsoft.com/`
    /// is stripped, say): both forms count as the same scope.
    pub prefixes: Vec<String>,
}

impl Default for Scopes {
    fn default() -> Self {
        Self {
            default: Vec::new(),
            always: Vec::new(),
            separator: " ".into(),
            param: "scope".into(),
            sets: Vec::new(),
            in_token_request: true,
            describe: BTreeMap::new(),
            prefixes: Vec::new(),
        }
    }
}

/// A further set of scopes.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScopeSet {
    /// Its name, the prefix in a connection's scopes: `user` in `user:search:read`.
    pub name: String,
    /// Its parameter on the authorization request: `user_scope`, `optional_scope`.
    pub param: String,
    /// Asked for when the connection names no scope at all.
    #[serde(default)]
    pub default: Vec<String>,
}

/// The authorization request (RFC 6749 §4.1.1) and what comes back.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Authorize {
    /// The endpoint. Use [`super::Target::authorize_url`].
    pub url: UrlTemplate,
    /// Fixed parameters (`access_type: offline`). They win over the standard ones of the same name. Templates know
    /// `client_id`, `redirect_uri`, `nonce` (fresh per request), `var.…`.
    #[serde(default)]
    pub params: BTreeMap<String, TextTemplate>,
    /// Standard parameters under another name: `client_id: client_key`.
    #[serde(default)]
    pub rename: BTreeMap<String, String>,
    /// Standard parameters that the provider does not tolerate: `response_type`.
    #[serde(default)]
    pub drop: Vec<String>,
    /// PKCE (RFC 7636).
    #[serde(default)]
    pub pkce: Pkce,
    /// The name of the code in the callback.
    #[serde(default = "names::code")]
    pub code_param: String,
    /// The name of the state, in the request and in the callback.
    #[serde(default = "names::state")]
    pub state_param: String,
    /// Facts in the callback's query to keep as account metadata: metadata name → parameter (`realm_id: realmId`).
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
}

/// PKCE (RFC 7636). There is no `plain`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pkce {
    /// SHA-256 challenge.
    #[default]
    S256,
    /// The provider refuses requests with a challenge.
    Off,
}

/// The token endpoint.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenEndpoint {
    /// The endpoint. Use [`super::Target::token_url`].
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

/// How the access token is renewed.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Refresh {
    /// By which grant.
    pub by: RefreshBy,
    /// A separate endpoint. Use [`super::Target::refresh_url`].
    pub url: Option<UrlTemplate>,
    /// How the request is put together if other than the code exchange. `refresh_token` and `grant_type` are standard
    /// parameters that `rename`, `drop` and `params` may touch.
    pub request: Option<TokenRequest>,
    /// The `grant_type` if other than RFC 6749's: `fb_exchange_token`, `ig_refresh_token`.
    pub grant_type: Option<String>,
    /// Whether scopes are sent along.
    pub send_scopes: bool,
    /// The reply if shaped otherwise than the first one.
    pub reply: Option<TokenReplyShape>,
    /// Renew this many seconds before expiry.
    pub margin_seconds: u32,
    /// Never renew more often than this.
    pub min_interval_seconds: u32,
    /// What becomes of the old refresh token.
    pub rotation: Rotation,
}

impl Default for Refresh {
    fn default() -> Self {
        Self {
            by: RefreshBy::RefreshToken,
            url: None,
            request: None,
            grant_type: None,
            send_scopes: false,
            reply: None,
            margin_seconds: 60,
            min_interval_seconds: 0,
            rotation: Rotation::default(),
        }
    }
}

/// The grant that renews.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefreshBy {
    /// RFC 6749 §6, if there is a refresh token.
    #[default]
    RefreshToken,
    /// The access token itself is exchanged for a newer one; it goes into the parameter that `request.params` names
    /// with `{access_token}`.
    AccessToken,
    /// A new token is made with the client's own credentials (RFC 6749 §4.4).
    ClientCredentials,
    /// Never: tokens do not expire, or only the user can renew.
    Never,
}

/// What becomes of refresh tokens. A reply without a refresh token always keeps the old one.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rotation {
    /// Each refresh token works once.
    pub single_use: bool,
    /// For how long a used one still works.
    pub grace_seconds: u32,
    /// Reuse of a used one kills the whole grant.
    pub reuse_kills_grant: bool,
}

/// A second exchange right after the first: what came back is traded for a longer-lived token.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecondExchange {
    /// The endpoint.
    pub url: UrlTemplate,
    /// The `grant_type`: `ig_exchange_token`.
    pub grant_type: Option<String>,
    /// How it is put together; `{access_token}` is the token of the first exchange.
    #[serde(default)]
    pub request: TokenRequest,
    /// Where the reply holds what. What it lacks is kept from the first reply.
    #[serde(default)]
    pub reply: TokenReplyShape,
}

/// How a grant is revoked. The default is RFC 7009.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revoke {
    /// The endpoint. Use [`super::Target::revoke_url`]. Templates also know `client_id` and `token` as path segments.
    pub url: UrlTemplate,
    /// `POST`, or `DELETE` and `GET` for the odd ones.
    #[serde(default)]
    pub method: RevokeMethod,
    /// How the request proves its right.
    #[serde(default)]
    pub auth: RevokeAuth,
    /// How the parameters are written.
    #[serde(default)]
    pub body: BodyFormat,
    /// All parameters; absent means RFC 7009's `token` and `token_type_hint`. Templates know `token`, `token_type_hint`,
    /// `client_id`, `client_secret`, `var.…`, `account.…`.
    pub params: Option<BTreeMap<String, TextTemplate>>,
    /// Which tokens, in this order. Tokens that the grant does not have are skipped.
    #[serde(default = "names::revoked_tokens")]
    pub tokens: Vec<RevokedToken>,
    /// A success status alone does not mean success: the body must fit.
    pub success_when: Option<Condition>,
    /// What a revocation takes with it.
    #[serde(default)]
    pub reach: RevokeReach,
    /// What else it does, in words for operators.
    pub note: Option<String>,
}

/// The method of a revocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum RevokeMethod {
    /// RFC 7009 §2.1.
    #[default]
    Post,
    /// The grant as a resource.
    Delete,
    /// Rare.
    Get,
}

/// How a revocation proves its right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RevokeAuth {
    /// As the token endpoint.
    #[default]
    Client,
    /// HTTP Basic with client id and secret.
    Basic,
    /// `Authorization: Bearer` with the token to revoke.
    Bearer,
    /// Nothing but the token.
    None,
}

/// A token to revoke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RevokedToken {
    /// The refresh token.
    RefreshToken,
    /// The access token.
    AccessToken,
    /// Every further token of the grant.
    Extra,
}

/// What a revocation takes with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RevokeReach {
    /// The one token.
    Token,
    /// The whole grant.
    #[default]
    Grant,
    /// Every grant of this user for this OAuth client, those of other connections included.
    UserAndClient,
}

/// Where the account behind a grant is named.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Userinfo {
    /// The endpoint. Use [`super::Target::userinfo_url`].
    pub url: UrlTemplate,
    /// `GET` unless stated.
    #[serde(default)]
    pub method: CallMethod,
    /// A JSON body (a GraphQL query, say), as text of the file.
    pub json: Option<serde_json::Value>,
    /// Further headers.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The provider's own id of the account; several are joined by `:`, absent ones skipped.
    #[serde(default = "names::subject")]
    pub subject: Vec<JsonPath>,
    /// A label for people: the first one that is there.
    #[serde(default = "names::label")]
    pub label: Vec<JsonPath>,
    /// Facts to keep as account metadata.
    #[serde(default)]
    pub metadata: BTreeMap<String, JsonPath>,
}

/// A call made once after the exchange, with the fresh credential.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FollowUp {
    /// The address.
    pub url: UrlTemplate,
    /// `GET` unless stated.
    #[serde(default)]
    pub method: CallMethod,
    /// Facts to keep as account metadata; a missing one fails the authorization.
    pub metadata: BTreeMap<String, JsonPath>,
}

/// GET or POST.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum CallMethod {
    /// GET.
    #[default]
    Get,
    /// POST.
    Post,
}

/// How long grants live.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Lifetimes {
    /// A refresh token dies when unused for this many days.
    pub refresh_idle_days: Option<u32>,
    /// A refresh token dies this many days after the authorization, whatever happens.
    pub refresh_absolute_days: Option<u32>,
    /// A refresh token of an unpublished or test app dies after this many days.
    pub refresh_test_app_days: Option<u32>,
    /// Further facts, each one sentence for the diagnosis.
    pub notes: Vec<String>,
}

/// What an error at the token endpoint means.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenErrorRule {
    /// The provider's code, whole; absent fits every code.
    pub code: Option<String>,
    /// A piece of the provider's error text (`AADSTS700082`), whatever the case.
    pub text: Option<String>,
    /// The HTTP status.
    pub status: Option<u16>,
    /// What it means.
    pub class: ErrorClass,
    /// Of a dead grant: how it died, where that is known.
    pub death: Option<Death>,
    /// What to tell people, in a sentence.
    pub note: Option<String>,
}

/// Who must act on an error of the token endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorClass {
    /// This grant is over: the user must authorize again.
    Dead,
    /// Nothing is known about the grant: try later.
    Transient,
    /// The connection's own configuration is refused.
    Configuration,
}

/// How a grant died.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Death {
    /// It ran out.
    Expired,
    /// The user or an admin took it away.
    Revoked,
}

/// How many tokens a provider issues.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IssueLimit {
    /// This many.
    pub count: u32,
    /// Of what: `refresh_tokens`, `access_tokens`, `grants`.
    pub of: String,
    /// Per what: `account and client`, `user and app`.
    pub per: String,
    /// Within this many seconds; absent means at the same time.
    pub within_seconds: Option<u64>,
    /// What happens then: `the oldest stops working silently`.
    pub then: String,
}

mod names {
    use super::{JsonPath, RevokedToken};

    pub(super) fn code() -> String {
        "code".into()
    }
    pub(super) fn state() -> String {
        "state".into()
    }
    pub(super) fn subject() -> Vec<JsonPath> {
        vec![JsonPath::member("sub")]
    }
    pub(super) fn label() -> Vec<JsonPath> {
        vec![JsonPath::member("email"), JsonPath::member("preferred_username"), JsonPath::member("name")]
    }
    pub(super) fn revoked_tokens() -> Vec<RevokedToken> {
        vec![RevokedToken::RefreshToken, RevokedToken::AccessToken]
    }
}
