//! Ends what instances that are gone have left running.

use std::time::Duration as StdDuration;

use async_trait::async_trait;
use valetkey_domain::{Change, Changes, Error};

use super::{Job, Progress};
use crate::Engine;

pub(super) struct Instances;

#[async_trait]
impl Job for Instances {
    fn name(&self) -> &'static str {
        "gone_instances"
    }

    fn period(&self) -> StdDuration {
        StdDuration::from_secs(5)
    }

    async fn run(&self, engine: &Engine) -> Result<(u64, Progress), Error> {
        let gone = engine.0.store.gone_instances().await?;
        if gone.is_empty() {
            return Ok((0, Progress::Idle));
        }
        // Its leases first: storage tells a holder that is gone by its entry.
        let open = engine.0.store.stale_refreshes(engine.now(), 1_000).await?;
        let mut ended = 0;
        for instance in gone {
            let abandoned =
                Changes::new().and(Change::AbandonExecutions { instance: Some(instance), at: engine.now() });
            let left = open.iter().any(|attempt| attempt.holder == instance);
            let changes = match left {
                true => abandoned,
                false => abandoned.and(Change::ForgetInstance(instance)),
            };
            engine.commit(changes).await?;
            if !left {
                tracing::info!(%instance, "an instance is gone; what it left running is of unknown outcome");
                ended += 1;
            }
        }
        Ok((ended, Progress::Idle))
    }
}
