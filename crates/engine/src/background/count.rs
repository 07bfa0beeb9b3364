//! Counts the accounts by status, so that the overview can show how they went over time.

use std::time::Duration as StdDuration;

use async_trait::async_trait;
use time::Duration;
use valetkey_domain::{Change, Error};

use super::{Job, Progress};
use crate::Engine;

/// How long a day's counts are kept.
const KEEP: Duration = Duration::days(400);

/// The count of the present day is taken again and again: its last one stays.
pub(super) struct CountStatuses;

#[async_trait]
impl Job for CountStatuses {
    fn name(&self) -> &'static str {
        "count_statuses"
    }

    fn period(&self) -> StdDuration {
        StdDuration::from_secs(3600)
    }

    async fn run(&self, engine: &Engine) -> Result<(u64, Progress), Error> {
        let at = engine.now();
        let counts = engine.0.store.accounts_by_status().await?;
        engine.commit(Change::PutStatusCounts { at, keep_from: at - KEEP, counts }).await?;
        Ok((1, Progress::Idle))
    }
}
