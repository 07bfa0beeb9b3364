//! Tries revocations again that failed when their account ended (S13).

use std::time::Duration as StdDuration;

use async_trait::async_trait;
use time::Duration;
use valetkey_domain::Error;

use super::{Job, Progress};
use crate::Engine;

const BATCH: u32 = 20;
/// Longer than a revocation may take.
const HIDDEN: Duration = Duration::minutes(2);

pub(super) struct RetryRevocations;

#[async_trait]
impl Job for RetryRevocations {
    fn name(&self) -> &'static str {
        "retry_revocations"
    }

    fn period(&self) -> StdDuration {
        StdDuration::from_secs(5)
    }

    async fn run(&self, engine: &Engine) -> Result<(u64, Progress), Error> {
        let now = engine.now();
        let due = engine.0.store.take_due_revocations(now, now + HIDDEN, BATCH).await?;
        let found = due.len();
        let tries = due.into_iter().map(|pending| engine.retry_revocation(pending));
        for outcome in futures::future::join_all(tries).await {
            outcome?;
        }
        let more = found == BATCH as usize;
        Ok((found as u64, if more { Progress::More } else { Progress::Idle }))
    }
}
