//! Walking along the chain.

use aws_lc_rs::digest::{Context, SHA256};
use valetkey_domain::{
    Caller, Error, Permission, Time,
    audit::{AuditEntry, GENESIS},
};

use crate::Engine;

/// How many entries are read at once while the chain is walked.
const WALK: u32 = 1000;

/// What a walk along the chain found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditVerdict {
    /// How many entries there are.
    pub entries: u64,
    /// The hash of the last one, to be noted outside of this server.
    pub head: Option<[u8; 32]>,
    /// How many executions the entries stand for that were found as they were sealed.
    pub executions: u64,
    /// What is wrong: the number of the first entry that does not fit, and why.
    pub broken: Option<(u64, String)>,
    /// When the last entry was made.
    pub last_at: Option<Time>,
}

impl Engine {
    /// Walks along the whole chain and says whether it is whole: no entry altered, removed or put in between; and
    /// whether the executions that it stands for are as they were. Needs `server:manage`.
    ///
    /// # Errors
    /// `permission_denied`, `storage_unavailable`.
    pub async fn verify_audit(&self, caller: &Caller) -> Result<AuditVerdict, Error> {
        caller.require(Permission::ServerManage)?;
        // What is added during the walk does not count: the head is read first.
        let head = self.0.store.audit_head().await?;
        let mut verdict = AuditVerdict { entries: 0, head: None, executions: 0, broken: None, last_at: None };
        let mut former = GENESIS;
        let last = head.map_or(0, |head| head.number);
        let mut seals = self.seal_walk().await?;
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
                match self.check_seal(&mut seals, &entry.entry).await? {
                    Ok(executions) => verdict.executions += executions,
                    Err(reason) => {
                        verdict.broken = Some((expected, reason));
                        return Ok(verdict);
                    }
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
