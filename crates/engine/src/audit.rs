//! The record of who did what, and whether it is whole (S57).
//!
//! What people do in the dashboard is always recorded; of API clients what changes who may do what and how: clients,
//! tokens, connections, keys, ends of accounts. The rest of what they do is in events and executions.

use aws_lc_rs::digest::{Context, SHA256};
use serde_json::{Value, json};
use valetkey_domain::{
    Caller, Change, Error, Permission, Time,
    audit::{AuditEntry, AuditFilter, AuditOutcome, GENESIS, NewAuditEntry},
    page::MAX_PAGE_SIZE,
};

use crate::Engine;

/// How many entries are read at once while the chain is walked.
const WALK: u32 = 1000;

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

/// What a walk along the chain found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditVerdict {
    /// How many entries there are.
    pub entries: u64,
    /// The hash of the last one, to be noted outside of this server.
    pub head: Option<[u8; 32]>,
    /// What is wrong: the number of the first entry that does not fit, and why.
    pub broken: Option<(u64, String)>,
    /// When the last entry was made.
    pub last_at: Option<Time>,
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

    /// Walks along the whole chain and says whether it is whole: no entry altered, removed or put in between. Needs
    /// `server:manage`.
    ///
    /// # Errors
    /// `permission_denied`, `storage_unavailable`.
    pub async fn verify_audit(&self, caller: &Caller) -> Result<AuditVerdict, Error> {
        caller.require(Permission::ServerManage)?;
        // What is added during the walk does not count: the head is read first.
        let head = self.0.store.audit_head().await?;
        let mut verdict = AuditVerdict { entries: 0, head: None, broken: None, last_at: None };
        let mut former = GENESIS;
        let last = head.map_or(0, |head| head.number);
        loop {
            let entries = self.0.store.audit_above(verdict.entries, WALK).await?;
            let Some(first) = entries.first() else { break };
            if head.is_none() {
                verdict.broken = Some((first.number, "the record of the last entry is gone".to_owned()));
                return Ok(verdict);
            }
            for entry in entries {
                if verdict.entries == last {
                    break;
                }
                let expected = verdict.entries + 1;
                if let Some(reason) = misfit(&entry, expected, &former) {
                    verdict.broken = Some((expected, reason.to_owned()));
                    return Ok(verdict);
                }
                former = entry.hash;
                verdict.entries = entry.number;
                verdict.last_at = Some(entry.entry.at);
            }
            if verdict.entries == last {
                break;
            }
        }
        verdict.head = head.map(|head| head.hash);
        match head {
            Some(head) if head.number != verdict.entries => {
                let reason = "entries are missing at the end";
                verdict.broken = Some((verdict.entries + 1, reason.to_owned()));
            }
            Some(head) if head.hash != former => {
                let reason = "the record of the last entry was altered";
                verdict.broken = Some((head.number, reason.to_owned()));
            }
            _ => {}
        }
        Ok(verdict)
    }
}

/// Why an entry is not the one that belongs here.
fn misfit(entry: &AuditEntry, number: u64, former: &[u8; 32]) -> Option<&'static str> {
    if entry.number != number {
        return Some("the entry is missing");
    }
    if entry.former != *former {
        return Some("the entry does not follow on the one before it");
    }
    let mut context = Context::new(&SHA256);
    context.update(former);
    context.update(&entry.entry.content());
    (context.finish().as_ref() != entry.hash).then_some("the entry was altered")
}
