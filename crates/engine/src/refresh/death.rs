//! The end of a grant, by evidence.

use serde_json::{Value, json};
use valetkey_domain::{
    Account, Change, Changes, Connection, Error, ErrorCode, StoreError,
    account::{InvalidTransition, Transition},
    refresh::{RefreshOutcome, RefreshReason},
};
use valetkey_upstream::{connector::Death, oauth::TokenFailure};

use super::{
    Ready,
    claim::Claim,
    due,
    outcome::{WRITE_ROUNDS, evidence_json},
};
use crate::{Engine, execute::refusal};

impl Engine {
    /// The provider refuses the refresh token. Where an earlier answer was lost, that is why: the token was spent then.
    pub(super) async fn settle_refusal(&self, claim: Claim, failure: TokenFailure) -> Result<Ready, Error> {
        if claim.lost.is_some() && due::rotates(&claim.subject.connector) {
            return self.settle_loss(claim, Some(failure)).await;
        }
        self.settle_death(claim, failure).await
    }

    /// The grant is over. `invalid_grant` alone does not say how (RFC 6749 §5.2): the provider's words may, and a
    /// refresh token that is refused right after an access token that should still have lived was taken away, not
    /// worn out.
    pub(super) async fn settle_death(&self, claim: Claim, failure: TokenFailure) -> Result<Ready, Error> {
        let now = self.now();
        let died_early = claim.why.reason == RefreshReason::Refused
            && claim.subject.tokens.expires_at.is_some_and(|expires_at| expires_at > now);
        let revoked = match failure.death {
            Some(death) => death == Death::Revoked,
            None => died_early,
        };
        let mut evidence = evidence_json(&failure.evidence);
        if let Value::Object(fields) = &mut evidence {
            fields.insert("reason".into(), json!(claim.reason()));
            fields.insert("access_token_refused_before_expiry".into(), json!(died_early));
            fields.insert("generation".into(), json!(claim.subject.generation));
            if let Some(note) = &failure.note {
                fields.insert("note".into(), json!(note));
            }
        }
        let code = failure.code;
        let end = |account: Account| match revoked {
            true => account.revoke(code, evidence.clone(), now),
            false => account.expire(code, evidence.clone(), now),
        };
        let landing = self.settle_end(&claim, code, end).await;
        landing.map_err(|error| match error.code().is_account_status() {
            true => error.provider(failure.evidence),
            false => error,
        })
    }

    /// The grant is gone because the answer to an earlier attempt was lost: `EXPIRED`, and it says so. Nobody took the
    /// access away.
    pub(super) async fn settle_loss(&self, claim: Claim, said: Option<TokenFailure>) -> Result<Ready, Error> {
        let now = self.now();
        let code = ErrorCode::RefreshOutcomeLost;
        let mut evidence = json!({
            "generation": claim.subject.generation,
            "recovery": match &said {
                Some(failure) => evidence_json(&failure.evidence),
                None => json!("the provider says that the refresh token is not active any more"),
            },
        });
        if let (Some(lost), Value::Object(fields)) = (&claim.lost, &mut evidence) {
            fields.insert("lost_at".into(), json!(lost.since.to_string()));
            fields.insert("within_grace".into(), json!(lost.has_grace));
        }
        let end = |account: Account| account.expire(code, evidence.clone(), now);
        let landing = self.settle_end(&claim, code, end).await;
        landing.map_err(|error| match said {
            Some(failure) if error.code().is_account_status() => error.provider(failure.evidence),
            _ => error,
        })
    }

    /// Writes the end of the account together with the end of the attempt.
    async fn settle_end(
        &self,
        claim: &Claim,
        code: ErrorCode,
        end: impl Fn(Account) -> Result<Transition, InvalidTransition>,
    ) -> Result<Ready, Error> {
        let connection = &claim.subject.connection;
        let mut account = claim.subject.account.clone();
        for _ in 0..WRITE_ROUNDS {
            let Ok(transition) = end(account.clone()) else {
                self.tell(&account, self.ended(claim, RefreshOutcome::Dead, Some(code)).into()).await;
                return self.current(account, connection).await;
            };
            let mut ended = transition.account;
            ended.version += 1;
            ended.refresh_at = None;
            let changes = Changes::new()
                .and(Change::UpdateAccount(ended.clone()))
                .and(self.ended(claim, RefreshOutcome::Dead, Some(code)))
                .and(self.event(transition.event.by(&claim.why.actor)));
            match self.0.store.commit(changes).await {
                Ok(()) => {
                    let error = refusal::refusal(&ended, connection);
                    return Err(error.unwrap_or_else(|| Error::new(ErrorCode::RefreshRefused)));
                }
                Err(StoreError::Conflict { .. }) => {}
                Err(failure) => return Err(failure.into()),
            }
            match self.0.store.account(&account.id).await? {
                Some(now) if now.generation == claim.subject.generation => account = now,
                // A loser's refusal says nothing about the grant that won.
                Some(now) => {
                    self.tell(&now, self.ended(claim, RefreshOutcome::Overtaken, Some(code)).into()).await;
                    return self.current(now, connection).await;
                }
                None => return Err(Error::new(ErrorCode::AccountNotFound).account(&account.id)),
            }
        }
        Err(Error::new(ErrorCode::Conflict).account(&claim.subject.account.id))
    }

    /// The access token ran out and there is nothing to renew it with: the account is `EXPIRED`. Gives the error for
    /// the caller.
    pub(super) async fn ran_out(
        &self,
        account: &Account,
        connection: &Connection,
        generation: u64,
    ) -> Result<Error, Error> {
        let evidence =
            json!({"access_token_expired": true, "refresh_token": "none", "generation": generation});
        let now = self.now();
        let end = |account: Account| account.expire(ErrorCode::AccountExpired, evidence.clone(), now);
        self.end_of_grant(account, connection, generation, end).await
    }

    /// The access token is refused although it should work, and there is nothing to renew it with: the account is
    /// `REVOKED`. Gives the error for the caller.
    pub(crate) async fn grant_was_taken_away(
        &self,
        account: &Account,
        connection: &Connection,
        generation: u64,
        evidence: Value,
    ) -> Result<Error, Error> {
        let now = self.now();
        let end = |account: Account| account.revoke(ErrorCode::UpstreamUnauthorized, evidence.clone(), now);
        self.end_of_grant(account, connection, generation, end).await
    }

    /// Writes the end of the grant of `generation`, unless the account has another one by now.
    async fn end_of_grant(
        &self,
        account: &Account,
        connection: &Connection,
        generation: u64,
        end: impl Fn(Account) -> Result<Transition, InvalidTransition>,
    ) -> Result<Error, Error> {
        let mut account = account.clone();
        for _ in 0..WRITE_ROUNDS {
            let Ok(transition) = end(account.clone()) else { break };
            let mut ended = transition.account;
            ended.version += 1;
            ended.refresh_at = None;
            let changes =
                Changes::new().and(Change::UpdateAccount(ended.clone())).and(self.event(transition.event));
            match self.0.store.commit(changes).await {
                Ok(()) => {
                    account = ended;
                    break;
                }
                Err(StoreError::Conflict { .. }) => {}
                Err(failure) => return Err(failure.into()),
            }
            match self.0.store.account(&account.id).await? {
                Some(now) if now.generation == generation => account = now,
                // Authorized again at this very moment: the next call will find it.
                Some(_) => return Ok(Error::new(ErrorCode::Conflict).account(&account.id)),
                None => return Ok(Error::new(ErrorCode::AccountNotFound).account(&account.id)),
            }
        }
        Ok(refusal::refusal(&account, connection)
            .unwrap_or_else(|| Error::new(ErrorCode::Conflict).account(&account.id)))
    }
}
