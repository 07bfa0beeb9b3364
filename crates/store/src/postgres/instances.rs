//! Processes that work on the database. Each keeps a session of its own that holds the advisory lock of its number and
//! gives a sign of life, for as long as it runs: through restarts of the database and failovers it connects anew and
//! takes the lock again by itself.
//!
//! A process that stands still keeps its lock, since its session stays; a machine that vanished loses it when the server
//! notices that nobody answers.

use tokio::task::AbortHandle;
use tokio_postgres::{Client, Row};
use valetkey_domain::{InstanceId, StoreError, Time, refresh::Frozen};

use crate::values::from_micros;

use super::{
    clock::{Observer, gone, now},
    dedicated::{Access, Dedicated, Pauses},
    home,
    pool::{Failure, Sessions},
    row::{Columns, Conflicts, Record, json, micros, values},
    statement::{Query, Write},
};

const TABLE: &str = "instances";
const CONFLICTS: Conflicts =
    Conflicts { table: TABLE, record: "instance", unique: "instance", reference: "instance" };

/// The first half of the advisory lock of a process ("vlt2"); the other one is its number.
const LOCK_CLASS: i32 = 0x766c_7432;

/// How often the lock is asked for that a session of ours which died unnoticed still holds.
const LOCK_RETRY: std::time::Duration = std::time::Duration::from_millis(250);

impl Record for InstanceId {
    const TABLE: &'static str = TABLE;
    const COLUMNS: &'static str = "number";

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        columns.number("number").map(Self)
    }
}

pub(super) fn gone(observer: Observer) -> Query<InstanceId> {
    let rest = concat!("NOT forgotten AND ", gone!("number", "$1", "$2"), " ORDER BY number");
    Query::new(rest, values![observer.own, observer.stale])
}

/// The row stays for a while: see [`JOIN`].
pub(super) fn forget(instance: InstanceId) -> Write {
    let sql = "UPDATE instances SET forgotten = true WHERE number = $1";
    Write::any(sql, CONFLICTS, values![i64::from(instance.0)])
}

const JOIN: &str = concat!(
    "INSERT INTO instances (joined_at, heartbeat_at, connected_at) VALUES ($1, ",
    now!(),
    ", ",
    now!(),
    ") RETURNING number, beats, heartbeat_at"
);
/// A process that could not reach the database for longer than this is not expected back: 30 days, in microseconds.
const FORGET: &str =
    concat!("DELETE FROM instances WHERE forgotten AND heartbeat_at < ", now!(), " - 2592000000000");
const LOCK: &str = "SELECT pg_try_advisory_lock($1, $2)";
/// A sign of life. Nobody else counts it up, so the row holds the last count that was acknowledged or a later one.
const BEAT: &str = concat!(
    "UPDATE instances SET forgotten = false, beats = beats + 1, heartbeat_at = ",
    now!(),
    ", connected_at = CASE WHEN $3 THEN ",
    now!(),
    " ELSE connected_at END
    WHERE number = $1 AND beats >= $2 RETURNING beats, heartbeat_at"
);
const LOSS: &str = concat!("SELECT ", now!(), ", (SELECT heartbeat_at FROM instances WHERE number = $1)");
const RETURN: &str = concat!(
    "INSERT INTO instances (number, joined_at, beats, heartbeat_at, connected_at) VALUES ($1, $2, $3, ",
    now!(),
    ", ",
    now!(),
    ")
    ON CONFLICT (number) DO UPDATE SET forgotten = false, beats = excluded.beats,
        heartbeat_at = excluded.heartbeat_at, connected_at = excluded.connected_at
    RETURNING beats, heartbeat_at"
);
/// A standby that takes over may lack the last moments: 60 s, in microseconds. What is more was restored.
const LOST_MOMENTS: i64 = 60_000_000;

/// A sign of life that the database has acknowledged.
#[derive(Clone, Copy)]
struct Beat {
    count: i64,
    /// By the database's clock, in microseconds.
    at: i64,
}

impl Beat {
    fn read(row: &Row, first: usize) -> Result<Self, tokio_postgres::Error> {
        Ok(Self { count: row.try_get(first)?, at: row.try_get(first + 1)? })
    }
}

/// This process, joined. It is here until this is dropped or told to stop.
#[derive(Debug)]
pub(super) struct Membership {
    pub(super) number: u32,
    keeping: AbortHandle,
}

impl Membership {
    /// Notes where the database is, takes a number and begins to keep its lock.
    pub(super) async fn begin(access: Access, sessions: Sessions, at: Time) -> Result<Self, StoreError> {
        let mut session = Dedicated::connect(&access, |_| {}).await?;
        let deadline = session.deadline();
        let joining = join(&mut session.client, at);
        let (number, last) = tokio::time::timeout(deadline, joining).await.unwrap_or(Err(Failure::Late))?;
        let unfit = |error: std::num::TryFromIntError| CONFLICTS.unfit(error.to_string());
        let mut keeper = Keeper { access, sessions, number, joined_at: micros(at), last };
        let mut state = State { announced: true, locked: false };
        keeper.beat(&session, &mut state).await?;
        let number = u32::try_from(number).map_err(unfit)?;
        let keeping = tokio::spawn(keeper.keep(session, state)).abort_handle();
        Ok(Self { number, keeping })
    }

    pub(super) fn stop(&self) {
        self.keeping.abort();
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn join(client: &mut Client, at: Time) -> Result<(i32, Beat), Failure> {
    let here = home::Place::of(client).await?;
    let transaction = client.transaction().await?;
    home::settle(&transaction, &here, at).await?;
    transaction.execute(FORGET, &[]).await?;
    let row = transaction.query_one(JOIN, &[&micros(at)]).await?;
    let (number, last): (i64, _) = (row.try_get(0)?, Beat::read(&row, 1)?);
    transaction.commit().await?;
    let number = i32::try_from(number).map_err(|error| CONFLICTS.unfit(error.to_string()))?;
    Ok((number, last))
}

struct Keeper {
    access: Access,
    sessions: Sessions,
    /// Positive.
    number: i32,
    joined_at: i64,
    last: Beat,
}

/// What a session has done.
struct State {
    /// It has said since when it is connected.
    announced: bool,
    /// It holds the lock.
    locked: bool,
}

impl Keeper {
    async fn keep(mut self, mut session: Dedicated, mut state: State) {
        loop {
            if let Some(failure) = self.stay(&mut session, &mut state).await {
                tracing::warn!("the session of this instance is over and is made anew: {failure}");
            }
            let mut pauses = Pauses::up_to(self.access.options.heartbeat);
            session = loop {
                if self.sessions.is_closed() {
                    return;
                }
                match Dedicated::connect(&self.access, |_| {}).await {
                    Ok(session) => break session,
                    Err(failure) => tracing::debug!("connecting the session of this instance: {failure}"),
                }
                pauses.pause().await;
            };
            state = State { announced: false, locked: false };
        }
    }

    /// Gives signs of life until the session is of no use any more; why, if it is known.
    async fn stay(&mut self, session: &mut Dedicated, state: &mut State) -> Option<Failure> {
        loop {
            match self.beat(session, state).await {
                Ok(()) => {}
                Err(failure) if failure.spoils_connection() => return Some(failure),
                // The lock is kept: what is wrong may pass.
                Err(failure) => tracing::warn!("this instance could not give a sign of life: {failure}"),
            }
            let heartbeat = self.access.options.heartbeat;
            let pause = if state.locked { heartbeat } else { LOCK_RETRY.min(heartbeat) };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = session.over() => return None,
            }
            if self.sessions.is_closed() {
                return None;
            }
        }
    }

    async fn beat(&mut self, session: &Dedicated, state: &mut State) -> Result<(), Failure> {
        let number = i64::from(self.number);
        let client = &session.client;
        // Since when it is connected comes before the lock: whoever holds the lock has said it.
        let said = session.in_time(async {
            Ok(client.query_opt(BEAT, &[&number, &self.last.count, &!state.announced]).await?)
        });
        self.last = match said.await? {
            Some(row) => Beat::read(&row, 0)?,
            None => session.in_time(self.come_back(client)).await?,
        };
        state.announced = true;
        if !state.locked {
            let locked =
                session.in_time(async { Ok(client.query_one(LOCK, &[&LOCK_CLASS, &self.number]).await?) });
            state.locked = locked.await?.try_get(0)?;
        }
        Ok(())
    }

    /// What this process has written, and the database has acknowledged, is not there any more. After a failover the last
    /// moments may be missing; what is more was put back by somebody, and refresh tokens may have been spent since.
    async fn come_back(&self, client: &Client) -> Result<Beat, Failure> {
        let number = i64::from(self.number);
        let row = client.query_one(LOSS, &[&number]).await?;
        let (now, found): (i64, Option<i64>) = (row.try_get(0)?, row.try_get(1)?);
        if found.is_some_and(|found| self.last.at - found <= LOST_MOMENTS) {
            tracing::warn!("the database has lost its last moments: what it had acknowledged is not there");
        } else {
            let since = from_micros(now).ok_or_else(|| CONFLICTS.unfit("the server's clock".into()))?;
            let reason = "the database went back to an earlier state while it was worked on".to_owned();
            tracing::error!(reason, "the database was restored: {reason}");
            let mark = json(&Frozen { since, reason }, "store_info", "frozen")?;
            client.execute(home::FREEZE, &[&mark]).await?;
        }
        let count = self.last.count + 1;
        let row = client.query_one(RETURN, &[&number, &self.joined_at, &count]).await?;
        Ok(Beat::read(&row, 0)?)
    }
}
