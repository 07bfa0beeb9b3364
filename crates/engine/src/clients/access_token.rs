//! Access tokens of `/oauth/token`: RS256 JWTs.

use jsonwebtoken::{Algorithm, Header, Validation, errors::ErrorKind};
use serde::{Deserialize, Serialize};
use valetkey_domain::{
    ApiClientId, EnvironmentId, Error, ErrorCode, ExposeSecret, Permission, Permissions, SecretString,
    entropy::random_bytes,
};

use super::secret::{same_hash, sha256};
use crate::Engine;

/// The longest text that is looked at as an access token.
const MAX_LENGTH: usize = 8192;

/// An access token.
#[derive(Debug, Clone)]
pub struct AccessToken {
    /// The JWT.
    pub token: SecretString,
    /// For how many seconds it works.
    pub expires_in: u64,
    /// What it allows, by name.
    pub scopes: Vec<String>,
}

/// The claims of an access token (RFC 9068 in spirit; `scopes` is a list, as the official SDKs read it).
#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    iat: i64,
    exp: i64,
    jti: String,
    client_id: String,
    environment: String,
    scopes: Vec<String>,
}

/// What a verified access token says.
#[derive(Debug, Clone)]
pub(crate) struct Verified {
    pub(super) client: ApiClientId,
    pub(super) environment: EnvironmentId,
    pub(super) permissions: Permissions,
    /// Unix seconds.
    pub(super) expires_at: i64,
}

impl Engine {
    /// The client credentials grant (RFC 6749 §4.4).
    ///
    /// # Errors
    /// `invalid_client_credentials` for an unknown or disabled client or a wrong secret, all alike; `rate_limited`, since
    /// this is a call of the client too.
    pub async fn issue_access_token(
        &self,
        client_id: &str,
        client_secret: &SecretString,
    ) -> Result<AccessToken, Error> {
        let refused = || Error::new(ErrorCode::InvalidClientCredentials);
        let client = match client_id.parse::<ApiClientId>() {
            Ok(id) => self.0.store.api_client(&id).await?,
            Err(_) => None,
        };
        // An unknown client costs the same comparison as a known one.
        let expected = client.as_ref().map_or([0; 32], |c| c.secret_hash);
        let matches = same_hash(&expected, &sha256(client_secret.expose_secret().as_bytes()));
        let client = client.filter(|c| matches && c.disabled_at.is_none()).ok_or_else(refused)?;
        self.0.rates.call(None, &client.id, &client.environment, self.now())?;

        let ttl = self.0.settings.access_token_ttl.as_secs();
        let issued = self.now().unix_timestamp();
        let scopes: Vec<String> = client.permissions.iter().map(|p| p.as_str().to_owned()).collect();
        let jti = u128::from_be_bytes(random_bytes::<16>(&*self.0.entropy));
        let claims = Claims {
            iss: self.issuer(),
            sub: client.id.to_string(),
            iat: issued,
            exp: issued.saturating_add(i64::try_from(ttl).unwrap_or(i64::MAX)),
            jti: format!("{jti:032x}"),
            client_id: client.id.to_string(),
            environment: client.environment.to_string(),
            scopes: scopes.clone(),
        };
        let keys = self.signing_keys().await?;
        let header = Header { kid: Some(keys.kid.clone()), ..Header::new(Algorithm::RS256) };
        let token = jsonwebtoken::encode(&header, &claims, &keys.signing).map_err(Error::internal)?;
        Ok(AccessToken { token: token.into(), expires_in: ttl, scopes })
    }

    /// Who we are as an issuer: the public URL without a trailing slash.
    fn issuer(&self) -> String {
        self.0.settings.public_url.as_str().trim_end_matches('/').to_owned()
    }

    /// Checks everything about an access token that does not change while it lives. Whether it has expired and
    /// whether its client is still enabled is for the caller to check, each time.
    pub(super) async fn verify_access_token(&self, token: &str) -> Result<Verified, Error> {
        if token.len() > MAX_LENGTH {
            return Err(unauthenticated("The access token is malformed."));
        }
        let header = jsonwebtoken::decode_header(token).map_err(|_| {
            unauthenticated("The bearer token is malformed: neither an API token (vk_…) nor an access token.")
        })?;
        // RFC 8725 §3.1: the algorithm is ours to say, not the token's.
        if header.alg != Algorithm::RS256 {
            return Err(unauthenticated(
                "The access token is signed with an algorithm that is not accepted.",
            ));
        }
        let kid = header.kid.as_deref().unwrap_or_default();
        let mut keys = self.signing_keys().await?;
        if keys.verifying(kid).is_none() {
            keys = self.signing_keys_reloaded().await?;
        }
        let unknown_key = || unauthenticated("The access token is signed with an unknown key.");
        let key = keys.verifying(kid).ok_or_else(unknown_key)?;
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_issuer(&[self.issuer()]);
        validation.set_required_spec_claims(&["exp", "iss", "sub"]);
        // Expiry is checked against our own clock, on every call.
        validation.validate_exp = false;
        validation.validate_aud = false;
        let claims = jsonwebtoken::decode::<Claims>(token, key, &validation)
            .map_err(|failure| {
                unauthenticated(match failure.kind() {
                    ErrorKind::InvalidSignature => "The signature of the access token is wrong.",
                    ErrorKind::InvalidIssuer => "The access token was issued by another server.",
                    _ => "The access token is malformed.",
                })
            })?
            .claims;
        let malformed = || unauthenticated("The access token is malformed.");
        Ok(Verified {
            client: claims.client_id.parse().map_err(|_| malformed())?,
            environment: claims.environment.parse().map_err(|_| malformed())?,
            // A permission that this version does not know allows nothing.
            permissions: claims.scopes.iter().filter_map(|s| s.parse::<Permission>().ok()).collect(),
            expires_at: claims.exp,
        })
    }
}

/// `unauthenticated` with the reason.
pub(super) fn unauthenticated(reason: &str) -> Error {
    Error::new(ErrorCode::Unauthenticated).message(reason)
}
