//! Settles attempts that were left open: their process died, or stood still past its lease.

use std::{sync::Arc, time::Duration as StdDuration};

use async_trait::async_trait;
use valetkey_domain::{Error, ErrorCode};

use super::{Job, Progress, lanes::Lanes};
use crate::Engine;

const BATCH: u32 = 200;

pub(super) struct Recover {
    pub(super) lanes: Arc<Lanes>,
}

#[async_trait]
impl Job for Recover {
    fn name(&self) -> &'static str {
        "recover_refreshes"
    }

    fn period(&self) -> StdDuration {
        StdDuration::from_secs(2)
    }

    async fn run(&self, engine: &Engine) -> Result<(u64, Progress), Error> {
        let stale = engine.0.store.stale_refreshes(engine.now(), BATCH).await?;
        let found = stale.len();
        let mut begun = 0;
        for attempt in stale {
            let Some(connection) = engine.0.store.connection(&attempt.connection).await? else { continue };
            let Some(place) = self.lanes.enter(&engine.provider_of(&connection)) else { continue };
            let task = engine.clone();
            begun += 1;
            engine.0.tasks.spawn(async move {
                let _turn = place.turn().await;
                let account = attempt.account.clone();
                match task.recover(attempt).await {
                    Ok(()) => {}
                    // Another replica was faster.
                    Err(error) if error.code() == ErrorCode::Conflict => {}
                    Err(error) => {
                        tracing::warn!(%error, %account, "an attempt of unknown outcome was settled: {error}");
                    }
                }
            });
        }
        // Those that were begun are still stale until their takeover is written: give them a moment.
        let more = found == BATCH as usize && begun > 0;
        if more {
            tokio::time::sleep(StdDuration::from_millis(200)).await;
        }
        Ok((begun, if more { Progress::More } else { Progress::Idle }))
    }
}
