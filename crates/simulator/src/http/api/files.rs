//! `GET /files`, `GET /files/{id}`, `PUT /files/by-name/{name}`

use axum::{
    Json,
    body::Bytes,
    extract::{Path, Query, State, rejection::QueryRejection},
    http::{HeaderMap, StatusCode},
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    content: String,
    #[serde(default = "plain_text")]
    mime_type: String,
}

fn plain_text() -> String {
    "text/plain".to_owned()
}

const MAX_NAME: usize = 200;

pub(super) async fn put(
    State(simulator): State<Simulator>,
    headers: HeaderMap,
    Path(name): Path<String>,
    body: Bytes,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let now = simulator.now();
    let mut state = simulator.state();
    let person = person_with_scope(&mut state, &headers, "files.write", now)?;
    let Content { content, mime_type } = page::body(&body)?;
    if name.trim().is_empty() || name.chars().count() > MAX_NAME || name.contains(char::is_control) {
        return Err(ApiError::invalid(
            "name",
            format!("a name has 1 to {MAX_NAME} characters that can be seen"),
        ));
    }
    let (file, new) = person.put_file(&name, mime_type, content, now).ok_or_else(ApiError::full)?;
    let mut view = summary(file);
    view["content"] = json!(file.content);
    drop(state);
    simulator.touch();
    Ok((if new { StatusCode::CREATED } else { StatusCode::OK }, Json(view)))
}
