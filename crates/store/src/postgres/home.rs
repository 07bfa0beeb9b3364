//! Recognizing a database that was restored or copied.
//!
//! Where a process first worked on a database is noted in it: the server's data, the database on it, and the number that
//! the server gave to the table of the note itself. A dump that is read in again, wherever, gets other numbers. What
//! cannot be seen from here is a server whose data were put back as they were, log and all; processes that are
//! running then notice that what they wrote is gone (see [`super::instances`]).

use tokio_postgres::{Client, Transaction, error::SqlState};
use valetkey_domain::{StoreError, Time, refresh::Frozen};

use super::{
    pool::Failure,
    row::{Columns, Conflicts, Record, json, values},
    statement::{Query, Write},
};

const TABLE: &str = "store_info";
const CONFLICTS: Conflicts = Conflicts { table: TABLE, record: TABLE, unique: TABLE, reference: TABLE };

/// Where a database is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// The identifier of the server's data, unless this role may not ask for it.
    system: Option<String>,
    database: i64,
    relation: i64,
}

impl Place {
    /// Where the database of a session is.
    pub(super) async fn of(client: &Client) -> Result<Self, tokio_postgres::Error> {
        let asked =
            client.query_one("SELECT system_identifier::text FROM pg_catalog.pg_control_system()", &[]);
        let system = match asked.await {
            Ok(row) => Some(row.try_get(0)?),
            Err(error) if is_refusal(&error) => None,
            Err(error) => return Err(error),
        };
        let sql = "SELECT oid::bigint, 'store_home'::regclass::oid::bigint FROM pg_catalog.pg_database
            WHERE datname = current_database()";
        let row = client.query_one(sql, &[]).await?;
        Ok(Self { system, database: row.try_get(0)?, relation: row.try_get(1)? })
    }

    /// Why the database here is not the one that was worked on there, in words.
    fn suspicion(&self, there: &Self) -> Option<&'static str> {
        let other_system = match (&self.system, &there.system) {
            (Some(here), Some(there)) => here != there,
            // A server that does not tell is compared by the rest.
            _ => false,
        };
        if other_system {
            return Some("the database is on another server than the one that was worked on last");
        }
        if self.database != there.database {
            return Some("the database is another one than the one that was worked on last");
        }
        (self.relation != there.relation).then_some("the content of the database was restored from a dump")
    }
}

fn is_refusal(error: &tokio_postgres::Error) -> bool {
    [SqlState::INSUFFICIENT_PRIVILEGE, SqlState::UNDEFINED_FUNCTION]
        .iter()
        .any(|code| error.code() == Some(code))
}

/// Compares the place with the one that is noted, marks the database if it is another, and notes it. A copy goes on from
/// where it is: what was suspected is in the mark, which stays.
pub(super) async fn settle(transaction: &Transaction<'_>, here: &Place, at: Time) -> Result<(), Failure> {
    // Processes that join at the same time do it one after the other.
    transaction.execute("SELECT FROM store_info FOR UPDATE", &[]).await?;
    let noted = "SELECT system, database, relation FROM store_home";
    let noted = transaction.query_opt(noted, &[]).await?;
    let noted = noted.map(|row| {
        Ok::<_, tokio_postgres::Error>(Place {
            system: row.try_get(0)?,
            database: row.try_get(1)?,
            relation: row.try_get(2)?,
        })
    });
    let noted = noted.transpose()?;
    if noted.as_ref() == Some(here) {
        return Ok(());
    }
    if let Some(reason) = noted.as_ref().and_then(|noted| here.suspicion(noted)) {
        tracing::warn!(reason, "the database was restored or copied: {reason}");
        let frozen = Frozen { since: at, reason: reason.to_owned() };
        transaction.execute(FREEZE, &[&json(&frozen, TABLE, "frozen")?]).await?;
    }
    let note = "INSERT INTO store_home (id, system, database, relation) VALUES (1, $1, $2, $3)
        ON CONFLICT (id) DO UPDATE SET system = coalesce($1, store_home.system), database = $2, relation = $3";
    transaction.execute(note, &[&here.system, &here.database, &here.relation]).await?;
    Ok(())
}

/// The first mark counts: it is the one that says since when.
pub(super) const FREEZE: &str = "UPDATE store_info SET frozen = $1 WHERE frozen IS NULL";

pub(super) fn freeze(mark: &Frozen) -> Result<Write, StoreError> {
    Ok(Write::any(FREEZE, CONFLICTS, values![json(mark, TABLE, "frozen")?]))
}

pub(super) fn thaw() -> Write {
    Write::any("UPDATE store_info SET frozen = NULL", CONFLICTS, Vec::new())
}

pub(super) fn frozen() -> Query<Mark> {
    Query::new("id = 1", Vec::new())
}

/// The mark, if there is one.
pub(super) struct Mark(pub(super) Option<Frozen>);

impl Record for Mark {
    const TABLE: &'static str = TABLE;
    const COLUMNS: &'static str = "frozen";

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        columns.optional_json("frozen").map(Self)
    }
}
