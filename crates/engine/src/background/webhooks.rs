//! Brings messages to webhooks. Each webhook has a task of its own, so that a slow one holds up no other; what a process
//! has taken and not noted when it dies comes back by itself.

use std::time::Duration as StdDuration;

use async_trait::async_trait;
use valetkey_domain::Error;

use super::{Job, Progress};
use crate::Engine;

pub(super) struct DeliverWebhooks;

#[async_trait]
impl Job for DeliverWebhooks {
    fn name(&self) -> &'static str {
        "deliver_webhooks"
    }

    fn period(&self) -> StdDuration {
        StdDuration::from_secs(1)
    }

    async fn run(&self, engine: &Engine) -> Result<(u64, Progress), Error> {
        let begun = engine.begin_deliveries().await?.len();
        Ok((begun as u64, if begun == 0 { Progress::Idle } else { Progress::Soon }))
    }
}
