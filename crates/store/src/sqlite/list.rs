//! Bounded pages, newest first, by walking an index that ends in the id.

use rusqlite::{Connection, params_from_iter, types::Value};
use valetkey_domain::{
    Page, PageRequest, StoreError,
    page::{Cursor, MAX_PAGE_SIZE},
};

use super::row::{Listed, all, unavailable};

/// Conditions that hold for a part of a list, all of them. In front of a column a `+` keeps SQLite from choosing an
/// index by it.
#[derive(Debug, Clone, Default)]
pub(super) struct Scope {
    conditions: Vec<&'static str>,
    values: Vec<Value>,
}

impl Scope {
    /// With one more condition, whose only `?` stands for `value`.
    pub(super) fn and(mut self, condition: &'static str, value: impl Into<Value>) -> Self {
        self.conditions.push(condition);
        self.values.push(value.into());
        self
    }

    pub(super) fn and_maybe(self, condition: &'static str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.and(condition, value),
            None => self,
        }
    }

    /// With one more condition without a value, if it shall hold.
    pub(super) fn and_if(self, condition: &'static str, holds: bool) -> Self {
        if holds { self.and_fixed(condition) } else { self }
    }

    /// With one more condition without a value.
    pub(super) fn and_fixed(mut self, condition: &'static str) -> Self {
        self.conditions.push(condition);
        self
    }

    fn text(&self) -> String {
        self.conditions.join(" AND ")
    }

    fn values_and(&self, more: impl IntoIterator<Item = Value>) -> impl Iterator<Item = Value> {
        self.values.iter().cloned().chain(more)
    }
}

#[derive(Clone, Copy)]
enum Direction {
    Older,
    Newer,
}

/// The next `limit` rows of the union of `scopes` from `from` on, in the order of the walk. Every scope is walked along
/// its own index and at most `limit` steps, which an `OR` or `IN` over all of them would not do.
fn walk<T: Listed>(
    connection: &Connection,
    scopes: &[Scope],
    direction: Direction,
    from: Option<&str>,
    limit: usize,
) -> Result<Vec<T>, StoreError> {
    let (compare, order) = match direction {
        Direction::Older => ("<", "DESC"),
        Direction::Newer => (">", "ASC"),
    };
    let mut found = Vec::new();
    for scope in scopes {
        let bound = if from.is_some() { format!(" AND id {compare} ?") } else { String::new() };
        let rest = format!("{}{bound} ORDER BY id {order} LIMIT {limit}", scope.text());
        let more = from.map(|id| Value::from(id.to_owned()));
        found.extend(all::<T>(connection, &rest, params_from_iter(scope.values_and(more)))?);
    }
    if scopes.len() > 1 {
        found.sort_by(|a: &T, b: &T| match direction {
            Direction::Older => b.id().cmp(a.id()),
            Direction::Newer => a.id().cmp(b.id()),
        });
        found.truncate(limit);
    }
    Ok(found)
}

fn any<T: Listed>(
    connection: &Connection,
    scopes: &[Scope],
    direction: Direction,
    from: &str,
) -> Result<bool, StoreError> {
    Ok(!walk::<T>(connection, scopes, direction, Some(from), 1)?.is_empty())
}

/// How many rows there are, or `at_most` if there are more.
fn total<T: Listed>(
    connection: &Connection,
    scopes: &[Scope],
    at_most: Option<u32>,
) -> Result<u64, StoreError> {
    let mut total = 0;
    for scope in scopes {
        let (table, conditions) = (T::TABLE, scope.text());
        let sql = match at_most {
            None => format!("SELECT count(*) FROM {table} WHERE {conditions}"),
            Some(limit) => {
                format!("SELECT count(*) FROM (SELECT 1 FROM {table} WHERE {conditions} LIMIT {limit})")
            }
        };
        let mut statement = connection.prepare_cached(&sql).map_err(unavailable)?;
        let counted: i64 = statement
            .query_row(params_from_iter(scope.values.iter()), |row| row.get(0))
            .map_err(unavailable)?;
        total += counted.unsigned_abs();
    }
    Ok(at_most.map_or(total, |limit| total.min(limit.into())))
}

/// One page of the union of `scopes`, which must be disjoint. Rows, neighbours and total are of one snapshot.
pub(super) fn page<T: Listed>(
    connection: &Connection,
    scopes: &[Scope],
    request: &PageRequest,
    count_at_most: Option<u32>,
) -> Result<Page<T>, StoreError> {
    let snapshot = connection.unchecked_transaction().map_err(unavailable)?;
    let size = request.size.clamp(1, MAX_PAGE_SIZE) as usize;
    let (direction, from) = match &request.cursor {
        None => (Direction::Older, None),
        Some(Cursor::After(id)) => (Direction::Older, Some(id.as_str())),
        Some(Cursor::Before(id)) => (Direction::Newer, Some(id.as_str())),
    };
    let mut items = walk::<T>(&snapshot, scopes, direction, from, size + 1)?;
    let goes_on = items.len() > size;
    items.truncate(size);
    if matches!(direction, Direction::Newer) {
        items.reverse();
    }
    let (older, newer) = match (items.first(), items.last(), direction) {
        (Some(_), Some(last), Direction::Newer) => {
            (any::<T>(&snapshot, scopes, Direction::Older, last.id())?, goes_on)
        }
        (Some(first), Some(_), Direction::Older) => {
            (goes_on, from.is_some() && any::<T>(&snapshot, scopes, Direction::Newer, first.id())?)
        }
        _ => (false, false),
    };
    let next = items.last().filter(|_| older).map(|item| item.id().to_owned());
    let previous = items.first().filter(|_| newer).map(|item| format!("~{}", item.id()));
    // A first page that has all rows has counted them.
    let total = match from.is_none() && !goes_on {
        true => items.len() as u64,
        false => total::<T>(&snapshot, scopes, count_at_most)?,
    };
    let total = count_at_most.map_or(total, |limit| total.min(limit.into()));
    Ok(Page { next, previous, total, items })
}

/// How SQLite would walk a scope from a cursor on.
#[cfg(test)]
pub(super) fn plan(connection: &Connection, table: &str, scope: &Scope) -> String {
    let sql = format!(
        "EXPLAIN QUERY PLAN SELECT * FROM {table} WHERE {} AND id < ? ORDER BY id DESC LIMIT 21",
        scope.text()
    );
    let mut statement = connection.prepare(&sql).unwrap();
    let values = params_from_iter(scope.values_and([Value::from("id".to_owned())]));
    let steps: Result<Vec<String>, _> = statement.query_map(values, |row| row.get(3)).unwrap().collect();
    steps.unwrap().join("; ")
}
