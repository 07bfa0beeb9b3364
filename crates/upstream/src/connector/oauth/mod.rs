//! What a connector file says about OAuth: everything that differs between providers, as data.
//!
//! The defaults are plain RFC 6749: a form-encoded POST, credentials in the body, `access_token`, `refresh_token` and
//! `expires_in` at the top of a JSON reply. A file states only where its provider departs from that.

mod authorize;
mod facts;
mod identity;
mod introspect;
mod places;
mod refresh;
mod revoke;
mod token;

use serde::Deserialize;

use super::{Placement, TextTemplate};

pub use self::{
    authorize::{Authorize, CodeArrival, Pkce, ScopeSet, Scopes},
    facts::{Death, ErrorClass, IssueLimit, Lifetimes, TokenErrorRule},
    identity::{CallMethod, FollowUp, Userinfo},
    introspect::{Introspect, IntrospectAuth, IntrospectedToken},
    places::{AccountPlace, Places},
    refresh::{Refresh, RefreshBy, Rotation, SecondExchange},
    revoke::{Revoke, RevokeAuth, RevokeMethod, RevokeReach, RevokedToken},
    token::{
        BodyFormat, ClientAuth, Expiry, ExpiryUnit, ReplyFormat, ScopeReply, TokenEndpoint, TokenMethod,
        TokenReplyShape, TokenRequest,
    },
};

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
    /// Where a token is introspected (RFC 7662): to learn its expiry where the token reply does not tell it, and whether
    /// it is still good.
    pub introspect: Option<Introspect>,
    /// Limits on how many tokens may be issued, for warnings.
    #[serde(default)]
    pub limits: Vec<IssueLimit>,
}
