//! Between rows and domain types.

use std::fmt::Display;

use bytes::BytesMut;
use serde::de::DeserializeOwned;
use tokio_postgres::{
    Row,
    error::SqlState,
    types::{FromSql, IsNull, ToSql, Type, to_sql_checked},
};
use valetkey_domain::{SealedBlob, StoreError, Time};

use crate::values::from_micros;
pub(super) use crate::values::{Conflicts, count, json, micros, optional_micros};

/// Says what failed, without the detail and the hint of the server: those repeat values of the row.
pub(super) fn words(error: &tokio_postgres::Error) -> String {
    if let Some(failure) = error.as_db_error() {
        return format!("{} ({})", failure.message(), failure.code().code());
    }
    let mut words = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        words.push_str(": ");
        words.push_str(&cause.to_string());
        source = cause.source();
    }
    words
}

/// A failure of the database itself.
pub(super) fn unavailable(error: &tokio_postgres::Error) -> StoreError {
    StoreError::Unavailable(words(error))
}

impl Conflicts {
    /// What an error of the server means for a write.
    pub(super) fn of_postgres(self, error: &tokio_postgres::Error) -> StoreError {
        let Some(failure) = error.as_db_error() else { return unavailable(error) };
        let code = failure.code();
        if *code == SqlState::UNIQUE_VIOLATION {
            // PostgreSQL names the index; that of the primary key is named after the table by default.
            let of_the_key = failure.constraint().is_some_and(|name| name.ends_with("_pkey"));
            return StoreError::Conflict { what: if of_the_key { self.record } else { self.unique } };
        }
        if *code == SqlState::FOREIGN_KEY_VIOLATION {
            return StoreError::Conflict { what: self.reference };
        }
        // Class 22: the value is no such value; 23: a constraint forbids it; 54: it is too large.
        match code.code().get(..2) {
            Some("22" | "23" | "54") => self.unfit(words(error)),
            _ => unavailable(error),
        }
    }
}

/// A parameter of a statement. Statements are always made with the types of their parameters, so that the server never
/// guesses.
#[derive(Clone)]
pub(super) enum Value {
    Text(Option<String>),
    Texts(Vec<String>),
    Int(Option<i64>),
    Bytes(Option<Vec<u8>>),
    Bool(bool),
}

impl Value {
    pub(super) fn kind(&self) -> Type {
        match self {
            Self::Text(_) => Type::TEXT,
            Self::Texts(_) => Type::TEXT_ARRAY,
            Self::Int(_) => Type::INT8,
            Self::Bytes(_) => Type::BYTEA,
            Self::Bool(_) => Type::BOOL,
        }
    }
}

// Every value is made for the type that the statement states for it; the values themselves are never printed.
impl std::fmt::Debug for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.kind().name())
    }
}

impl ToSql for Value {
    fn to_sql(
        &self,
        kind: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Text(value) => value.to_sql(kind, out),
            Self::Texts(value) => value.to_sql(kind, out),
            Self::Int(value) => value.to_sql(kind, out),
            Self::Bytes(value) => value.to_sql(kind, out),
            Self::Bool(value) => value.to_sql(kind, out),
        }
    }

    fn accepts(kind: &Type) -> bool {
        [Type::TEXT, Type::TEXT_ARRAY, Type::INT8, Type::BYTEA, Type::BOOL].contains(kind)
    }

    to_sql_checked!();
}

/// Stands in for U+0000, which PostgreSQL's text cannot hold and SQLite's can. Unicode gives this code point no
/// character and programs leave for themselves.
const ESCAPE: char = '\u{fdd0}';
const ESCAPED_NUL: &str = "\u{fdd0}\u{fdd1}";
const ESCAPED_ESCAPE: &str = "\u{fdd0}\u{fdd2}";

fn escaped(text: String) -> String {
    if !text.contains(['\0', ESCAPE]) {
        return text;
    }
    text.replace(ESCAPE, ESCAPED_ESCAPE).replace('\0', ESCAPED_NUL)
}

fn unescaped(text: String) -> String {
    if !text.contains(ESCAPE) {
        return text;
    }
    text.replace(ESCAPED_NUL, "\0").replace(ESCAPED_ESCAPE, "\u{fdd0}")
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(Some(escaped(text)))
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl From<&String> for Value {
    fn from(text: &String) -> Self {
        text.clone().into()
    }
}

impl From<Option<&str>> for Value {
    fn from(text: Option<&str>) -> Self {
        Self::Text(text.map(|text| escaped(text.to_owned())))
    }
}

impl From<&Option<String>> for Value {
    fn from(text: &Option<String>) -> Self {
        text.as_deref().into()
    }
}

impl From<Option<String>> for Value {
    fn from(text: Option<String>) -> Self {
        Self::Text(text.map(escaped))
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(Some(value))
    }
}

impl From<Option<i64>> for Value {
    fn from(value: Option<i64>) -> Self {
        Self::Int(value)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<&[u8; 32]> for Value {
    fn from(hash: &[u8; 32]) -> Self {
        Self::Bytes(Some(hash.to_vec()))
    }
}

impl From<Option<[u8; 32]>> for Value {
    fn from(hash: Option<[u8; 32]>) -> Self {
        Self::Bytes(hash.map(|hash| hash.to_vec()))
    }
}

impl From<&SealedBlob> for Value {
    fn from(sealed: &SealedBlob) -> Self {
        Self::Bytes(Some(sealed.0.clone()))
    }
}

impl From<&Option<SealedBlob>> for Value {
    fn from(sealed: &Option<SealedBlob>) -> Self {
        Self::Bytes(sealed.as_ref().map(|sealed| sealed.0.clone()))
    }
}

/// The parameters of a statement, in order.
macro_rules! values {
    ($($value:expr),* $(,)?) => { vec![$($crate::postgres::row::Value::from($value)),*] };
}
pub(super) use values;

/// A type that is read from the rows of one table.
pub(super) trait Record: Sized + Send {
    const TABLE: &'static str;
    /// The columns in the order in which [`Record::read`] takes them; the first one is the key.
    const COLUMNS: &'static str;

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError>;
}

/// A type that is listed by its id.
pub(super) trait Listed: Record {
    fn id(&self) -> &str;
}

/// The records of some rows.
pub(super) fn read_all<T: Record>(rows: &[Row]) -> Result<Vec<T>, StoreError> {
    rows.iter().map(|row| T::read(&mut Columns { row, table: T::TABLE, at: 0 })).collect()
}

/// Takes the columns of a row one after the other. A value that cannot be is reported with table, column and row.
pub(super) struct Columns<'r> {
    row: &'r Row,
    table: &'static str,
    at: usize,
}

impl<'r> Columns<'r> {
    fn inconsistent(&self, column: &'static str, reason: impl Display) -> StoreError {
        let key = self.row.try_get::<_, String>(0);
        let row = key.or_else(|_| self.row.try_get::<_, i64>(0).map(|key| key.to_string()));
        StoreError::Inconsistent {
            table: self.table,
            column,
            row: row.unwrap_or_else(|_| "?".into()),
            reason: reason.to_string(),
        }
    }

    pub(super) fn get<T: FromSql<'r>>(&mut self, column: &'static str) -> Result<T, StoreError> {
        let value = self.row.try_get(self.at).map_err(|error| self.inconsistent(column, words(&error)))?;
        self.at += 1;
        Ok(value)
    }

    pub(super) fn text(&mut self, column: &'static str) -> Result<String, StoreError> {
        self.get(column).map(unescaped)
    }

    pub(super) fn optional_text(&mut self, column: &'static str) -> Result<Option<String>, StoreError> {
        Ok(self.get::<Option<String>>(column)?.map(unescaped))
    }

    /// A number that is no larger than `T` can hold.
    pub(super) fn number<T: TryFrom<i64, Error: Display>>(
        &mut self,
        column: &'static str,
    ) -> Result<T, StoreError> {
        let value: i64 = self.get(column)?;
        T::try_from(value).map_err(|error| self.inconsistent(column, error))
    }

    pub(super) fn optional_number<T: TryFrom<i64, Error: Display>>(
        &mut self,
        column: &'static str,
    ) -> Result<Option<T>, StoreError> {
        let value: Option<i64> = self.get(column)?;
        value.map(|value| T::try_from(value).map_err(|error| self.inconsistent(column, error))).transpose()
    }

    pub(super) fn id<T: TryFrom<String, Error: Display>>(
        &mut self,
        column: &'static str,
    ) -> Result<T, StoreError> {
        let text = self.text(column)?;
        T::try_from(text).map_err(|reason| self.inconsistent(column, reason))
    }

    pub(super) fn optional_id<T: TryFrom<String, Error: Display>>(
        &mut self,
        column: &'static str,
    ) -> Result<Option<T>, StoreError> {
        let text = self.optional_text(column)?;
        text.map(|text| T::try_from(text).map_err(|reason| self.inconsistent(column, reason))).transpose()
    }

    pub(super) fn word<T>(
        &mut self,
        column: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, StoreError> {
        let text = self.text(column)?;
        parse(&text).ok_or_else(|| self.inconsistent(column, "unknown word"))
    }

    pub(super) fn optional_word<T>(
        &mut self,
        column: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, StoreError> {
        let text = self.optional_text(column)?;
        text.map(|text| parse(&text).ok_or_else(|| self.inconsistent(column, "unknown word"))).transpose()
    }

    pub(super) fn json<T: DeserializeOwned>(&mut self, column: &'static str) -> Result<T, StoreError> {
        let text = self.text(column)?;
        serde_json::from_str(&text).map_err(|error| self.inconsistent(column, error))
    }

    pub(super) fn optional_json<T: DeserializeOwned>(
        &mut self,
        column: &'static str,
    ) -> Result<Option<T>, StoreError> {
        let text = self.optional_text(column)?;
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

    pub(super) fn hash(&mut self, column: &'static str) -> Result<[u8; 32], StoreError> {
        let bytes: &[u8] = self.get(column)?;
        bytes.try_into().map_err(|error| self.inconsistent(column, error))
    }

    pub(super) fn optional_hash(&mut self, column: &'static str) -> Result<Option<[u8; 32]>, StoreError> {
        let bytes: Option<&[u8]> = self.get(column)?;
        bytes.map(|bytes| bytes.try_into().map_err(|error| self.inconsistent(column, error))).transpose()
    }

    pub(super) fn sealed(&mut self, column: &'static str) -> Result<SealedBlob, StoreError> {
        self.get(column).map(SealedBlob)
    }

    pub(super) fn optional_sealed(&mut self, column: &'static str) -> Result<Option<SealedBlob>, StoreError> {
        Ok(self.get::<Option<Vec<u8>>>(column)?.map(SealedBlob))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_with_any_character_survives_and_holds_no_nul() {
        for text in
            ["", "plain é", "\0", "a\0b\0", "\u{fdd0}", "\u{fdd0}\u{fdd1}", "\u{fdd0}\0\u{fdd2}\u{fdd1}"]
        {
            let stored = escaped(text.to_owned());
            assert!(!stored.contains('\0'));
            assert_eq!(unescaped(stored), text, "{text:?}");
        }
    }
}
