//! Bounded pages, newest first, by walking an index that ends in the id.

use rusqlite::{Connection, params_from_iter, types::Value};
use valetkey_domain::{
    Page, PageRequest, StoreError,
    page::{Cursor, MAX_PAGE_SIZE},
};

use super::row::{Listed, all, one, unavailable};

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

    /// The conditions as SQL.
    pub(super) fn text(&self) -> String {
        self.conditions.join(" AND ")
    }

    /// The values of the conditions, and `more` after them.
    pub(super) fn values_and(&self, more: impl IntoIterator<Item = Value>) -> impl Iterator<Item = Value> {
        self.values.iter().cloned().chain(more)
    }
}

/// How many rows of an index are looked at to tell whether it is a short one.
const PROBED: u32 = 20_000;

/// Which of `ways` has the fewest rows to walk, the first one of those that are equally good. Each way is the conditions
/// that an index answers by itself: looking at so many entries of it takes a millisecond at most, and a list that walks the
/// index of what is common to find what is rare takes as long as it has rows.
pub(super) fn shortest(
    connection: &Connection,
    table: &str,
    ways: &[Vec<Scope>],
) -> Result<usize, StoreError> {
    let (mut best, mut fewest) = (0, PROBED);
    if ways.len() < 2 {
        return Ok(best);
    }
    for (number, way) in ways.iter().enumerate() {
        let mut rows = 0;
        for scope in way {
            let left = fewest.saturating_sub(rows);
            rows += u32::try_from(bounded(connection, table, scope, left)?).unwrap_or(u32::MAX);
        }
        if rows < fewest {
            (best, fewest) = (number, rows);
        }
    }
    Ok(best)
}

fn bounded(connection: &Connection, table: &str, scope: &Scope, limit: u32) -> Result<u64, StoreError> {
    let conditions = scope.text();
    let sql = format!("SELECT count(*) FROM (SELECT 1 FROM {table} WHERE {conditions} LIMIT {limit})");
    counted(connection, &sql, scope.values_and([]))
}

/// The number that a statement answers with.
pub(super) fn counted(
    connection: &Connection,
    sql: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<u64, StoreError> {
    let mut statement = connection.prepare_cached(sql).map_err(unavailable)?;
    let counted: i64 =
        statement.query_row(params_from_iter(values), |row| row.get(0)).map_err(unavailable)?;
    Ok(counted.unsigned_abs())
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
        total += match at_most {
            Some(limit) => {
                let left = u64::from(limit).saturating_sub(total);
                bounded(connection, T::TABLE, scope, u32::try_from(left).unwrap_or(limit))?
            }
            None => {
                let sql = format!("SELECT count(*) FROM {} WHERE {}", T::TABLE, scope.text());
                counted(connection, &sql, scope.values_and([]))?
            }
        };
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
    page_counted(connection, scopes, request, count_at_most, |_| Ok(None))
}

/// As [`page`]; `count` may know how many rows there are without looking at them.
pub(super) fn page_counted<T: Listed>(
    connection: &Connection,
    scopes: &[Scope],
    request: &PageRequest,
    count_at_most: Option<u32>,
    count: impl FnOnce(&Connection) -> Result<Option<u64>, StoreError>,
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
        false => match count(&snapshot)? {
            Some(total) => total,
            None => total::<T>(&snapshot, scopes, count_at_most)?,
        },
    };
    let total = count_at_most.map_or(total, |limit| total.min(limit.into()));
    Ok(Page { next, previous, total, items })
}

/// One page of the rows of these ids, newest first, of which all are known.
pub(super) fn page_of_ids<T: Listed>(
    connection: &Connection,
    ids: &[String],
    request: &PageRequest,
    count_at_most: Option<u32>,
) -> Result<Page<T>, StoreError> {
    let size = request.size.clamp(1, MAX_PAGE_SIZE) as usize;
    let older_than = |id: &str| ids.partition_point(|other| other.as_str() >= id);
    let (begin, end) = match &request.cursor {
        None => (0, size.min(ids.len())),
        Some(Cursor::After(id)) => {
            let begin = older_than(id);
            (begin, (begin + size).min(ids.len()))
        }
        Some(Cursor::Before(id)) => {
            let end = ids.partition_point(|other| other.as_str() > id.as_str());
            (end.saturating_sub(size), end)
        }
    };
    let mut items = Vec::with_capacity(end - begin);
    for id in &ids[begin..end] {
        items.extend(one::<T>(connection, "id = ?1", [id])?);
    }
    let next = items.last().filter(|_| end < ids.len()).map(|item| item.id().to_owned());
    let previous = items.first().filter(|_| begin > 0).map(|item| format!("~{}", item.id()));
    let total = ids.len() as u64;
    Ok(Page { items, next, previous, total: count_at_most.map_or(total, |limit| total.min(limit.into())) })
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
