//! Removing what grows without end, by age.
//!
//! What is to go is looked for by a reading connection, so that the writer only removes rows by their key.

use rusqlite::{Connection, params};
use valetkey_domain::{
    AuthRequest, Event, EventId, Execution, ExecutionId, Invitation, KeptAnswer, RefreshAttempt, Session,
    StoreError, Time,
    bulk::BulkWork,
    store::Prunable,
    webhook::{Delivery, WebhookSecret},
};

use crate::values::later;

use super::row::{Columns, Conflicts, Record, all, execute, micros};

/// The key of a row of `T`.
struct Key<T>(String, std::marker::PhantomData<T>);

/// The key of a kept answer, which is that of its execution.
struct AnswerKey(String);

impl Record for AnswerKey {
    const TABLE: &'static str = <KeptAnswer as Record>::TABLE;
    const COLUMNS: &'static str = "execution";

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self(columns.get("execution")?))
    }
}

impl<T: Record> Record for Key<T> {
    const TABLE: &'static str = T::TABLE;
    const COLUMNS: &'static str = "id";

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self(columns.get("id")?, std::marker::PhantomData))
    }
}

/// The number of a row of `T`, whose key has two parts.
struct RowOf<T>(String, std::marker::PhantomData<T>);

impl<T: Record> Record for RowOf<T> {
    const TABLE: &'static str = T::TABLE;
    const COLUMNS: &'static str = "CAST(rowid AS TEXT)";

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self(columns.get("rowid")?, std::marker::PhantomData))
    }
}

fn rows(
    connection: &Connection,
    rest: &str,
    params: impl rusqlite::Params,
) -> Result<Vec<String>, StoreError> {
    Ok(all::<RowOf<Delivery>>(connection, rest, params)?.into_iter().map(|row| row.0).collect())
}

fn keys<T: Record>(
    connection: &Connection,
    rest: &str,
    params: impl rusqlite::Params,
) -> Result<Vec<String>, StoreError> {
    Ok(all::<Key<T>>(connection, rest, params)?.into_iter().map(|key| key.0).collect())
}

/// The keys of up to `limit` records from before an instant, the oldest first.
pub(super) fn find(
    connection: &Connection,
    what: Prunable,
    before: Time,
    limit: u32,
) -> Result<Vec<String>, StoreError> {
    let at = micros(before);
    match what {
        // Ids sort by time: they bound the walk, and the times decide.
        Prunable::Events => {
            let end = EventId::first_of(later(before));
            let rest = "id < ?1 AND at < ?2 ORDER BY id LIMIT ?3";
            keys::<Event>(connection, rest, params![end.as_str(), at, limit])
        }
        Prunable::Executions => {
            let end = ExecutionId::first_of(later(before));
            let rest = "id < ?1 AND started_at < ?2 AND +status <> 'RUNNING' ORDER BY id LIMIT ?3";
            keys::<Execution>(connection, rest, params![end.as_str(), at, limit])
        }
        Prunable::AuthRequests => {
            let rest = "expires_at < ?1 ORDER BY expires_at LIMIT ?2";
            keys::<AuthRequest>(connection, rest, params![at, limit])
        }
        Prunable::Refreshes => {
            let rest = "outcome IS NOT NULL AND ended_at < ?1 AND EXISTS (SELECT 1 FROM refreshes AS later
                    WHERE later.account = refreshes.account AND later.fence > refreshes.fence)
                ORDER BY ended_at LIMIT ?2";
            keys::<RefreshAttempt>(connection, rest, params![at, limit])
        }
        Prunable::Answers => {
            let rest = "keep_until < ?1 ORDER BY keep_until LIMIT ?2";
            let found: Vec<AnswerKey> = all(connection, rest, params![at, limit])?;
            Ok(found.into_iter().map(|key| key.0).collect())
        }
        Prunable::Sessions => {
            let rest = "expires_at < ?1 ORDER BY expires_at LIMIT ?2";
            keys::<Session>(connection, rest, params![at, limit])
        }
        Prunable::Bulks => {
            let rest = "ended_at IS NOT NULL AND ended_at < ?1 ORDER BY ended_at LIMIT ?2";
            keys::<BulkWork>(connection, rest, params![at, limit])
        }
        Prunable::Delivered => {
            let rest = "outcome = 'delivered' AND ended_at < ?1 ORDER BY ended_at LIMIT ?2";
            rows(connection, rest, params![at, limit])
        }
        Prunable::Undelivered => {
            let rest = "(outcome = 'failed' AND ended_at < ?1) OR (outcome = 'pending' AND created_at < ?1)
                ORDER BY created_at LIMIT ?2";
            rows(connection, rest, params![at, limit])
        }
        Prunable::WebhookSecrets => {
            let rest = "valid_until < ?1 ORDER BY valid_until LIMIT ?2";
            let found: Vec<RowOf<WebhookSecret>> = all(connection, rest, params![at, limit])?;
            Ok(found.into_iter().map(|row| row.0).collect())
        }
        Prunable::Invitations => {
            let rest = "expires_at < ?1 ORDER BY expires_at LIMIT ?2";
            keys::<Invitation>(connection, rest, params![at, limit])
        }
    }
}

/// Removes the records of these keys that are still from before the instant, and says how many.
pub(super) fn remove(
    connection: &Connection,
    what: Prunable,
    before: Time,
    keys: &[String],
) -> Result<u64, StoreError> {
    let (table, sql) = match what {
        Prunable::Events => ("events", "DELETE FROM events WHERE id = ?1 AND at < ?2"),
        Prunable::Executions => {
            ("executions", "DELETE FROM executions WHERE id = ?1 AND started_at < ?2 AND status <> 'RUNNING'")
        }
        Prunable::AuthRequests => {
            ("auth_requests", "DELETE FROM auth_requests WHERE id = ?1 AND expires_at < ?2")
        }
        Prunable::Refreshes => ("refreshes", "DELETE FROM refreshes WHERE id = ?1 AND ended_at < ?2"),
        Prunable::Answers => ("answers", "DELETE FROM answers WHERE execution = ?1 AND keep_until < ?2"),
        Prunable::Sessions => ("sessions", "DELETE FROM sessions WHERE id = ?1 AND expires_at < ?2"),
        Prunable::Bulks => ("bulk_works", "DELETE FROM bulk_works WHERE id = ?1 AND ended_at < ?2"),
        Prunable::Delivered => (
            "webhook_deliveries",
            "DELETE FROM webhook_deliveries WHERE rowid = ?1 AND outcome = 'delivered' AND ended_at < ?2",
        ),
        Prunable::Undelivered => (
            "webhook_deliveries",
            "DELETE FROM webhook_deliveries WHERE rowid = ?1 AND outcome <> 'delivered' AND created_at < ?2",
        ),
        Prunable::WebhookSecrets => {
            ("webhook_secrets", "DELETE FROM webhook_secrets WHERE rowid = ?1 AND valid_until < ?2")
        }
        Prunable::Invitations => ("invitations", "DELETE FROM invitations WHERE id = ?1 AND expires_at < ?2"),
    };
    let conflicts = Conflicts { table, record: table, unique: table, reference: table };
    let mut removed = 0;
    for key in keys {
        removed += execute(connection, conflicts, sql, params![key, micros(before)])? as u64;
    }
    Ok(removed)
}
