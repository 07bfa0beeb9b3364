//! Every place where something sealed is stored, and what it is sealed for there.

use valetkey_domain::{
    sealed::SealContext,
    store::{SealedPlace, SealedRecord},
};

use crate::{
    authorize::PKCE_VERIFIER,
    clients::PRIVATE_KEY,
    credentials::{CLIENT_SECRET, CREDENTIAL},
    execute::ANSWER,
    webhooks::{DELIVERY_BODY, WEBHOOK_SECRET},
};

/// What kind of secret is sealed at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SecretKind {
    /// Credentials of accounts, of all generations that are kept.
    Credential,
    /// Client secrets of connections.
    ClientSecret,
    /// PKCE verifiers of attempts to authorize.
    CodeVerifier,
    /// Private keys that sign our access tokens.
    SigningKey,
    /// Credentials of pending revocations.
    Revocation,
    /// Answers of calls that are kept for who asks again.
    Answer,
    /// What messages to webhooks are signed with.
    WebhookSecret,
    /// What messages to webhooks say.
    DeliveryBody,
}

impl SecretKind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::Credential,
        Self::ClientSecret,
        Self::CodeVerifier,
        Self::SigningKey,
        Self::Revocation,
        Self::Answer,
        Self::WebhookSecret,
        Self::DeliveryBody,
    ];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Credential => "credentials",
            Self::ClientSecret => "client_secrets",
            Self::CodeVerifier => "code_verifiers",
            Self::SigningKey => "signing_keys",
            Self::Revocation => "revocations",
            Self::Answer => "answers",
            Self::WebhookSecret => "webhook_secrets",
            Self::DeliveryBody => "delivery_bodies",
        }
    }

    /// The kind at a place.
    #[must_use]
    pub const fn of(place: &SealedPlace) -> Self {
        match place {
            SealedPlace::Credential(..) => Self::Credential,
            SealedPlace::ClientSecret(_) => Self::ClientSecret,
            SealedPlace::CodeVerifier(_) => Self::CodeVerifier,
            SealedPlace::SigningKey(_) => Self::SigningKey,
            SealedPlace::Revocation(_) => Self::Revocation,
            SealedPlace::Answer(_) => Self::Answer,
            SealedPlace::WebhookSecret(..) => Self::WebhookSecret,
            SealedPlace::DeliveryBody(..) => Self::DeliveryBody,
        }
    }
}

/// What the secret of `record` is sealed for; `None` for a row that does not say.
pub(super) fn context(record: &SealedRecord) -> Option<SealContext<'_>> {
    let environment = record.environment.as_ref().map(valetkey_domain::EnvironmentId::as_str);
    let (environment, record, field, generation) = match &record.place {
        SealedPlace::Credential(account, generation) => {
            (environment?, account.as_str(), CREDENTIAL, *generation)
        }
        SealedPlace::ClientSecret(connection) => (environment?, connection.as_str(), CLIENT_SECRET, 0),
        SealedPlace::CodeVerifier(attempt) => (environment?, attempt.as_str(), PKCE_VERIFIER, 0),
        // One set of keys signs for every environment.
        SealedPlace::SigningKey(kid) => ("", kid.as_str(), PRIVATE_KEY, 0),
        SealedPlace::Revocation(_) => {
            let (account, generation) = record.sealed_for.as_ref()?;
            (environment?, account.as_str(), CREDENTIAL, *generation)
        }
        SealedPlace::WebhookSecret(webhook, generation) => {
            (environment?, webhook.as_str(), WEBHOOK_SECRET, *generation)
        }
        SealedPlace::DeliveryBody(_, delivery) => (environment?, delivery.as_str(), DELIVERY_BODY, 0),
        SealedPlace::Answer(execution) => (environment?, execution.as_str(), ANSWER, 0),
    };
    Some(SealContext { environment, record, field, generation })
}
