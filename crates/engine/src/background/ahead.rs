//! Renews credentials ahead of their expiry, and idle grants before their provider ends them.

use std::{sync::Arc, time::Duration as StdDuration};

use async_trait::async_trait;
use time::Duration;
use valetkey_domain::{AccountId, Change, Error, entropy::random_bytes};

use super::{Job, Progress, lanes::Lanes};
use crate::Engine;

/// An account that was taken comes back after this time if nobody has renewed it: its process died, or the renewal failed
/// without leaving another time.
const HIDDEN: Duration = Duration::minutes(10);
/// How many are taken at once at most.
const BATCH: usize = 200;
/// How long an account is put off when its provider has enough to do: between one and two of these.
const PUT_OFF: Duration = Duration::seconds(2);

pub(super) struct RefreshAhead {
    pub(super) lanes: Arc<Lanes>,
}

#[async_trait]
impl Job for RefreshAhead {
    fn name(&self) -> &'static str {
        "refresh_ahead"
    }

    fn period(&self) -> StdDuration {
        StdDuration::from_secs(2)
    }

    async fn run(&self, engine: &Engine) -> Result<(u64, Progress), Error> {
        let room = self.lanes.free().min(BATCH);
        let limit = u32::try_from(room).unwrap_or(u32::MAX);
        if limit == 0 {
            return Ok((0, Progress::Idle));
        }
        let now = engine.now();
        let due = engine.0.store.take_due_refreshes(now, now + HIDDEN, limit).await?;
        let taken = due.len() as u64;
        let mut begun = 0;
        for id in due {
            begun += u64::from(self.begin(engine, id).await?);
        }
        // A provider that has enough to do is left alone for a moment, so a full batch does not mean to go on at once.
        let more = taken == u64::from(limit) && begun > 0;
        Ok((begun, if more { Progress::More } else { Progress::Idle }))
    }
}

impl RefreshAhead {
    /// Begins the renewal of one account, if its provider has room.
    async fn begin(&self, engine: &Engine, id: AccountId) -> Result<bool, Error> {
        let Some(account) = engine.0.store.account(&id).await? else { return Ok(false) };
        let Some(connection) = engine.0.store.connection(&account.connection).await? else {
            return Ok(false);
        };
        let Some(place) = self.lanes.enter(&engine.provider_of(&connection)) else {
            let share = f64::from(random_bytes::<1>(&*engine.0.entropy)[0]) / 255.0;
            let at = Some(engine.now() + PUT_OFF * (1.0 + share));
            engine.commit(Change::ScheduleRefresh { id, generation: account.generation, at }).await?;
            return Ok(false);
        };
        let task = engine.clone();
        engine.0.tasks.spawn(async move {
            let _turn = place.turn().await;
            if let Err(error) = task.renew_ahead(&id).await {
                // Told in the history of the account; the next time is set there too.
                tracing::debug!(%error, account = %id, "a renewal ahead of time failed");
            }
        });
        Ok(true)
    }
}
