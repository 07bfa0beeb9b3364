//! Bounded pages, newest first, by walking an index that ends in the id.

use valetkey_domain::{
    Page, PageRequest,
    page::{Cursor, MAX_PAGE_SIZE},
};

use tokio_postgres::{IsolationLevel, Transaction};

use super::{
    pool::{Failure, Session},
    row::{Listed, Value, read_all},
    statement::typed_params,
};

/// Conditions that hold for a list, all of them.
#[derive(Debug, Clone, Default)]
pub(super) struct Scope {
    /// Conditions on connections: the list is then of what belongs to those that fit.
    of_connections: Option<Conditions>,
    conditions: Conditions,
    /// How many rows are counted at most.
    count_at_most: Option<u32>,
}

#[derive(Debug, Clone, Default)]
struct Conditions {
    texts: Vec<&'static str>,
    values: Vec<Value>,
}

impl Conditions {
    /// The conditions, with each `?` replaced by the number of its value. `values` gathers the values.
    fn text(&self, values: &mut Vec<Value>) -> String {
        let mut text = self.texts.join(" AND ");
        for value in &self.values {
            values.push(value.clone());
            text = text.replacen('?', &format!("${}", values.len()), 1);
        }
        if text.is_empty() { "true".into() } else { text }
    }
}

impl Scope {
    /// With one more condition, whose only `?` stands for `value`.
    pub(super) fn and(mut self, condition: &'static str, value: impl Into<Value>) -> Self {
        self.conditions.texts.push(condition);
        self.conditions.values.push(value.into());
        self
    }

    pub(super) fn and_maybe(self, condition: &'static str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.and(condition, value),
            None => self,
        }
    }

    /// With one more condition without a value.
    pub(super) fn and_fixed(mut self, condition: &'static str) -> Self {
        self.conditions.texts.push(condition);
        self
    }

    /// With one more condition without a value, if it shall hold.
    pub(super) fn and_if(self, condition: &'static str, holds: bool) -> Self {
        if holds { self.and_fixed(condition) } else { self }
    }

    /// Counts so many rows at most.
    pub(super) fn counted(self, at_most: Option<u32>) -> Self {
        Self { count_at_most: at_most, ..self }
    }

    /// Of the connections alone that fit `chosen`.
    pub(super) fn of_connections(self, chosen: Self) -> Self {
        Self { of_connections: Some(chosen.conditions), ..self }
    }

    /// The statement for the next `limit` rows from `from` on. Each of several connections is walked along its own
    /// index and at most `limit` steps.
    pub(super) fn walk<T: Listed>(
        &self,
        direction: Direction,
        from: Option<&str>,
        limit: usize,
    ) -> (String, Vec<Value>) {
        let (compare, order) = match direction {
            Direction::Older => ("<", "DESC"),
            Direction::Newer => (">", "ASC"),
        };
        let mut values = Vec::new();
        let chosen = self.of_connections.as_ref().map(|chosen| chosen.text(&mut values));
        let mut conditions = self.conditions.text(&mut values);
        if let Some(from) = from {
            values.push(from.into());
            conditions.push_str(&format!(" AND id {compare} ${}", values.len()));
        }
        values.push(i64::try_from(limit).unwrap_or(i64::MAX).into());
        let (columns, table, limit) = (T::COLUMNS, T::TABLE, format!("${}", values.len()));
        let text = match chosen {
            None => {
                format!("SELECT {columns} FROM {table} WHERE {conditions} ORDER BY id {order} LIMIT {limit}")
            }
            Some(chosen) => format!(
                "SELECT {columns} FROM (SELECT id AS chosen_id FROM connections WHERE {chosen}) AS chosen \
                 CROSS JOIN LATERAL (SELECT {columns} FROM {table} WHERE connection = chosen_id AND {conditions} \
                 ORDER BY id {order} LIMIT {limit}) AS found ORDER BY id {order} LIMIT {limit}"
            ),
        };
        (text, values)
    }

    fn total(&self, table: &str) -> (String, Vec<Value>) {
        let mut values = Vec::new();
        let chosen = self.of_connections.as_ref().map(|chosen| chosen.text(&mut values));
        let conditions = self.conditions.text(&mut values);
        let chosen = chosen.map_or_else(String::new, |chosen| {
            format!("connection IN (SELECT id FROM connections WHERE {chosen}) AND ")
        });
        let text = match self.count_at_most {
            None => format!("SELECT count(*) FROM {table} WHERE {chosen}{conditions}"),
            Some(limit) => format!(
                "SELECT count(*) FROM (SELECT 1 FROM {table} WHERE {chosen}{conditions} LIMIT {limit}) AS counted"
            ),
        };
        (text, values)
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Direction {
    Older,
    Newer,
}

async fn walk<T: Listed>(
    snapshot: &Transaction<'_>,
    scope: &Scope,
    direction: Direction,
    from: Option<&str>,
    limit: usize,
) -> Result<Vec<T>, Failure> {
    let (text, values) = scope.walk::<T>(direction, from, limit);
    // Not prepared: there are too many combinations of filters to keep, and a plan for the values at hand is better.
    let rows = snapshot.query_typed(&text, &typed_params(&values)).await?;
    Ok(read_all(&rows)?)
}

async fn total<T: Listed>(snapshot: &Transaction<'_>, scope: &Scope) -> Result<u64, Failure> {
    let (text, values) = scope.total(T::TABLE);
    let rows = snapshot.query_typed(&text, &typed_params(&values)).await?;
    let counted = rows.first().map_or(Ok(0), |row| row.try_get::<_, i64>(0));
    Ok(counted?.unsigned_abs())
}

/// One page of a list. Rows, neighbours and total are of one snapshot.
pub(super) async fn page<T: Listed>(
    session: &mut Session,
    scope: &Scope,
    request: &PageRequest,
) -> Result<Page<T>, Failure> {
    // Ends when it is dropped, also if whoever asked hangs up.
    let snapshot =
        session.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true);
    let snapshot = &*snapshot.start().await?;
    let size = request.size.clamp(1, MAX_PAGE_SIZE) as usize;
    let (direction, from) = match &request.cursor {
        None => (Direction::Older, None),
        Some(Cursor::After(id)) => (Direction::Older, Some(id.as_str())),
        Some(Cursor::Before(id)) => (Direction::Newer, Some(id.as_str())),
    };
    let (items, total) =
        tokio::join!(walk::<T>(snapshot, scope, direction, from, size + 1), total::<T>(snapshot, scope));
    let (mut items, total) = (items?, total?);
    let goes_on = items.len() > size;
    items.truncate(size);
    if matches!(direction, Direction::Newer) {
        items.reverse();
    }
    let (older, newer) = match (items.first(), items.last(), direction) {
        (Some(_), Some(last), Direction::Newer) => {
            (!walk::<T>(snapshot, scope, Direction::Older, Some(last.id()), 1).await?.is_empty(), goes_on)
        }
        (Some(first), Some(_), Direction::Older) if from.is_some() => {
            (goes_on, !walk::<T>(snapshot, scope, Direction::Newer, Some(first.id()), 1).await?.is_empty())
        }
        (Some(_), Some(_), Direction::Older) => (goes_on, false),
        _ => (false, false),
    };
    let next = items.last().filter(|_| older).map(|item| item.id().to_owned());
    let previous = items.first().filter(|_| newer).map(|item| format!("~{}", item.id()));
    Ok(Page { next, previous, total, items })
}
