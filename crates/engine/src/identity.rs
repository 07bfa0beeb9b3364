//! Who is behind a grant at the provider: recorded at the first consent, compared with every later one.

use serde_json::{Value, json};
use valetkey_domain::{
    Account, Connection, Credential, Error,
    account::Grant,
    connection::IdentityPolicy,
    event::{EventKind, NewEvent},
};
use valetkey_upstream::connector::RevokeReach;

use crate::Engine;

/// What a new grant says about who is behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Identity {
    /// Nobody was recorded before: whoever it is now is recorded.
    First,
    /// The one who was recorded.
    Same,
    /// Somebody else.
    Other,
    /// The provider did not say.
    Unknown,
}

impl Identity {
    /// Compares `grant` with what is recorded on `account`.
    pub(crate) fn of(account: &Account, grant: &Grant) -> Self {
        match (&account.provider_subject, &grant.provider_subject) {
            (None, _) => Self::First,
            (Some(_), None) => Self::Unknown,
            (Some(before), Some(now)) if before == now => Self::Same,
            (Some(_), Some(_)) => Self::Other,
        }
    }

    /// Whether a connection lets a user's new grant in.
    pub(crate) const fn is_accepted(self, policy: IdentityPolicy) -> bool {
        match policy {
            IdentityPolicy::Flag => true,
            IdentityPolicy::Refuse => matches!(self, Self::First | Self::Same),
        }
    }
}

/// Who was behind an account and who is now, for an event.
pub(crate) fn evidence(account: &Account, grant: &Grant) -> Value {
    json!({
        "before": { "subject": account.provider_subject, "label": account.label },
        "now": { "subject": grant.provider_subject, "label": grant.label },
    })
}

/// The event of a grant that was let in although somebody else is behind it.
pub(crate) fn changed_event(account: &Account, grant: &Grant) -> NewEvent {
    NewEvent::of_account(account, EventKind::IdentityChanged).data(evidence(account, grant))
}

impl Engine {
    /// Gives tokens back that were not let in, unless that would end a grant that is needed: another account of the same
    /// user at the provider, or, if nobody knows who the user is, perhaps the very grant that the account keeps. Says
    /// whether it did; the receipt is in the history.
    ///
    /// # Errors
    /// `storage_unavailable`.
    pub(crate) async fn give_stray_back(
        &self,
        account: &Account,
        connection: &Connection,
        grant: &Grant,
        credential: &Credential,
    ) -> Result<bool, Error> {
        let profile = self.connector_of(connection)?.auth.oauth();
        let reach = profile.and_then(|profile| profile.revoke.as_ref()).and_then(|shape| shape.reach);
        let alone = match &grant.provider_subject {
            _ if reach == Some(RevokeReach::Token) => true,
            Some(subject) => self.accounts_behind(connection, subject, account).await?.is_empty(),
            None => false,
        };
        if !alone {
            return Ok(false);
        }
        let mut stray = account.clone();
        stray.label.clone_from(&grant.label);
        stray.metadata.extend(grant.metadata.clone());
        self.revoke_at_provider(&stray, connection, credential).await;
        Ok(true)
    }
}
