//! How grants are revoked.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::BodyFormat;
use crate::connector::{Condition, TextTemplate, UrlTemplate};

/// How a grant is revoked. The default is RFC 7009.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revoke {
    /// The endpoint. Use [`crate::connector::Target::revoke_url`]. Templates also know `client_id` and `token` as path segments.
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
    #[serde(default = "revoked_tokens")]
    pub tokens: Vec<RevokedToken>,
    /// A success status alone does not mean success: the body must fit.
    pub success_when: Option<Condition>,
    /// What a revocation takes with it; absent means that nobody has found out yet, and operators are warned.
    pub reach: Option<RevokeReach>,
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

impl RevokedToken {
    /// The name in connector files and on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RefreshToken => "refresh_token",
            Self::AccessToken => "access_token",
            Self::Extra => "extra",
        }
    }
}

/// What a revocation takes with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RevokeReach {
    /// The one token.
    Token,
    /// The whole grant.
    Grant,
    /// Every grant of this user for this OAuth client, those of other connections included.
    UserAndClient,
}

impl RevokeReach {
    /// The name in connector files and on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Grant => "grant",
            Self::UserAndClient => "user_and_client",
        }
    }
}

fn revoked_tokens() -> Vec<RevokedToken> {
    vec![RevokedToken::RefreshToken, RevokedToken::AccessToken]
}
