//! `GET /files`, `GET /files/{id}`

use axum::{
    Json,
    extract::{Path, Query, State, rejection::QueryRejection},
    http::HeaderMap,
};
use serde::Deserialize;
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;

use super::{ApiError, page, person_with_scope};
use crate::{Simulator, world::File};

fn summary(file: &File) -> Value {
    json!({
        "id": file.id,
        "name": file.name,
        "mime_type": file.mime_type,
        "size": file.content.len(),
        "modified_at": file.modified_at.format(&Rfc3339).unwrap_or_default(),
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    query: Option<String>,
    limit: Option<usize>,
    cursor: Option<String>,
}

pub(super) async fn list(
    State(simulator): State<Simulator>,
    headers: HeaderMap,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Json<Value>, ApiError> {
    let mut state = simulator.state();
    let person = person_with_scope(&mut state, &headers, "files.read", simulator.now())?;
    let query = page::query(query)?;
    let wanted = query.query.map(|text| text.to_lowercase());
    let fits = |file: &&File| wanted.as_deref().is_none_or(|text| file.name.to_lowercase().contains(text));
    let files = person.files.iter().filter(fits).map(summary).collect();
    page::page("files", files, query.limit, query.cursor.as_deref())
}

pub(super) async fn get(
    State(simulator): State<Simulator>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let mut state = simulator.state();
    let person = person_with_scope(&mut state, &headers, "files.read", simulator.now())?;
    let file = person.files.iter().find(|file| file.id == id);
    let file = file.ok_or_else(|| ApiError::not_found("there is no such file"))?;
    let mut view = summary(file);
    view["content"] = json!(file.content);
    Ok(Json(view))
}
