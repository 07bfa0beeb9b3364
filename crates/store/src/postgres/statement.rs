//! Statements as values: what to read or write, with its parameters, before there is a connection.

use std::marker::PhantomData;

use tokio_postgres::types::{ToSql, Type};
use valetkey_domain::EnvironmentId;

use super::row::{Conflicts, Record, Value, values};

/// How many rows a write must change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rows {
    /// Exactly one; any other number is a conflict on the record.
    One,
    Any,
}

/// One writing statement.
#[derive(Debug, Clone)]
pub(super) struct Write {
    pub(super) sql: &'static str,
    pub(super) conflicts: Conflicts,
    pub(super) values: Vec<Value>,
    pub(super) rows: Rows,
}

impl Write {
    pub(super) fn one(sql: &'static str, conflicts: Conflicts, values: Vec<Value>) -> Self {
        Self { sql, conflicts, values, rows: Rows::One }
    }

    pub(super) fn any(sql: &'static str, conflicts: Conflicts, values: Vec<Value>) -> Self {
        Self { sql, conflicts, values, rows: Rows::Any }
    }
}

/// A statement that answers with a few rows: as a rule a read by a key.
#[derive(Debug, Clone)]
pub(super) struct Query<T> {
    text: String,
    pub(super) values: Vec<Value>,
    of: PhantomData<fn() -> T>,
}

impl<T: Record> Query<T> {
    /// The rows of the record's table that fit `rest`, the part of the statement after `WHERE`.
    pub(super) fn new(rest: &'static str, values: Vec<Value>) -> Self {
        Self {
            text: format!("SELECT {} FROM {} WHERE {rest}", T::COLUMNS, T::TABLE),
            values,
            of: PhantomData,
        }
    }

    /// The record of this id in an environment. One of another environment is not read, so that the time it takes does not
    /// tell that it is there (S39).
    pub(super) fn inside(environment: &EnvironmentId, id: &str) -> Self {
        Self::new("id = $1 AND environment = $2", values![id, environment.as_str()])
    }

    /// A whole statement that answers with the columns of the record.
    pub(super) fn of(sql: &'static str, values: Vec<Value>) -> Self {
        Self { text: sql.to_owned(), values, of: PhantomData }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }
}

/// The types of parameters.
pub(super) fn kinds(values: &[Value]) -> Vec<Type> {
    values.iter().map(Value::kind).collect()
}

/// Parameters as the driver takes them.
pub(super) fn params(values: &[Value]) -> Vec<&(dyn ToSql + Sync)> {
    values.iter().map(|value| value as &(dyn ToSql + Sync)).collect()
}

/// Parameters with their types, as the driver takes them for a statement that is used once.
pub(super) fn typed_params(values: &[Value]) -> Vec<(&(dyn ToSql + Sync), Type)> {
    values.iter().map(|value| (value as &(dyn ToSql + Sync), value.kind())).collect()
}
