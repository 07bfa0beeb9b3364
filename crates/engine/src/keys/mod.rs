//! The keyring, for the operator: what is sealed in which term, the next term, sealing anew, retiring.

mod check;
mod place;
mod reseal;

use std::{collections::BTreeMap, time::Duration};

use serde_json::json;
use valetkey_domain::{
    Caller, Changes, EnvironmentId, Error, ErrorCode, Permission,
    event::{EventKind, NewEvent},
};

use crate::{
    Engine,
    keyring::{Term, TermUse, VaultKeeper},
};

pub use check::{SecretsChecked, check_secrets};
pub use place::SecretKind;
pub use reseal::ResealProgress;

pub(crate) use reseal::Resealing;

/// A term with what is sealed in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TermView {
    /// The term.
    pub term: Term,
    /// How many secrets of each kind are sealed in it; kinds without any are left out.
    pub secrets: BTreeMap<SecretKind, u64>,
}

impl TermView {
    /// How many secrets are sealed in it.
    #[must_use]
    pub fn sealed(&self) -> u64 {
        self.secrets.values().sum()
    }
}

/// The keyring, and how far sealing anew has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeysStatus {
    /// The terms, by number.
    pub terms: Vec<TermView>,
    /// The term that seals.
    pub active: u32,
    /// How often a term may seal.
    pub limit_per_term: u64,
    /// How many secrets are sealed in terms that a rotation has closed, and wait to be sealed anew.
    pub remaining: u64,
    /// What this process does about it.
    pub resealing: ResealProgress,
}

impl Engine {
    pub(crate) fn keeper(&self) -> Result<&VaultKeeper, Error> {
        self.0.keyring.keeper().ok_or_else(|| Error::internal("this server seals without a keyring"))
    }

    /// The keyring. Walks through everything sealed to count it. Needs `server:manage`.
    ///
    /// # Errors
    /// `permission_denied`, `storage_unavailable`.
    pub async fn keys_status(&self, caller: &Caller) -> Result<KeysStatus, Error> {
        caller.require(Permission::ServerManage)?;
        let keeper = self.keeper()?;
        let mut counted = reseal::census(&*self.0.store).await?;
        let terms: Vec<_> = keeper
            .terms()
            .await?
            .into_iter()
            .map(|term| TermView { secrets: counted.remove(&term.term).unwrap_or_default(), term })
            .collect();
        let active = terms.iter().find(|view| view.term.used == TermUse::Active);
        let closed = terms.iter().filter(|view| view.term.used == TermUse::Closed);
        Ok(KeysStatus {
            active: active.map_or(0, |view| view.term.term),
            limit_per_term: keeper.limits().per_term,
            remaining: closed.map(TermView::sealed).sum(),
            resealing: self.0.resealing.seen(),
            terms,
        })
    }

    /// Adds a term that does not seal yet: the next rotation takes it. Needs `server:manage`.
    ///
    /// # Errors
    /// `permission_denied`, `storage_unavailable`.
    pub async fn add_key_term(&self, caller: &Caller) -> Result<KeysStatus, Error> {
        caller.require(Permission::ServerManage)?;
        let environment = self.default_environment().await?;
        let term =
            self.keeper()?.prepare(|term| self.keys_event(caller, &environment, "added", term)).await?;
        tracing::info!(keyring.term = term, actor = %caller.actor(), "term {term} was added to the keyring");
        self.keys_status(caller).await
    }

    /// Seals in the next term from now on, in every process, and has everything that is sealed in the terms before it
    /// sealed anew in the background. Needs `server:manage`.
    ///
    /// # Errors
    /// `permission_denied`, `storage_unavailable`.
    pub async fn rotate_keys(&self, caller: &Caller) -> Result<KeysStatus, Error> {
        caller.require(Permission::ServerManage)?;
        let environment = self.default_environment().await?;
        let term =
            self.keeper()?.rotate(|term| self.keys_event(caller, &environment, "rotated", term)).await?;
        tracing::info!(keyring.term = term, actor = %caller.actor(), "the keyring was rotated to term {term}");
        self.0.resealing.poke();
        self.keys_status(caller).await
    }

    /// Removes a term for good. Needs `server:manage`.
    ///
    /// # Errors
    /// `key_term_not_found`; `key_term_in_use` while it is the active one, while anything is sealed in it, and for a
    /// moment after a rotation, until no process can seal in it any more.
    pub async fn retire_key_term(&self, caller: &Caller, term: u32) -> Result<KeysStatus, Error> {
        caller.require(Permission::ServerManage)?;
        let keeper = self.keeper()?;
        let terms = keeper.terms().await?;
        let found = terms.iter().find(|it| it.term == term);
        let found = found.ok_or_else(|| Error::new(ErrorCode::KeyTermNotFound))?;
        let in_use = |message: String| Error::new(ErrorCode::KeyTermInUse).message(message);
        match found.used {
            TermUse::Active => return Err(in_use(format!("Term {term} is the active one."))),
            // It never sealed.
            TermUse::Prepared => {}
            TermUse::Full | TermUse::Closed => {
                let rest = keeper.limits().settle.saturating_sub(keeper.unused_for(term));
                if rest > Duration::ZERO {
                    let message = format!("Other servers may still seal in term {term} for a moment.");
                    return Err(in_use(message).retry_after_ms(millis(rest)));
                }
            }
        }
        for look in 0..2 {
            // Whoever read a record before it was sealed anew may just be writing it back whole, with another field
            // changed. That takes a moment, so it shows at the second look.
            if look > 0 && found.used != TermUse::Prepared {
                tokio::time::sleep(keeper.limits().confirm).await;
            }
            let sealed = self.sealed_in(term).await?;
            if sealed > 0 {
                let secrets = if sealed == 1 { "secret is" } else { "secrets are" };
                return Err(in_use(format!("{sealed} {secrets} still sealed in term {term}.")));
            }
        }
        let environment = self.default_environment().await?;
        if !keeper.remove(term, self.keys_event(caller, &environment, "retired", term)).await? {
            return Err(in_use(format!("Term {term} was used or retired at the same moment.")));
        }
        tracing::info!(keyring.term = term, actor = %caller.actor(), "term {term} was retired");
        self.keys_status(caller).await
    }

    /// How many secrets are sealed in a term.
    async fn sealed_in(&self, term: u32) -> Result<u64, Error> {
        Ok(reseal::census(&*self.0.store).await?.remove(&term).unwrap_or_default().values().sum())
    }

    fn keys_event(&self, caller: &Caller, environment: &EnvironmentId, what: &str, term: u32) -> Changes {
        let event = self.event(NewEvent {
            environment: environment.clone(),
            account: None,
            connection: None,
            kind: EventKind::KeysChanged,
            actor: caller.actor(),
            code: None,
            data: json!({"change": what, "term": term}),
        });
        let entry = self.audit_entry(caller, &format!("key_term.{what}"), Some(&term.to_string()));
        Changes::from(event).and(entry.into())
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
