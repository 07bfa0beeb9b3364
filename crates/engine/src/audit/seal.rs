//! Executions in the chain (S57). They are too many to be entries, so the background seals them window by window: an entry
//! holds how many executions a window had and a hash over all that they say. Whoever alters or removes one is found, unless
//! it was old enough to be removed: that is an entry too.
//!
//! A window is the executions with an id above the end of the window before it, up to its own end. What is still running
//! when its window is sealed is named there, and sealed one by one later.

use aws_lc_rs::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};
use time::Duration;
use valetkey_domain::{
    Change, Error, Execution, ExecutionId, StoreError, Time,
    audit::{AuditFilter, NewAuditEntry},
    execution::ExecutionStatus,
};

use crate::Engine;

/// A window was sealed; the subject is its last execution.
const SEALED: &str = "executions.sealed";
/// Executions that began before an instant were removed, since they are not kept longer; the subject is the instant.
const REMOVED: &str = "executions.removed";
/// Who does both.
const ACTOR: &str = "system";
/// How many executions a window has at most.
pub(crate) const WINDOW: u32 = 1000;
/// How old an execution is when it is sealed. Records of calls that only read are written when the call ends, under an id
/// from its beginning: by now none can come any more.
const SETTLED_AFTER: Duration = Duration::minutes(30);
/// How exactly removals are noted.
const REMOVAL_STEP: i64 = 3600;
/// Ids and times of executions are read from the clock one after the other.
const ID_SLACK: Duration = Duration::minutes(1);

/// What the entry of a window holds.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Seal {
    /// The last execution of the window before.
    after: Option<ExecutionId>,
    /// How many executions are sealed here.
    count: u64,
    /// The hash over them.
    sha256: String,
    /// When the first of them began, in microseconds since the epoch.
    first_at: i64,
    /// Executions of this window and those before it that have not ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    running: Vec<ExecutionId>,
    /// Executions of windows before that have ended since the last one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    late: Vec<Late>,
}

/// An execution that ended after its window was sealed.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Late {
    id: ExecutionId,
    /// The hash over it; none if it was gone already.
    sha256: Option<String>,
}

/// Where a walk along the seals is.
pub(super) struct SealWalk {
    /// Executions that began before may be gone.
    removed_before: Option<Time>,
    /// The end of the window before, once there was one.
    end: Option<ExecutionId>,
}

impl Engine {
    /// Seals the next window, if there is one, and says how many executions were looked at.
    ///
    /// # Errors
    /// `storage_unavailable`.
    pub(crate) async fn seal_executions(&self) -> Result<u64, Error> {
        let now = self.now();
        let Some(up_to) = now.checked_sub(SETTLED_AFTER).map(ExecutionId::first_of) else { return Ok(0) };
        let last = self.last_seal().await?;
        let after = last.as_ref().map(|(end, _)| end.clone());
        let rows = self.0.store.executions_after(after.as_ref(), &up_to, WINDOW).await?;
        let (Some(first), Some(end)) = (rows.first(), rows.last()) else { return Ok(0) };
        let (mut running, mut late) = (Vec::new(), Vec::new());
        for id in last.map(|(_, seal)| seal.running).unwrap_or_default() {
            match self.0.store.execution(&id).await? {
                Some(execution) if is_running(&execution) => running.push(id),
                found => late.push(Late { sha256: found.map(|it| digest([&it])), id }),
            }
        }
        running.extend(rows.iter().filter(|row| is_running(row)).map(|row| row.id.clone()));
        let ended = || rows.iter().filter(|row| !is_running(row));
        let first_at = rows.iter().map(|row| row.started_at).min().unwrap_or(first.started_at);
        let seal = Seal {
            after,
            count: ended().count() as u64,
            sha256: digest(ended()),
            first_at: micros(first_at),
            running,
            late,
        };
        let mut entry = self.audit_of(ACTOR, SEALED, Some(end.id.as_str()));
        entry.0.data = serde_json::to_value(&seal).map_err(Error::internal)?;
        self.append_once(entry.0).await?;
        Ok(rows.len() as u64)
    }

    /// Notes that executions from before an instant are about to be removed, if there are any. Gives the instant, in
    /// whole hours, before which they may be.
    ///
    /// # Errors
    /// `storage_unavailable`.
    pub(crate) async fn note_removal(&self, before: Time) -> Result<Option<Time>, Error> {
        let hour = before.unix_timestamp().div_euclid(REMOVAL_STEP) * REMOVAL_STEP;
        let before = Time::from_unix_timestamp(hour).map_err(Error::internal)?;
        let up_to = ExecutionId::first_of(before);
        if self.0.store.executions_after(None, &up_to, 1).await?.is_empty() {
            return Ok(None);
        }
        if self.removed_before().await?.is_none_or(|noted| noted < before) {
            let entry = self.audit_of(ACTOR, REMOVED, Some(&hour.to_string()));
            self.append_once(entry.0).await?;
        }
        Ok(Some(before))
    }

    /// Adds an entry that another replica may add too.
    async fn append_once(&self, entry: NewAuditEntry) -> Result<(), Error> {
        match self.0.store.commit(Change::AppendAudit(entry).into()).await {
            Ok(()) | Err(StoreError::Conflict { .. }) => Ok(()),
            Err(failure) => Err(failure.into()),
        }
    }

    async fn last_of(&self, action: &str) -> Result<Option<NewAuditEntry>, Error> {
        let filter = AuditFilter { action: Some(action.to_owned()), ..AuditFilter::default() };
        let mut found = self.0.store.audit(&filter, None, 1).await?;
        Ok(found.pop().map(|found| found.entry))
    }

    async fn last_seal(&self) -> Result<Option<(ExecutionId, Seal)>, Error> {
        let Some(entry) = self.last_of(SEALED).await? else { return Ok(None) };
        read(&entry).map(Some).ok_or_else(|| Error::internal("the last seal of executions cannot be read"))
    }

    async fn removed_before(&self) -> Result<Option<Time>, Error> {
        let entry = self.last_of(REMOVED).await?;
        let instant = entry.and_then(|entry| entry.subject?.parse().ok());
        instant.map(Time::from_unix_timestamp).transpose().map_err(Error::internal)
    }

    /// Begins a walk along the seals.
    pub(super) async fn seal_walk(&self) -> Result<SealWalk, Error> {
        Ok(SealWalk { removed_before: self.removed_before().await?, end: None })
    }

    /// How many executions an entry stands for that are as they were, or why they are not. Zero for entries that are no
    /// seals.
    pub(super) async fn check_seal(
        &self,
        walk: &mut SealWalk,
        entry: &NewAuditEntry,
    ) -> Result<Result<u64, String>, Error> {
        if entry.action != SEALED {
            return Ok(Ok(0));
        }
        let Some((end, seal)) = read(entry) else {
            return Ok(Err("the seal of executions cannot be read".to_owned()));
        };
        if seal.after != walk.end {
            return Ok(Err("executions before the ones sealed here were never sealed".to_owned()));
        }
        walk.end = Some(end.clone());
        let gone = |at: Time| walk.removed_before.is_some_and(|before| at < before);
        for late in &seal.late {
            let Some(expected) = &late.sha256 else {
                return Ok(Err(format!("the execution {} was removed while it was running", late.id)));
            };
            match self.0.store.execution(&late.id).await? {
                Some(found) if digest([&found]) == *expected => {}
                Some(_) => return Ok(Err(format!("the execution {} was altered", late.id))),
                None if walk.removed_before.is_some_and(|before| {
                    late.id < ExecutionId::first_of(before.saturating_add(ID_SLACK))
                }) => {}
                None => return Ok(Err(format!("the execution {} was removed", late.id))),
            }
        }
        // Of a window that removal has reached, any part may be gone.
        if Time::from_unix_timestamp_nanos(i128::from(seal.first_at) * 1000).is_ok_and(gone) {
            return Ok(Ok(0));
        }
        let rows = self.0.store.executions_after(seal.after.as_ref(), &end, WINDOW + 1).await?;
        let sealed: Vec<_> = rows.iter().filter(|row| !seal.running.contains(&row.id)).collect();
        let span = match &seal.after {
            Some(after) => format!("after {after}, up to {end}"),
            None => format!("up to {end}"),
        };
        let (found, count) = (sealed.len() as u64, seal.count);
        if found != count {
            let what = if found < count { "removed" } else { "added" };
            return Ok(Err(format!("executions {span} were {what}: {found} instead of {count}")));
        }
        if digest(sealed.iter().copied()) != seal.sha256 {
            return Ok(Err(format!("an execution {span} was altered")));
        }
        Ok(Ok(count))
    }
}

fn read(entry: &NewAuditEntry) -> Option<(ExecutionId, Seal)> {
    let end = entry.subject.as_ref()?.parse().ok()?;
    Some((end, serde_json::from_value(entry.data.clone()).ok()?))
}

fn is_running(execution: &Execution) -> bool {
    execution.status == ExecutionStatus::Running
}

fn micros(at: Time) -> i64 {
    i64::try_from(at.unix_timestamp_nanos().div_euclid(1000)).unwrap_or(i64::MAX)
}

/// The hash over what executions say, each with its length before it.
fn digest<'a>(executions: impl IntoIterator<Item = &'a Execution>) -> String {
    let mut context = Context::new(&SHA256);
    for execution in executions {
        let content = execution.content();
        context.update(&(content.len() as u64).to_be_bytes());
        context.update(&content);
    }
    context.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}
