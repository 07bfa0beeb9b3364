//! Tells other processes that attempts to renew credentials have ended.
//!
//! Not in the commit that ends them: a transaction with a `NOTIFY` keeps every other one that has one from committing until
//! its own commit is on the disk, so there would be one renewal per durable write in the whole database. Told
//! afterwards, many at once and without a durable write, it costs next to nothing. News that get lost cost a waiter its
//! floor.

use std::time::Duration;

use tokio::sync::mpsc;
use valetkey_domain::Changes;

use crate::waiters::ended_by;

use super::{listener::CHANNEL, pool::Sessions, row::Value};

/// How many accounts are told of in one statement at most.
const BATCH: usize = 1000;
/// How long an idle connection is waited for.
const MOMENT: Duration = Duration::from_millis(1);
const MOMENTS: u32 = 20;
const TELL: &str = "SELECT pg_notify($1, account) FROM unnest($2) AS account";

/// The voice of a process. It ends when this is dropped.
#[derive(Debug)]
pub(super) struct Announcer(mpsc::UnboundedSender<String>);

impl Announcer {
    pub(super) fn start(sessions: Sessions) -> Self {
        let (sender, news) = mpsc::unbounded_channel();
        tokio::spawn(tell(sessions, news));
        Self(sender)
    }

    /// Tells of what `changes` ended. They are written when this is called.
    pub(super) fn announce(&self, changes: &Changes) {
        for account in ended_by(changes) {
            // The other end goes only with the runtime.
            let _ = self.0.send(account.as_str().to_owned());
        }
    }
}

async fn tell(sessions: Sessions, mut news: mpsc::UnboundedReceiver<String>) {
    let mut accounts = Vec::new();
    while news.recv_many(&mut accounts, BATCH).await > 0 {
        a_moment_for_others(&sessions).await;
        let accounts = Value::Texts(std::mem::take(&mut accounts));
        let told = sessions.execute(TELL, vec![CHANNEL.into(), accounts]);
        if let Err(failure) = told.await {
            tracing::debug!("other processes were not told of the end of renewals: {failure}");
        }
    }
}

/// Lets the connections come back that are in use: this is not worth opening another one for.
async fn a_moment_for_others(sessions: &Sessions) {
    for _ in 0..MOMENTS {
        if sessions.pool().status().available > 0 || sessions.is_closed() {
            return;
        }
        tokio::time::sleep(MOMENT).await;
    }
}
