//! Hears from other processes that an attempt to renew a credential has ended. What is missed costs a waiter its floor,
//! no more: it looks again by itself.

use std::{sync::Arc, time::Duration};

use tokio::task::AbortHandle;

use crate::waiters::Waiters;

use super::{
    dedicated::{Access, Dedicated, Pauses},
    pool::{Failure, Sessions},
};

/// The payload is the id of the account.
pub(super) const CHANNEL: &str = "valetkey_refresh";

const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The ear of a process. It listens until this is dropped or told to stop.
#[derive(Debug)]
pub(super) struct Listener(AbortHandle);

impl Listener {
    pub(super) fn start(access: Access, sessions: Sessions, waiters: Arc<Waiters>) -> Self {
        Self(tokio::spawn(listen(access, sessions, waiters)).abort_handle())
    }

    pub(super) fn stop(&self) {
        self.0.abort();
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn listen(access: Access, sessions: Sessions, waiters: Arc<Waiters>) {
    let mut pauses = Pauses::up_to(LONGEST_PAUSE);
    while !sessions.is_closed() {
        match connect(&access, &waiters).await {
            Ok(mut session) => {
                pauses = Pauses::up_to(LONGEST_PAUSE);
                // Whatever ended meanwhile was not heard.
                waiters.wake_all();
                session.over().await;
                tracing::debug!("the session that listens to the database is over; it is made anew");
            }
            Err(failure) => tracing::debug!("listening to the database: {failure}"),
        }
        pauses.pause().await;
    }
}

async fn connect(access: &Access, waiters: &Arc<Waiters>) -> Result<Dedicated, Failure> {
    let told = Arc::clone(waiters);
    let session = Dedicated::connect(access, move |account| told.wake_line(account)).await?;
    let listen = format!("LISTEN {CHANNEL}");
    session.in_time(async { Ok(session.client.batch_execute(&listen).await?) }).await?;
    Ok(session)
}
