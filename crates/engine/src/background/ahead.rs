//! Renews credentials ahead of their expiry, and idle grants before their provider ends them.

use std::{sync::Arc, time::Duration as StdDuration};

use async_trait::async_trait;
use time::Duration;
use valetkey_domain::{AccountId, Change, Changes, Error};

use super::{Job, Progress, lanes::Lanes};
use crate::Engine;

/// An account that was taken comes back after this time if nobody has renewed it: its process died, or the renewal failed
/// without leaving another time.
const HIDDEN: Duration = Duration::minutes(10);
/// How many are taken at once at most.
const BATCH: usize = 200;

pub(super) struct RefreshAhead {
    pub(super) lanes: Arc<Lanes>,
}

/// What came of an account that was due.
enum Begun {
    /// Its renewal is under way.
    Renewal,
    /// Its provider has enough to do or is failing: later, once this is written.
    Later(Box<Change>),
    /// There is nothing to renew.
    Nothing,
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
        let more = match due.len() {
            0 => Progress::Idle,
            all if all == room => Progress::More,
            // A crowd that was put off comes at the pace of its lane, which must not run dry between two looks.
            _ => Progress::Soon,
        };
        let (mut begun, mut put_off) = (0, Changes::new());
        for id in due {
            match self.begin(engine, id).await? {
                Begun::Renewal => begun += 1,
                Begun::Later(change) => put_off = put_off.and(*change),
                Begun::Nothing => {}
            }
        }
        // All of them in one write: after an outage there may be many.
        if !put_off.0.is_empty() {
            engine.commit(put_off).await?;
        }
        Ok((begun, more))
    }
}

impl RefreshAhead {
    /// Begins the renewal of one account, if its provider is well and has room.
    async fn begin(&self, engine: &Engine, id: AccountId) -> Result<Begun, Error> {
        let Some(account) = engine.0.store.account(&id).await? else { return Ok(Begun::Nothing) };
        let connection = engine.0.store.connection(&account.connection).await?;
        let Some(connection) = connection else { return Ok(Begun::Nothing) };
        let provider = engine.provider_of(&connection);
        let generation = account.generation;
        if let Some(at) = engine.outage_put_off(&provider) {
            return Ok(Begun::Later(Box::new(Change::ScheduleRefresh { id, generation, at: Some(at) })));
        }
        let Some(place) = self.lanes.enter(&provider) else {
            let at = Some(engine.now() + self.lanes.turn_comes_in(&provider));
            return Ok(Begun::Later(Box::new(Change::ScheduleRefresh { id, generation, at })));
        };
        let task = engine.clone();
        engine.0.tasks.spawn(async move {
            let _turn = place.turn().await;
            if let Err(error) = task.renew_ahead(&id).await {
                // Told in the history of the account; the next time is set there too.
                tracing::debug!(%error, account = %id, "a renewal ahead of time failed");
            }
        });
        Ok(Begun::Renewal)
    }
}
