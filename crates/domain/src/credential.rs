//! A credential in the clear. It exists only between the vault and the outbound call; it has no `Display`, its
//! `Debug` prints nothing of it, and it is written nowhere but into a sealed blob.

use std::{collections::BTreeMap, fmt};

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::Time;

/// What an account is called with.
#[derive(Clone)]
pub enum Credential {
    /// Tokens of an OAuth grant (code flow or client credentials).
    OAuth(OAuthTokens),
    /// The fields of an API key, bearer or basic credential, by the connector's field names.
    Static(BTreeMap<String, SecretString>),
    /// The connector needs none.
    None,
}

/// Tokens of an OAuth grant.
#[derive(Clone)]
pub struct OAuthTokens {
    /// The access token.
    pub access_token: SecretString,
    /// The refresh token, if the provider gave one.
    pub refresh_token: Option<SecretString>,
    /// `Bearer` in nearly every case.
    pub token_type: Option<String>,
    /// When the access token stops working; `None` if the provider does not say.
    pub expires_at: Option<Time>,
    /// Further tokens of the same grant, by name (a Slack user token beside the bot token, say).
    pub extra: BTreeMap<String, SecretString>,
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OAuth(_) => "Credential::OAuth([redacted])",
            Self::Static(_) => "Credential::Static([redacted])",
            Self::None => "Credential::None",
        })
    }
}

impl fmt::Debug for OAuthTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OAuthTokens([redacted])")
    }
}

/// The stored shape. Private: the clear text leaves this module only as zeroizing bytes for the vault.
#[derive(Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Stored {
    OAuth {
        access_token: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        refresh_token: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        token_type: Option<String>,
        #[serde(default, with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
        expires_at: Option<Time>,
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        extra: BTreeMap<String, String>,
    },
    Static {
        fields: BTreeMap<String, String>,
    },
    None,
}

/// The opened bytes are not a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the opened record is not a credential")]
pub struct NotACredential;

fn expose(fields: &BTreeMap<String, SecretString>) -> BTreeMap<String, String> {
    fields.iter().map(|(name, value)| (name.clone(), value.expose_secret().to_owned())).collect()
}

fn conceal(fields: BTreeMap<String, String>) -> BTreeMap<String, SecretString> {
    fields.into_iter().map(|(name, value)| (name, SecretString::from(value))).collect()
}

impl Credential {
    /// The bytes to seal. Hand them to the vault and nowhere else.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let stored = match self {
            Self::OAuth(tokens) => Stored::OAuth {
                access_token: tokens.access_token.expose_secret().to_owned(),
                refresh_token: tokens.refresh_token.as_ref().map(|t| t.expose_secret().to_owned()),
                token_type: tokens.token_type.clone(),
                expires_at: tokens.expires_at,
                extra: expose(&tokens.extra),
            },
            Self::Static(fields) => Stored::Static { fields: expose(fields) },
            Self::None => Stored::None,
        };
        // Strings, maps of strings and a date always serialize.
        Zeroizing::new(serde_json::to_vec(&stored).unwrap_or_default())
    }

    /// Reads what [`Credential::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`NotACredential`] when the bytes are anything else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, NotACredential> {
        Ok(match serde_json::from_slice(bytes).map_err(|_| NotACredential)? {
            Stored::OAuth { access_token, refresh_token, token_type, expires_at, extra } => {
                Self::OAuth(OAuthTokens {
                    access_token: access_token.into(),
                    refresh_token: refresh_token.map(SecretString::from),
                    token_type,
                    expires_at,
                    extra: conceal(extra),
                })
            }
            Stored::Static { fields } => Self::Static(conceal(fields)),
            Stored::None => Self::None,
        })
    }

    /// When the credential stops working, where that is known.
    #[must_use]
    pub fn expires_at(&self) -> Option<Time> {
        match self {
            Self::OAuth(tokens) => tokens.expires_at,
            Self::Static(_) | Self::None => None,
        }
    }
}
