//! One lane per provider: how many renewals it bears at once and per second, so that ten thousand accounts that expire
//! in one second neither fall upon it together nor keep other providers' accounts waiting.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};

use super::BackgroundSettings;

#[derive(Debug)]
struct Lane {
    width: Arc<Semaphore>,
    /// How many have entered: those under way and those that wait for their turn.
    entered: Arc<Semaphore>,
    /// When the next one may begin.
    next: Mutex<Instant>,
}

/// The lanes of a process.
#[derive(Debug)]
pub(super) struct Lanes {
    all: Arc<Semaphore>,
    lanes: Mutex<HashMap<String, Arc<Lane>>>,
    width: usize,
    pace: Duration,
}

/// A place in a lane, taken before it is known when its turn comes.
#[derive(Debug)]
pub(super) struct Place {
    lane: Arc<Lane>,
    pace: Duration,
    _all: OwnedSemaphorePermit,
    _entered: OwnedSemaphorePermit,
}

/// A turn: the renewal may go on while this is kept.
#[derive(Debug)]
pub(super) struct Turn {
    _place: Place,
    _width: Option<OwnedSemaphorePermit>,
}

impl Lanes {
    pub(super) fn new(settings: &BackgroundSettings) -> Self {
        Self {
            all: Arc::new(Semaphore::new(settings.at_once.max(1))),
            lanes: Mutex::default(),
            width: settings.per_provider.max(1),
            pace: Duration::from_secs(1) / settings.per_second.max(1),
        }
    }

    /// How many more could enter now, all lanes together.
    pub(super) fn free(&self) -> usize {
        self.all.available_permits()
    }

    fn lane(&self, provider: &str) -> Arc<Lane> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        lanes
            .entry(provider.to_owned())
            .or_insert_with(|| {
                Arc::new(Lane {
                    width: Arc::new(Semaphore::new(self.width)),
                    // As many again may wait as are under way; more would take the places of other providers.
                    entered: Arc::new(Semaphore::new(self.width * 2)),
                    next: Mutex::new(Instant::now()),
                })
            })
            .clone()
    }

    /// A place in the lane of `provider`, or none if enough wait there already.
    pub(super) fn enter(&self, provider: &str) -> Option<Place> {
        let lane = self.lane(provider);
        let all = self.all.clone().try_acquire_owned().ok()?;
        let entered = lane.entered.clone().try_acquire_owned().ok()?;
        Some(Place { lane, pace: self.pace, _all: all, _entered: entered })
    }
}

impl Place {
    /// Waits for the turn: room in the lane, and the pace of the lane.
    pub(super) async fn turn(self) -> Turn {
        // The semaphore is never closed; without a permit there would be no cap, but no stop either.
        let width = self.lane.width.clone().acquire_owned().await.ok();
        let begin = {
            let mut next = self.lane.next.lock().unwrap_or_else(PoisonError::into_inner);
            let begin = (*next).max(Instant::now());
            *next = begin + self.pace;
            begin
        };
        tokio::time::sleep_until(begin).await;
        Turn { _place: self, _width: width }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn lanes(per_provider: usize, per_second: u32, at_once: usize) -> Lanes {
        Lanes::new(&BackgroundSettings { per_provider, per_second, at_once, ..BackgroundSettings::default() })
    }

    /// R10: neither cap is ever exceeded, and both are used.
    #[tokio::test(start_paused = true)]
    async fn lane_under_a_rush_keeps_width_and_pace() {
        let lanes = Arc::new(lanes(5, 10, 1000));
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let began = Instant::now();
        let mut starts = Vec::new();
        let mut tasks = Vec::new();
        while starts.len() < 40 {
            let Some(place) = lanes.enter("acme") else {
                tokio::time::sleep(Duration::from_millis(10)).await;
                continue;
            };
            starts.push(());
            let (now, most) = (now.clone(), most.clone());
            tasks.push(tokio::spawn(async move {
                let turn = place.turn().await;
                let at = began.elapsed();
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_secs(1)).await;
                now.fetch_sub(1, Ordering::SeqCst);
                drop(turn);
                at
            }));
        }
        let mut at = Vec::new();
        for task in tasks {
            at.push(task.await.unwrap());
        }
        at.sort_unstable();
        assert_eq!(most.load(Ordering::SeqCst), 5);
        assert!(at.windows(2).all(|pair| pair[1] - pair[0] >= Duration::from_millis(99)), "{at:?}");
    }

    #[tokio::test]
    async fn lane_that_is_full_leaves_room_for_others() {
        let lanes = lanes(2, 1000, 100);
        let places: Vec<_> = (0..4).map(|_| lanes.enter("slow").unwrap()).collect();
        assert!(lanes.enter("slow").is_none());
        assert!(lanes.enter("other").is_some());
        drop(places);
        assert!(lanes.enter("slow").is_some());
    }
}
