//! `GET /me`

use axum::{Json, extract::State, http::HeaderMap};
use serde_json::{Value, json};

use super::{ApiError, person_with_scope};
use crate::Simulator;

pub(super) async fn get(
    State(simulator): State<Simulator>,
    headers: HeaderMap,
) -> Result<Json<Value>, ApiError> {
    let mut state = simulator.state();
    let person = person_with_scope(&mut state, &headers, "profile", simulator.now())?;
    Ok(Json(json!({
        "id": person.id(),
        "username": person.username,
        "name": person.name,
        "email": person.email,
        "tenant": person.tenant,
        "locale": person.locale,
        "time_zone": person.time_zone,
    })))
}
