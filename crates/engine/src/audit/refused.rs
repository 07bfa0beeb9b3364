//! Calls that a caller may not make at all: there is no execution of them, so the audit log has them.

use serde_json::json;
use valetkey_domain::{Caller, Change, Error, Permission, audit::AuditOutcome};

use crate::Engine;

impl Engine {
    /// Whether the caller may call tools; if not, that is recorded: who wanted to call what, and by which request.
    ///
    /// # Errors
    /// `permission_denied`; `storage_unavailable`.
    pub(crate) async fn require_calls(&self, caller: &Caller, tool: Option<&str>) -> Result<(), Error> {
        match caller.require(Permission::ToolsExecute) {
            Ok(()) => Ok(()),
            Err(refused) => self.refuse_call(caller, tool, refused).await,
        }
    }

    /// Records that the caller may not make a call, and gives the refusal.
    ///
    /// # Errors
    /// `refused`; `storage_unavailable`.
    pub(crate) async fn refuse_call(
        &self,
        caller: &Caller,
        tool: Option<&str>,
        refused: Error,
    ) -> Result<(), Error> {
        // The name is the caller's, known to nobody: bounded.
        let tool = tool.map(|tool| tool.chars().take(100).collect::<String>());
        // An agent that tries again and again must not fill the disk.
        if !self.0.calls.is_news(&json!(["refused", caller.environment, caller.actor(), tool]).to_string()) {
            return Err(refused);
        }
        let mut entry = self.audit_entry(caller, "tool.call", tool.as_deref());
        entry.0.outcome = AuditOutcome::Refused;
        let entry = entry.data(json!({ "code": refused.code().as_str() }));
        self.commit(Change::from(entry)).await?;
        Err(refused)
    }
}
