//! The record of who did what, and whether it is whole (S57).
//!
//! What people do in the dashboard is always recorded; of API clients what changes who may do what and how: clients,
//! tokens, connections, keys, ends of accounts; and calls that they may not make. The calls that they make are executions,
//! and those are sealed into the chain (`seal.rs`). Why it is so: `docs/decisions/0019-audit-of-calls.md`.

mod refused;
mod seal;
mod verify;

use serde_json::{Value, json};
use valetkey_domain::{
    Caller, Change, Error, Permission,
    audit::{AuditEntry, AuditFilter, AuditOutcome, NewAuditEntry},
    page::MAX_PAGE_SIZE,
};

pub(crate) use seal::WINDOW;
pub use verify::AuditVerdict;

use crate::Engine;

/// An entry in the making.
pub(crate) struct Entry(pub(crate) NewAuditEntry);

impl Entry {
    /// With details. Never a secret.
    pub(crate) fn data(mut self, data: Value) -> Self {
        self.0.data = data;
        self
    }
}

impl From<Entry> for Change {
    fn from(entry: Entry) -> Self {
        Self::AppendAudit(entry.0)
    }
}

/// One page of the audit log, newest first.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditPage {
    /// The entries.
    pub entries: Vec<AuditEntry>,
    /// Where the next page begins: below this number.
    pub next: Option<u64>,
}

impl Engine {
    /// An entry about what `caller` does, done unless told otherwise.
    pub(crate) fn audit_entry(&self, caller: &Caller, action: &str, subject: Option<&str>) -> Entry {
        let mut entry = self.audit_of(&caller.actor(), action, subject);
        entry.0.environment = Some(caller.environment.clone());
        entry.0.request_id = caller.request.as_ref().map(ToString::to_string);
        entry
    }

    /// An entry about what `actor` does.
    pub(crate) fn audit_of(&self, actor: &str, action: &str, subject: Option<&str>) -> Entry {
        Entry(NewAuditEntry {
            at: self.now(),
            environment: None,
            actor: actor.to_owned(),
            action: action.to_owned(),
            subject: subject.map(str::to_owned),
            outcome: AuditOutcome::Done,
            request_id: None,
            data: json!({}),
        })
    }

    /// The change that records what a person does; nothing for API clients, whose calls are in the history.
    pub(crate) fn audit_person(&self, caller: &Caller, action: &str, subject: &str) -> Option<Change> {
        caller.user.as_ref().map(|_| self.audit_entry(caller, action, Some(subject)).into())
    }

    /// Records that a person asked for something and was refused.
    ///
    /// # Errors
    /// `storage_unavailable`.
    pub async fn audit_refusal(
        &self,
        caller: &Caller,
        action: &str,
        subject: Option<&str>,
        error: &Error,
    ) -> Result<(), Error> {
        let mut entry = self.audit_entry(caller, action, subject);
        entry.0.outcome = AuditOutcome::Refused;
        let entry = entry.data(json!({ "code": error.code().as_str() }));
        self.commit(Change::from(entry)).await
    }

    /// One page of the audit log. Needs `server:manage`.
    ///
    /// # Errors
    /// `permission_denied`.
    pub async fn list_audit(
        &self,
        caller: &Caller,
        filter: &AuditFilter,
        below: Option<u64>,
        size: u32,
    ) -> Result<AuditPage, Error> {
        caller.require(Permission::ServerManage)?;
        let size = size.clamp(1, MAX_PAGE_SIZE);
        let mut entries = self.0.store.audit(filter, below, size + 1).await?;
        let more = entries.len() > size as usize;
        entries.truncate(size as usize);
        let next = entries.last().filter(|_| more).map(|last| last.number);
        Ok(AuditPage { entries, next })
    }
}
