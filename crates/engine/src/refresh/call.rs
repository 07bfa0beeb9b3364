//! Asking the provider, once, and settling what it says.

use std::time::Duration;

use tokio::time::Instant;
use valetkey_domain::{Error, ErrorCode, error::ProviderEvidence, refresh::RefreshReason};
use valetkey_upstream::{
    connector::{Auth, IntrospectedToken},
    http::waited,
    oauth::{self, ClientConfig, FailureClass, TokenFailure, TokenReply},
};

use super::{Subject, claim::Claim, flight::Landing};
use crate::{Engine, context::target};

/// How late after the lease was asked for a request may still leave. A process that stood still meanwhile gives the lease
/// back instead: somebody else may have spent the token by the time its request arrives.
const LEAVES_WITHIN: Duration = Duration::from_secs(15);

impl Engine {
    /// Asks the provider with the token of the claim and makes the outcome durable.
    pub(super) async fn carry_out_renewal(&self, mut claim: Claim) -> Landing {
        if self.is_known_to_be_lost(&claim).await {
            return self.settle_loss(claim, None).await;
        }
        // The pass goes back as soon as the provider has answered, before storage is waited for.
        let Some(pass) = claim.pass.take() else {
            return Err(Error::internal("a renewal without the right to ask"));
        };
        if claim.asked_at.elapsed() > LEAVES_WITHIN {
            return self.give_back(claim).await;
        }
        let answer = self.ask(&claim).await;
        match &answer {
            Err(TokenFailure { class: FailureClass::Transient { .. }, .. }) => pass.failed(),
            _ => pass.answered(),
        }
        match answer {
            Ok(reply) => self.settle_renewal(claim, reply).await,
            Err(failure) => self.settle_failure(claim, failure).await,
        }
    }

    async fn ask(&self, claim: &Claim) -> Result<TokenReply, TokenFailure> {
        let Claim { subject, deadline, .. } = claim;
        let unsent = |error: Error| TokenFailure {
            class: FailureClass::Configuration,
            code: error.code(),
            evidence: ProviderEvidence {
                status: None,
                code: None,
                message: Some(error.details().message.clone()),
                ..ProviderEvidence::default()
            },
            death: None,
            outcome_unknown: false,
            note: None,
        };
        let client = self.oauth_client(&subject.connection).await.map_err(unsent)?;
        let redirect_uri = self.redirect_uri(&subject.connection);
        let Some(config) = config_of(subject, &client, &redirect_uri) else {
            return Err(unsent(Error::new(ErrorCode::RefreshNotPossible)));
        };
        let (egress, now) = (&self.0.egress, self.now());
        let call = async {
            match &subject.connector.auth {
                Auth::ClientCredentials(profile) => {
                    let scopes = oauth::requested_scopes(profile, &subject.connection.scopes);
                    oauth::client_credentials(egress, &config, &scopes, *deadline, now).await
                }
                _ => {
                    oauth::refresh(egress, &config, &subject.tokens, &subject.account.scopes, *deadline, now)
                        .await
                }
            }
        };
        // The clock is asked before the call is: after standing still past the deadline nothing more is sent.
        let over = tokio::time::sleep_until(Instant::now() + *deadline + Duration::from_millis(100));
        tokio::select! {
            biased;
            () = over => Err(TokenFailure {
                class: FailureClass::Transient { retry_after: None },
                code: ErrorCode::UpstreamTimeout,
                evidence: ProviderEvidence {
                    status: None,
                    code: None,
                    message: Some(format!("No answer within {}", waited(*deadline))),
                    ..ProviderEvidence::default()
                },
                death: None,
                outcome_unknown: true,
                note: None,
            }),
            answer = call => answer,
        }
    }

    /// Whether the provider itself says, without the token being used, that the one that is to be recovered is spent.
    /// Sending it again would only look like theft.
    async fn is_known_to_be_lost(&self, claim: &Claim) -> bool {
        let must_ask =
            claim.attempt.reason == RefreshReason::Recovery && claim.lost.is_some_and(|lost| !lost.has_grace);
        must_ask && self.introspected(&claim.subject, IntrospectedToken::RefreshToken).await == Some(false)
    }

    /// Nothing was sent: ends the attempt and leaves the renewal to whoever comes next.
    async fn give_back(&self, claim: Claim) -> Landing {
        let id = &claim.subject.account.id;
        tracing::warn!(account = %id, "stood still after taking the lease on a renewal; it is given back");
        self.commit(self.not_sent(&claim.attempt)).await?;
        Err(Error::new(ErrorCode::Overloaded).account(id))
    }
}

/// How the provider of `subject` is spoken to; `None` without OAuth.
pub(super) fn config_of<'a>(
    subject: &'a Subject,
    client: &'a crate::credentials::OAuthClient,
    redirect_uri: &'a str,
) -> Option<ClientConfig<'a>> {
    Some(ClientConfig {
        target: target(&subject.connector, &subject.connection, &subject.account.metadata),
        profile: subject.connector.auth.oauth()?,
        client_id: &client.id,
        client_secret: client.secret.as_ref(),
        redirect_uri,
    })
}
