//! How access tokens are renewed.

use serde::Deserialize;

use super::{TokenReplyShape, TokenRequest};
use crate::connector::UrlTemplate;

/// How the access token is renewed.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Refresh {
    /// By which grant.
    pub by: RefreshBy,
    /// A separate endpoint. Use [`crate::connector::Target::refresh_url`].
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
    /// How long the provider may take to answer, if other than the server's setting. Whoever waits for the renewal
    /// leaves earlier; the request itself goes on, since its answer may be the only copy of a new refresh token.
    pub deadline_seconds: Option<u32>,
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
            deadline_seconds: None,
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
    /// A renewal ends the access token of before at once. An access token that still works then proves that nobody has
    /// renewed the grant elsewhere.
    pub kills_access_token: bool,
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
