//! Goes on with work on many accounts whose process is gone.

use std::time::Duration as StdDuration;

use async_trait::async_trait;
use valetkey_domain::Error;

use super::{Job, Progress};
use crate::Engine;

/// How many pieces of work are taken over at a time: the others go to other replicas.
const BATCH: u32 = 2;

pub(super) struct TakeOverBulks;

#[async_trait]
impl Job for TakeOverBulks {
    fn name(&self) -> &'static str {
        "take_over_bulks"
    }

    fn period(&self) -> StdDuration {
        StdDuration::from_secs(10)
    }

    async fn run(&self, engine: &Engine) -> Result<(u64, Progress), Error> {
        let found = engine.take_over_bulks(BATCH).await?;
        Ok((found as u64, if found == 0 { Progress::Idle } else { Progress::Soon }))
    }
}
