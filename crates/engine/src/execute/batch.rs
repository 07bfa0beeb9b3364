//! Many calls at once: a few at a time, each for itself.

use std::time::Duration;

use futures::StreamExt as _;
use valetkey_domain::{Caller, Error};

use super::{ExecuteTool, ToolOutcome};
use crate::Engine;

/// The most calls of one batch.
pub const MAX_BATCH: usize = 50;

impl Engine {
    /// Executes up to [`MAX_BATCH`] calls, a few at a time, and gives their outcomes in the order of the calls. A call
    /// that fails takes no other one along. One deadline holds for all of them together; whoever has not had its turn by
    /// then is not made. Needs `agent_connectors:execute`.
    ///
    /// # Errors
    /// `permission_denied`, `invalid_argument` for too many calls or none; of single calls as
    /// [`Engine::execute_tool`].
    pub async fn execute_batch(
        &self,
        caller: &Caller,
        calls: Vec<ExecuteTool>,
    ) -> Result<Vec<Result<ToolOutcome, Error>>, Error> {
        self.require_calls(caller, calls.first().map(|call| call.tool_name.as_str())).await?;
        if calls.is_empty() || calls.len() > MAX_BATCH {
            return Err(Error::invalid("calls", format!("must have 1 to {MAX_BATCH} items")));
        }
        let whole = self.deadline(None);
        let one = async |(n, mut call): (usize, ExecuteTool)| {
            let left = whole.remaining();
            if left.is_zero() {
                return (n, Err(whole.passed("the calls before it in the batch took too long.")));
            }
            call.deadline = Some(call.deadline.map_or(left, |wanted: Duration| wanted.min(left)));
            (n, self.execute_tool(caller, call).await)
        };
        let at_once = self.0.settings.batch_at_once.max(1);
        let running = futures::stream::iter(calls.into_iter().enumerate()).map(one);
        let mut ended: Vec<_> = running.buffer_unordered(at_once).collect().await;
        ended.sort_unstable_by_key(|(n, _)| *n);
        Ok(ended.into_iter().map(|(_, outcome)| outcome).collect())
    }
}
