//! Searching for accounts by a part of their text, through an index of every three letters in a row.
//!
//! What many accounts contain is found soonest by walking the list and looking; what few contain, by asking the index who
//! they are. Which of the two it is, the index tells.

use rusqlite::{Connection, params, types::Value};
use valetkey_domain::StoreError;

use super::{list::Scope, list::counted, row::unavailable};

/// Up to so many accounts are few.
const FEW: usize = 5_000;
/// How many groups of letters of a text are asked for. Whoever has all of these and not the others is left out later.
const MOST_GRAMS: usize = 32;
/// Two letters begin so many groups at most, that are in so many texts, before they count as common.
const MOST_TERMS: usize = 200;
const MOST_TEXTS: i64 = 200_000;

/// Which accounts may contain a text.
#[derive(Debug)]
pub(super) enum Hits {
    /// The numbers of those that may; no others do.
    Few(Vec<i64>),
    /// Too many to name. The expression finds many of them in the index.
    Many(Option<String>),
}

/// Asks the index for a text in lower case.
pub(super) fn hits(connection: &Connection, text: &str) -> Result<Hits, StoreError> {
    let letters: Vec<char> = text.chars().collect();
    // One letter begins more groups than are worth asking for, and most texts have it.
    if letters.len() < 2 || letters.contains(&'\0') {
        return Ok(Hits::Many(None));
    }
    let (expression, complete) = match letters.len() {
        2 => beginning_with(connection, text)?,
        _ => {
            let mut grams: Vec<String> = letters.windows(3).map(|gram| quoted(gram.iter())).collect();
            grams.sort();
            grams.dedup();
            grams.truncate(MOST_GRAMS);
            (grams.join(" AND "), true)
        }
    };
    if expression.is_empty() {
        return Ok(Hits::Few(Vec::new()));
    }
    if !complete {
        return Ok(Hits::Many(Some(expression)));
    }
    let sql = "SELECT rowid FROM account_search WHERE account_search MATCH ?1 LIMIT ?2";
    let mut statement = connection.prepare_cached(sql).map_err(unavailable)?;
    let found = statement.query_map(params![expression, FEW as i64 + 1], |row| row.get(0));
    let found: Vec<i64> = found.and_then(Iterator::collect).map_err(unavailable)?;
    Ok(if found.len() > FEW { Hits::Many(Some(expression)) } else { Hits::Few(found) })
}

fn quoted<'a>(letters: impl Iterator<Item = &'a char>) -> String {
    let text: String = letters.collect();
    format!("\"{}\"", text.replace('"', "\"\""))
}

/// The groups of three that begin with `text`, any of which is enough, and whether these are all.
fn beginning_with(connection: &Connection, text: &str) -> Result<(String, bool), StoreError> {
    let sql = "SELECT term, doc FROM account_search_terms WHERE term >= ?1 AND term < ?2";
    let mut statement = connection.prepare_cached(sql).map_err(unavailable)?;
    let end = format!("{text}{}", char::MAX);
    let mut rows = statement.query([text, end.as_str()]).map_err(unavailable)?;
    let (mut terms, mut texts, mut complete) = (Vec::new(), 0, true);
    while let Some(row) = rows.next().map_err(unavailable)? {
        if terms.len() >= MOST_TERMS || texts > MOST_TEXTS {
            complete = false;
            break;
        }
        let term: String = row.get(0).map_err(unavailable)?;
        terms.push(quoted(term.chars().collect::<Vec<_>>().iter()));
        texts += row.get::<_, i64>(1).map_err(unavailable)?;
    }
    Ok((terms.join(" OR "), complete))
}

/// The ids of those of `numbers` whose accounts fit `scope`, newest first.
pub(super) fn fitting(
    connection: &Connection,
    numbers: &[i64],
    scope: &Scope,
) -> Result<Vec<String>, StoreError> {
    let sql = format!(
        "SELECT accounts.id FROM (SELECT value AS hit FROM json_each(?)) CROSS JOIN account_numbers ON number = hit \
         CROSS JOIN accounts ON accounts.id = account WHERE {}",
        scope.text()
    );
    let numbers = Value::from(serde_json::Value::from(numbers).to_string());
    let mut statement = connection.prepare_cached(&sql).map_err(unavailable)?;
    let values = std::iter::once(numbers).chain(scope.values_and([]));
    let found = statement.query_map(rusqlite::params_from_iter(values), |row| row.get(0));
    let mut found: Vec<String> = found.and_then(Iterator::collect).map_err(unavailable)?;
    found.sort_unstable_by(|a, b| b.cmp(a));
    Ok(found)
}

/// Whether at least `many` accounts fit both the index's `expression` and `scope`. It is given up when that does not show
/// soon.
pub(super) fn are_many(
    connection: &Connection,
    expression: &str,
    scope: &Scope,
    many: u32,
) -> Result<bool, StoreError> {
    let sql = format!(
        "SELECT count(*) FROM (SELECT 1 FROM (SELECT rowid AS hit FROM account_search WHERE account_search MATCH ? \
         LIMIT {}) CROSS JOIN account_numbers ON number = hit CROSS JOIN accounts ON accounts.id = account \
         WHERE {} LIMIT {many})",
        u64::from(many) * 3,
        scope.text()
    );
    let values = std::iter::once(Value::from(expression.to_owned())).chain(scope.values_and([]));
    Ok(counted(connection, &sql, values)? >= many.into())
}
