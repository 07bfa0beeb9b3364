//! Credentials that callers bring along.

use std::collections::BTreeMap;

use serde::Deserialize;
use time::OffsetDateTime;
use utoipa::ToSchema;
use valetkey_engine::NewCredential;

use crate::rest::common::Secret;

/// A credential to import: tokens of an OAuth grant made elsewhere, or the fields that the connector asks for.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = Credential)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum CredentialBody {
    /// Tokens of an OAuth grant.
    #[serde(rename = "oauth")]
    OAuth(OAuthBody),
    /// The fields of an API key, basic or bearer credential, by the connector's field names.
    Fields(BTreeMap<String, Secret>),
}

/// Tokens of an OAuth grant.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = OAuthTokens)]
#[serde(deny_unknown_fields)]
pub(crate) struct OAuthBody {
    /// The access token.
    access_token: Secret,
    /// The refresh token, if there is one.
    refresh_token: Option<Secret>,
    /// The scopes that the grant has.
    #[serde(default)]
    scopes: Vec<String>,
    /// When the access token stops working, if known.
    #[serde(default, with = "time::serde::rfc3339::option")]
    expires_at: Option<OffsetDateTime>,
    /// The user's domain at the provider, where the connector's URLs need it.
    domain: Option<String>,
}

impl From<CredentialBody> for NewCredential {
    fn from(body: CredentialBody) -> Self {
        match body {
            CredentialBody::OAuth(tokens) => Self::OAuth {
                access_token: tokens.access_token.0,
                refresh_token: tokens.refresh_token.map(|token| token.0),
                scopes: tokens.scopes,
                expires_at: tokens.expires_at,
                domain: tokens.domain,
            },
            CredentialBody::Fields(fields) => {
                Self::Static(fields.into_iter().map(|(name, value)| (name, value.0)).collect())
            }
        }
    }
}
