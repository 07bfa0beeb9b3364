//! Statements as values: what to read or write, with its parameters, before there is a connection.

use std::marker::PhantomData;

use tokio_postgres::types::{ToSql, Type};

use super::row::{Conflicts, Record, Value};

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

/// A read of a few rows by a key.
#[derive(Debug, Clone)]
pub(super) struct Query<T> {
    /// The part of the statement after `WHERE`.
    rest: &'static str,
    pub(super) values: Vec<Value>,
    of: PhantomData<fn() -> T>,
}

impl<T: Record> Query<T> {
    pub(super) fn new(rest: &'static str, values: Vec<Value>) -> Self {
        Self { rest, values, of: PhantomData }
    }

    pub(super) fn text(&self) -> String {
        format!("SELECT {} FROM {} WHERE {}", T::COLUMNS, T::TABLE, self.rest)
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
