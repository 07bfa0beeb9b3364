//! Between rows and domain types.

use std::fmt::Display;

use rusqlite::{Connection, Params, Row, types::FromSql};
use serde::de::DeserializeOwned;
use valetkey_domain::{EnvironmentId, SealedBlob, StoreError, Time};

use crate::values::from_micros;
pub(super) use crate::values::{Conflicts, count, json, micros, optional_micros};

/// A failure of the database itself.
pub(super) fn unavailable(error: rusqlite::Error) -> StoreError {
    StoreError::Unavailable(error.to_string())
}

impl Conflicts {
    pub(super) fn of(self, error: rusqlite::Error) -> StoreError {
        use rusqlite::ffi;
        let Some(failure) = error.sqlite_error() else {
            return self.unfit(error.to_string());
        };
        match failure.extended_code {
            ffi::SQLITE_CONSTRAINT_PRIMARYKEY | ffi::SQLITE_CONSTRAINT_ROWID => {
                StoreError::Conflict { what: self.record }
            }
            ffi::SQLITE_CONSTRAINT_UNIQUE => StoreError::Conflict { what: self.unique },
            ffi::SQLITE_CONSTRAINT_FOREIGNKEY => StoreError::Conflict { what: self.reference },
            _ if matches!(
                failure.code,
                rusqlite::ErrorCode::ConstraintViolation
                    | rusqlite::ErrorCode::TooBig
                    | rusqlite::ErrorCode::TypeMismatch
            ) =>
            {
                self.unfit(error.to_string())
            }
            _ => unavailable(error),
        }
    }
}

/// Runs one statement and says how many rows it changed.
pub(super) fn execute(
    connection: &Connection,
    conflicts: Conflicts,
    sql: &str,
    params: impl Params,
) -> Result<usize, StoreError> {
    connection
        .prepare_cached(sql)
        .and_then(|mut statement| statement.execute(params))
        .map_err(|error| conflicts.of(error))
}

/// Runs one statement that must change exactly one row; any other number is a conflict.
pub(super) fn execute_one(
    connection: &Connection,
    conflicts: Conflicts,
    sql: &str,
    params: impl Params,
) -> Result<(), StoreError> {
    match execute(connection, conflicts, sql, params)? {
        1 => Ok(()),
        _ => Err(StoreError::Conflict { what: conflicts.record }),
    }
}

/// A type that is read from the rows of one table.
pub(super) trait Record: Sized {
    const TABLE: &'static str;
    /// The columns in the order in which [`Record::read`] takes them; the first one is the key.
    const COLUMNS: &'static str;

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError>;
}

/// A type that is listed by its id.
pub(super) trait Listed: Record {
    fn id(&self) -> &str;
}

/// Every row of `T` that fits `rest`, the part of the statement after `WHERE`.
pub(super) fn all<T: Record>(
    connection: &Connection,
    rest: &str,
    params: impl Params,
) -> Result<Vec<T>, StoreError> {
    let sql = format!("SELECT {} FROM {} WHERE {rest}", T::COLUMNS, T::TABLE);
    let mut statement = connection.prepare_cached(&sql).map_err(unavailable)?;
    let mut rows = statement.query(params).map_err(unavailable)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(unavailable)? {
        found.push(T::read(&mut Columns { row, table: T::TABLE, at: 0 })?);
    }
    Ok(found)
}

/// The row of `T` that fits `rest`, if there is one.
pub(super) fn one<T: Record>(
    connection: &Connection,
    rest: &str,
    params: impl Params,
) -> Result<Option<T>, StoreError> {
    Ok(all(connection, rest, params)?.pop())
}

/// The record of this id in an environment. One of another environment is not read, so that the time it takes does not tell
/// that it is there (S39).
pub(super) fn inside<T: Record>(
    connection: &Connection,
    environment: &EnvironmentId,
    id: &str,
) -> Result<Option<T>, StoreError> {
    one(connection, "id = ?1 AND environment = ?2", [id, environment.as_str()])
}

/// Takes the columns of a row one after the other. A value that cannot be is reported with table, column and row.
pub(super) struct Columns<'r> {
    row: &'r Row<'r>,
    table: &'static str,
    at: usize,
}

impl Columns<'_> {
    fn inconsistent(&self, column: &'static str, reason: impl Display) -> StoreError {
        let row = match self.row.get_ref(0) {
            Ok(key) => key.as_str().map_or_else(|_| format!("{key:?}"), str::to_owned),
            Err(_) => "?".into(),
        };
        StoreError::Inconsistent { table: self.table, column, row, reason: reason.to_string() }
    }

    pub(super) fn get<T: FromSql>(&mut self, column: &'static str) -> Result<T, StoreError> {
        let value = self.row.get(self.at).map_err(|error| self.inconsistent(column, error))?;
        self.at += 1;
        Ok(value)
    }

    pub(super) fn count(&mut self, column: &'static str) -> Result<u64, StoreError> {
        let value: i64 = self.get(column)?;
        u64::try_from(value).map_err(|error| self.inconsistent(column, error))
    }

    pub(super) fn optional_count(&mut self, column: &'static str) -> Result<Option<u64>, StoreError> {
        let value: Option<i64> = self.get(column)?;
        value.map(|value| u64::try_from(value).map_err(|error| self.inconsistent(column, error))).transpose()
    }

    pub(super) fn id<T: TryFrom<String, Error: Display>>(
        &mut self,
        column: &'static str,
    ) -> Result<T, StoreError> {
        let text: String = self.get(column)?;
        T::try_from(text).map_err(|reason| self.inconsistent(column, reason))
    }

    pub(super) fn optional_id<T: TryFrom<String, Error: Display>>(
        &mut self,
        column: &'static str,
    ) -> Result<Option<T>, StoreError> {
        let text: Option<String> = self.get(column)?;
        text.map(|text| T::try_from(text).map_err(|reason| self.inconsistent(column, reason))).transpose()
    }

    pub(super) fn word<T>(
        &mut self,
        column: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, StoreError> {
        let text: String = self.get(column)?;
        parse(&text).ok_or_else(|| self.inconsistent(column, "unknown word"))
    }

    pub(super) fn optional_word<T>(
        &mut self,
        column: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, StoreError> {
        let text: Option<String> = self.get(column)?;
        text.map(|text| parse(&text).ok_or_else(|| self.inconsistent(column, "unknown word"))).transpose()
    }

    pub(super) fn json<T: DeserializeOwned>(&mut self, column: &'static str) -> Result<T, StoreError> {
        let text: String = self.get(column)?;
        serde_json::from_str(&text).map_err(|error| self.inconsistent(column, error))
    }

    pub(super) fn optional_json<T: DeserializeOwned>(
        &mut self,
        column: &'static str,
    ) -> Result<Option<T>, StoreError> {
        let text: Option<String> = self.get(column)?;
        text.map(|text| serde_json::from_str(&text).map_err(|error| self.inconsistent(column, error)))
            .transpose()
    }

    pub(super) fn time(&mut self, column: &'static str) -> Result<Time, StoreError> {
        let micros: i64 = self.get(column)?;
        from_micros(micros).ok_or_else(|| self.inconsistent(column, "not a time"))
    }

    pub(super) fn optional_time(&mut self, column: &'static str) -> Result<Option<Time>, StoreError> {
        let micros: Option<i64> = self.get(column)?;
        micros
            .map(|micros| from_micros(micros).ok_or_else(|| self.inconsistent(column, "not a time")))
            .transpose()
    }

    pub(super) fn sealed(&mut self, column: &'static str) -> Result<SealedBlob, StoreError> {
        self.get(column).map(SealedBlob)
    }

    pub(super) fn optional_sealed(&mut self, column: &'static str) -> Result<Option<SealedBlob>, StoreError> {
        Ok(self.get::<Option<Vec<u8>>>(column)?.map(SealedBlob))
    }
}
