//! Calls that a caller may not make at all: there is no execution of them, so the audit log has them.

use std::time::Duration;

use moka::sync::Cache;
use serde_json::json;
use valetkey_domain::{Caller, Change, Error, Permission, audit::AuditOutcome};

use crate::{Engine, clients::sha256};

/// How often the same refusal is recorded at most. An agent that tries again and again must not fill the disk.
const ONCE_IN: Duration = Duration::from_secs(60);
/// How many kinds of refusals are remembered.
const REMEMBERED: u64 = 10_000;

/// The refusals that were recorded a short while ago.
pub(crate) struct Refusals(Cache<[u8; 32], ()>);

impl Default for Refusals {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(REMEMBERED).time_to_live(ONCE_IN).build())
    }
}

impl Engine {
    /// Whether the caller may call tools; if not, that is recorded: who wanted to call what, and by which request.
    ///
    /// # Errors
    /// `permission_denied`; `storage_unavailable`.
    pub(crate) async fn require_calls(&self, caller: &Caller, tool: Option<&str>) -> Result<(), Error> {
        let Err(refused) = caller.require(Permission::ToolsExecute) else { return Ok(()) };
        let key = json!([caller.environment.as_str(), caller.actor(), tool]);
        let key = sha256(key.to_string().as_bytes());
        if self.0.refusals.0.contains_key(&key) {
            return Err(refused);
        }
        self.0.refusals.0.insert(key, ());
        // The name is the caller's, known to nobody: bounded.
        let tool = tool.map(|tool| tool.chars().take(100).collect::<String>());
        let mut entry = self.audit_entry(caller, "tool.call", tool.as_deref());
        entry.0.outcome = AuditOutcome::Refused;
        let entry = entry.data(json!({ "code": refused.code().as_str() }));
        self.commit(Change::from(entry)).await?;
        Err(refused)
    }
}
