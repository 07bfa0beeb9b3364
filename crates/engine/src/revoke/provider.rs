//! Asking the provider to take a grant back, and trying whether it did.

use std::{collections::BTreeMap, time::Duration};

use valetkey_domain::{
    Connection, Credential, Error, ErrorCode, credential::OAuthTokens, error::ProviderEvidence,
};
use valetkey_upstream::{
    connector::{RevokeReach, RevokedToken},
    oauth::{self, ClientConfig, RevokeOutcome},
};

use crate::{Engine, context::target};

/// How long the provider may take.
const PROVIDER_DEADLINE: Duration = Duration::from_secs(10);
/// How long the trial with a revoked token may take.
const TRIAL_DEADLINE: Duration = Duration::from_secs(5);

/// What a try came to.
pub(super) enum Tried {
    /// The provider took it back.
    Revoked { tokens: Vec<RevokedToken>, reach: Option<RevokeReach>, trial: Trial },
    /// There is no way to.
    NotOffered,
    /// It did not, or could not be asked.
    Failed(Failed),
}

/// A try that failed.
pub(super) struct Failed {
    pub(super) code: ErrorCode,
    pub(super) detail: Option<String>,
    pub(super) evidence: Option<ProviderEvidence>,
    pub(super) tokens: Vec<RevokedToken>,
    pub(super) retry_after: Option<Duration>,
    /// Whether it may pass soon by itself.
    pub(super) transient: bool,
}

/// What a call with the access token came to after the revocation.
pub(super) enum Trial {
    /// It was refused, by whom: the token is dead.
    Dead(&'static str),
    /// It worked.
    Alive,
    /// Nothing could be found out.
    Unknown(&'static str),
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        let details = error.details();
        Self {
            code: error.code(),
            detail: Some(details.message.clone()),
            evidence: details.provider.clone(),
            tokens: Vec::new(),
            retry_after: None,
            transient: error.code().as_str().starts_with("upstream_"),
        }
    }
}

impl Engine {
    /// Hands the tokens in and tries afterwards whether they are dead. Takes fifteen seconds at most.
    pub(super) async fn ask_to_revoke(
        &self,
        connection: &Connection,
        metadata: &BTreeMap<String, String>,
        tokens: &OAuthTokens,
    ) -> Tried {
        let asked = tokio::time::timeout(PROVIDER_DEADLINE, self.hand_in(connection, metadata, tokens)).await;
        let outcome = match asked {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(error)) => return Tried::Failed(error.into()),
            Err(_) => return Tried::Failed(Error::new(ErrorCode::UpstreamTimeout).into()),
        };
        match outcome {
            RevokeOutcome::NotOffered => Tried::NotOffered,
            RevokeOutcome::Refused { tokens, evidence, retry_after, transient } => Tried::Failed(Failed {
                code: match evidence.status {
                    Some(429) => ErrorCode::UpstreamRateLimited,
                    _ => ErrorCode::UpstreamError,
                },
                detail: None,
                evidence: Some(evidence),
                tokens,
                retry_after,
                transient,
            }),
            RevokeOutcome::Revoked { tokens: gone, reach } => {
                let credential = Credential::OAuth(tokens.clone());
                let trial = match tokens.expires_at.is_some_and(|at| at <= self.now()) {
                    true => {
                        Trial::Unknown("the access token had run out before, so that nothing could be tried")
                    }
                    false => {
                        tokio::time::timeout(TRIAL_DEADLINE, self.trial(connection, metadata, &credential))
                            .await
                            .unwrap_or(Trial::Unknown("the trial with the token took too long"))
                    }
                };
                Tried::Revoked { tokens: gone, reach, trial }
            }
        }
    }

    async fn hand_in(
        &self,
        connection: &Connection,
        metadata: &BTreeMap<String, String>,
        tokens: &OAuthTokens,
    ) -> Result<RevokeOutcome, Error> {
        let connector = self.connector_of(connection)?;
        let Some(profile) = connector.auth.oauth() else { return Ok(RevokeOutcome::NotOffered) };
        let client = self.oauth_client(connection).await?;
        let redirect_uri = self.redirect_uri(connection);
        let config = ClientConfig {
            target: target(connector, connection, metadata),
            profile,
            client_id: &client.id,
            client_secret: client.secret.as_ref(),
            redirect_uri: &redirect_uri,
        };
        Ok(oauth::revoke(&self.0.egress, &config, tokens, self.now()).await?)
    }

    /// Tries a credential that should be dead.
    async fn trial(
        &self,
        connection: &Connection,
        metadata: &BTreeMap<String, String>,
        credential: &Credential,
    ) -> Trial {
        match self.finding(metadata, connection, credential).await {
            Some(finding) if finding.works => Trial::Alive,
            Some(finding) => Trial::Dead(finding.source),
            None => Trial::Unknown("there is no call to try the token with, or its answer says nothing"),
        }
    }
}
