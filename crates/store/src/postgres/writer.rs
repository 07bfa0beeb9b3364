//! Commits: one transaction each. All statements are sent at once and answered in order, so a commit costs two round
//! trips however many changes it has, and holds its locks no longer.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    task::Poll,
};

use tokio_postgres::error::SqlState;
use valetkey_domain::{Changes, StoreError};

use super::{
    changes,
    clock::Observer,
    pool::{ATTEMPTS, Failure, Session, Sessions},
    statement::{Rows, Write, kinds, params},
};

/// How often a commit is done again because the server ended it in favour of another one. Each time somebody else has
/// come through, so a crowd of any likely size is through before this is over.
const RACES: usize = 40;

/// Once it is asked for, a commit is carried out even if nobody waits for the answer any more.
pub(super) async fn commit(
    sessions: &Sessions,
    commit: &Changes,
    observer: Observer,
) -> Result<(), StoreError> {
    if commit.0.is_empty() {
        return Ok(());
    }
    carry_out(sessions.clone(), changes::writes(commit, observer)?).await
}

/// Shows that the database accepts writes.
pub(super) async fn probe(sessions: &Sessions) -> Result<(), StoreError> {
    carry_out(sessions.clone(), vec![changes::probe()]).await
}

async fn carry_out(sessions: Sessions, writes: Vec<Write>) -> Result<(), StoreError> {
    let task = tokio::spawn(async move { write(&sessions, &writes).await });
    task.await.map_err(|stopped| StoreError::Unavailable(format!("a commit was stopped: {stopped}")))?
}

async fn write(sessions: &Sessions, writes: &[Write]) -> Result<(), StoreError> {
    let mut attempt = 1;
    loop {
        let session = sessions.get().await?;
        // Nothing is committed before the last step: up to there the whole commit may be done again.
        let failure = match sessions.in_time(apply(&session, writes)).await {
            Ok(()) => return finish(sessions, session).await,
            Err(failure) => failure,
        };
        let again = if lost_a_race(&failure) {
            attempt < RACES
        } else {
            attempt < ATTEMPTS && failure.is_of_connection()
        };
        let rolled_back = sessions.in_time(async { Ok(session.batch_execute("ROLLBACK").await?) }).await;
        sessions.give_back(session, rolled_back.as_ref().err().unwrap_or(&failure));
        if !again {
            return Err(failure.into());
        }
        attempt += 1;
    }
}

/// Two commits that wait for each other: the server ends one of them, the other goes on.
fn lost_a_race(failure: &Failure) -> bool {
    let Failure::Database(error) = failure else { return false };
    [SqlState::T_R_DEADLOCK_DETECTED, SqlState::T_R_SERIALIZATION_FAILURE]
        .iter()
        .any(|code| error.code() == Some(code))
}

/// Makes it durable. If the answer gets lost, what became of it is not known, and it is not tried again.
async fn finish(sessions: &Sessions, session: Session) -> Result<(), StoreError> {
    match sessions.in_time(async { Ok(session.batch_execute("COMMIT").await?) }).await {
        Ok(()) => Ok(()),
        Err(failure) => {
            sessions.give_back(session, &failure);
            Err(failure.into())
        }
    }
}

type Step<'a> = Pin<Box<dyn Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>>;

/// Opens a transaction and runs all statements in it. The first failure in their order counts: after it the server
/// refuses what follows.
async fn apply(session: &Session, writes: &[Write]) -> Result<(), Failure> {
    let mut statements = Vec::with_capacity(writes.len());
    for write in writes {
        statements.push(session.prepare_typed_cached(write.sql, &kinds(&write.values)).await?);
    }
    let parameters: Vec<_> = writes.iter().map(|write| params(&write.values)).collect();
    let mut steps: Vec<Step<'_>> = Vec::with_capacity(writes.len() + 1);
    steps.push(Box::pin(async { session.batch_execute("BEGIN").await.map(|()| 0) }));
    for (statement, parameters) in statements.iter().zip(&parameters) {
        steps.push(Box::pin(async move { session.execute(statement, parameters).await }));
    }
    let mut answers = all_in_order(steps).await.into_iter();
    if let Some(begun) = answers.next() {
        begun?;
    }
    for (write, answer) in writes.iter().zip(answers) {
        match answer {
            Ok(changed) if write.rows == Rows::One && changed != 1 => {
                return Err(StoreError::Conflict { what: write.conflicts.record }.into());
            }
            Ok(_) => {}
            Err(error) => {
                return Err(match write.conflicts.of_postgres(&error) {
                    // Kept as it is, for the decision whether to try again.
                    StoreError::Unavailable(_) => error.into(),
                    verdict => verdict.into(),
                });
            }
        }
    }
    Ok(())
}

/// Waits for all, each time in the given order: a statement is sent when it is first polled.
async fn all_in_order<T>(mut steps: Vec<Pin<Box<dyn Future<Output = T> + Send + '_>>>) -> Vec<T> {
    let mut answers: Vec<Option<T>> = steps.iter().map(|_| None).collect();
    poll_fn(|context| {
        let mut waiting = false;
        for (step, answer) in steps.iter_mut().zip(&mut answers) {
            if answer.is_none() {
                match step.as_mut().poll(context) {
                    Poll::Ready(value) => *answer = Some(value),
                    Poll::Pending => waiting = true,
                }
            }
        }
        if waiting { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
    answers.into_iter().flatten().collect()
}
