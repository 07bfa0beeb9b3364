//! `GET /people`: the directory of the caller's own organization.

use axum::{Json, extract::State, http::HeaderMap};
use serde_json::{Value, json};

use super::{ApiError, person_with_scope};
use crate::{Simulator, world::APP_USER};

pub(super) async fn list(
    State(simulator): State<Simulator>,
    headers: HeaderMap,
) -> Result<Json<Value>, ApiError> {
    let mut state = simulator.state();
    let tenant = person_with_scope(&mut state, &headers, "profile", simulator.now())?.tenant.clone();
    let colleagues = state.world.people.values().filter(|p| p.tenant == tenant && p.username != APP_USER);
    let people: Vec<Value> = colleagues
        .map(|p| json!({"id": p.id(), "username": p.username, "name": p.name, "email": p.email}))
        .collect();
    Ok(Json(json!({"people": people, "tenant": tenant})))
}
