//! Who gave the grant (OpenID Connect Core §5.3, without the rest of OpenID Connect).

use axum::{
    Json,
    extract::State,
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use serde_json::json;

use super::api::{ApiError, person};
use crate::{Simulator, profile::allows};

pub(super) async fn endpoint(State(simulator): State<Simulator>, headers: HeaderMap) -> Response {
    answer(&simulator, &headers).unwrap_or_else(IntoResponse::into_response)
}

fn answer(simulator: &Simulator, headers: &HeaderMap) -> Result<Response, ApiError> {
    let mut state = simulator.state();
    let (person, scopes) = person(&mut state, headers, simulator.now())?;
    let mut claims = json!({"sub": person.id()});
    if allows(&scopes, "profile") {
        claims["tenant"] = json!(person.tenant);
        claims["name"] = json!(person.name);
        claims["email"] = json!(person.email);
        claims["preferred_username"] = json!(person.username);
    }
    Ok(Json(claims).into_response())
}
