//! Reading what came in, and giving lists out in pages.

use axum::{
    Json,
    body::Bytes,
    extract::{Query, rejection::QueryRejection},
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::ApiError;

const DEFAULT_LIMIT: usize = 20;
const MAX_LIMIT: usize = 50;

/// The query, or an error that says what is wrong with it.
pub(super) fn query<T>(query: Result<Query<T>, QueryRejection>) -> Result<T, ApiError> {
    query.map(|Query(query)| query).map_err(|rejection| ApiError::unreadable(rejection.body_text()))
}

/// The JSON body, or an error that says what is wrong with it.
pub(super) fn body<T: DeserializeOwned>(body: &Bytes) -> Result<T, ApiError> {
    serde_json::from_slice(body).map_err(|error| ApiError::unreadable(error.to_string()))
}

/// One page of `items` under `name`, and where the next one begins.
pub(super) fn page(
    name: &str,
    items: Vec<Value>,
    limit: Option<usize>,
    cursor: Option<&str>,
) -> Result<Json<Value>, ApiError> {
    let limit = limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(ApiError::invalid("limit", format!("limit must be 1 to {MAX_LIMIT}")));
    }
    let start = match cursor {
        None => 0,
        Some(text) => text
            .strip_prefix('p')
            .and_then(|digits| digits.parse().ok())
            .ok_or_else(|| ApiError::invalid("cursor", "cursor is not one that a page gave"))?,
    };
    let total = items.len();
    let shown: Vec<Value> = items.into_iter().skip(start).take(limit).collect();
    let end = start.saturating_add(limit);
    let next = (end < total).then(|| format!("p{end}"));
    Ok(Json(json!({name: shown, "next_cursor": next})))
}
