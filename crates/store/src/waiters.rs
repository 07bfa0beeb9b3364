//! Who waits in this process for the end of an attempt to renew a credential.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::Notify;
use valetkey_domain::{AccountId, Change, Changes};

#[derive(Debug, Default)]
pub(crate) struct Waiters(Mutex<HashMap<String, Arc<Notify>>>);

/// The accounts of which `changes` end an attempt.
pub(crate) fn ended_by(changes: &Changes) -> impl Iterator<Item = &AccountId> {
    changes.0.iter().filter_map(|change| match change {
        Change::EndRefresh { account, .. } | Change::TakeOverRefresh { account, .. } => Some(account),
        // Its attempts went with it.
        Change::DeleteAccount(account) => Some(account),
        _ => None,
    })
}

/// A place in the line of an account. The line is forgotten with its last place.
struct Place<'w> {
    waiters: &'w Waiters,
    account: &'w AccountId,
    /// Given back when the place is left.
    ended: Option<Arc<Notify>>,
}

impl Waiters {
    fn lines(&self) -> MutexGuard<'_, HashMap<String, Arc<Notify>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) async fn wait(&self, account: &AccountId, at_most: Duration) {
        let ended = Arc::clone(self.lines().entry(account.as_str().to_owned()).or_default());
        let place = Place { waiters: self, account, ended: Some(ended) };
        if let Some(ended) = &place.ended {
            // Either way the caller looks again.
            let _ = tokio::time::timeout(at_most, ended.notified()).await;
        }
    }

    /// Wakes who waits for what `changes` ended. They are written when this is called.
    pub(crate) fn wake(&self, changes: &Changes) {
        for account in ended_by(changes) {
            self.wake_line(account.as_str());
        }
    }

    /// Wakes who waits for an attempt of `account`.
    pub(crate) fn wake_line(&self, account: &str) {
        if let Some(line) = self.lines().get(account) {
            line.notify_waiters();
        }
    }

    /// Wakes everybody: an end may have been missed.
    pub(crate) fn wake_all(&self) {
        for line in self.lines().values() {
            line.notify_waiters();
        }
    }

    #[cfg(test)]
    pub(crate) fn lines_open(&self) -> usize {
        self.lines().len()
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut lines = self.waiters.lines();
        drop(self.ended.take());
        if lines.get(self.account.as_str()).is_some_and(|line| Arc::strong_count(line) == 1) {
            lines.remove(self.account.as_str());
        }
    }
}
