//! Sessions beside the pool, for what lasts as long as the process: its lock and its ear.

use std::{
    fmt,
    future::{Future, poll_fn},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    task::JoinHandle,
};
use tokio_postgres::{AsyncMessage, Client, Connection, NoTls};

use super::{
    PostgresOptions,
    pool::{Failure, answer_deadline, session_settings},
    settings::Target,
};

/// The first pause after a failure; every further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// How to connect.
#[derive(Clone)]
pub(super) struct Access {
    pub(super) target: Target,
    pub(super) options: PostgresOptions,
}

/// Never with the password.
impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").field("target", &format_args!("{}", self.target)).finish_non_exhaustive()
    }
}

/// A session of its own. It ends when it is dropped.
pub(super) struct Dedicated {
    pub(super) client: Client,
    driver: JoinHandle<()>,
    deadline: Duration,
}

impl Dedicated {
    /// Connects; `hear` gets the payload of every notification.
    pub(super) async fn connect(
        access: &Access,
        hear: impl Fn(&str) + Send + 'static,
    ) -> Result<Self, Failure> {
        let config = &access.target.config;
        let connecting = async {
            Ok(match &access.target.tls {
                Some(tls) => {
                    let (client, connection) = config.connect(tls.clone()).await?;
                    (client, tokio::spawn(drive(connection, hear)))
                }
                None => {
                    let (client, connection) = config.connect(NoTls).await?;
                    (client, tokio::spawn(drive(connection, hear)))
                }
            })
        };
        let connected = tokio::time::timeout(access.options.connect_timeout, connecting).await;
        let (client, driver) = connected.unwrap_or(Err(Failure::Late))?;
        let session = Self { client, driver, deadline: answer_deadline(&access.options) };
        session
            .in_time(async { Ok(session.client.batch_execute(&session_settings(&access.options)).await?) })
            .await?;
        // It is idle most of the time, and must not be ended for that. Servers before 14 have no such setting.
        let idle = "SELECT set_config(name, '0', false) FROM pg_catalog.pg_settings
            WHERE name = 'idle_session_timeout'";
        session.in_time(async { Ok(session.client.query(idle, &[]).await.map(drop)?) }).await?;
        Ok(session)
    }

    /// Waits for `work` no longer than statements may take.
    pub(super) async fn in_time<T>(
        &self,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        tokio::time::timeout(self.deadline, work).await.unwrap_or(Err(Failure::Late))
    }

    pub(super) fn deadline(&self) -> Duration {
        self.deadline
    }

    /// Waits until the connection is over.
    pub(super) async fn over(&mut self) {
        // However it ended.
        let _ = (&mut self.driver).await;
    }
}

/// Carries what goes to and fro until the connection is over or its client is dropped.
async fn drive<S, T>(mut connection: Connection<S, T>, hear: impl Fn(&str))
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
        if let AsyncMessage::Notification(notification) = message {
            hear(notification.payload());
        }
    }
}

/// Pauses that get longer, up to a bound.
pub(super) struct Pauses {
    next: Duration,
    longest: Duration,
}

impl Pauses {
    pub(super) fn up_to(longest: Duration) -> Self {
        Self { next: FIRST_PAUSE.min(longest), longest }
    }

    pub(super) async fn pause(&mut self) {
        tokio::time::sleep(self.next).await;
        self.next = (self.next * 2).min(self.longest);
    }
}
