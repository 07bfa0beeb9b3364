//! Seals executions into the audit log.

use std::time::Duration as StdDuration;

use async_trait::async_trait;
use valetkey_domain::Error;

use super::{Job, Progress};
use crate::{Engine, audit::WINDOW};

pub(super) struct SealExecutions;

#[async_trait]
impl Job for SealExecutions {
    fn name(&self) -> &'static str {
        "seal_executions"
    }

    fn period(&self) -> StdDuration {
        StdDuration::from_secs(300)
    }

    async fn run(&self, engine: &Engine) -> Result<(u64, Progress), Error> {
        let sealed = engine.seal_executions().await?;
        Ok((sealed, if sealed == u64::from(WINDOW) { Progress::More } else { Progress::Idle }))
    }
}
