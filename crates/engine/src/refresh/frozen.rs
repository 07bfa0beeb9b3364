//! Grants of a database that was restored or copied.
//!
//! A refresh token that works once may have been spent elsewhere since the copy was made; sending it again would look
//! like theft and end the grant for everybody. Such a grant is served as long as its access token lives, and renewed only
//! with a proof that nobody has renewed it: the provider says that the refresh token is still active (RFC 7662), or the
//! access token still works although a renewal would have ended it.

use valetkey_domain::{Credential, Error, ErrorCode};
use valetkey_upstream::connector::IntrospectedToken;

use super::{Subject, due};
use crate::Engine;

impl Engine {
    /// Refuses to renew a frozen grant.
    ///
    /// # Errors
    /// `grant_frozen`.
    pub(super) async fn require_thawed(&self, subject: &Subject) -> Result<(), Error> {
        if !due::rotates(&subject.connector) {
            return Ok(());
        }
        let Some(frozen) = self.0.store.frozen().await? else { return Ok(()) };
        if subject.stored_at >= frozen.since {
            return Ok(());
        }
        let (id, unproved) = (&subject.account.id, &self.0.calls.refreshes.unproved);
        if unproved.get(id) != Some(subject.generation) {
            if self.has_not_moved(subject).await {
                tracing::info!(account = %id, "a frozen grant has not moved elsewhere; it is renewed");
                return Ok(());
            }
            unproved.insert(id.clone(), subject.generation);
        }
        Err(Error::new(ErrorCode::GrantFrozen).account(id).connection(&subject.connection.id))
    }

    /// Whether there is proof that nobody has renewed the grant since its tokens were stored.
    async fn has_not_moved(&self, subject: &Subject) -> bool {
        if self.introspected(subject, IntrospectedToken::RefreshToken).await == Some(true) {
            return true;
        }
        let kills =
            subject.connector.auth.oauth().is_some_and(|profile| profile.refresh.rotation.kills_access_token);
        let still_lives = subject.tokens.expires_at.is_none_or(|expires_at| expires_at > self.now());
        if !kills || !still_lives {
            return false;
        }
        let credential = Credential::OAuth(subject.tokens.clone());
        let found = self.finding(&subject.account.metadata, &subject.connection, &credential).await;
        found.is_some_and(|found| found.works)
    }
}
