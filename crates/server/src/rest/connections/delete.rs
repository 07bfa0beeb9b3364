//! `DELETE /v1/connect/connections/{connection}`

use axum::extract::State;
use http::StatusCode;

use crate::{auth::Authenticated, error::ApiError, extract::Path, rest::openapi::Errors, state::App};

/// Delete a connection
///
/// Refused with `connection_in_use` while it has connected accounts. Needs `connections:write`.
#[utoipa::path(
    delete, path = "/v1/connect/connections/{connection}", operation_id = "deleteConnection", tag = "connections",
    params(("connection" = String, Path, description = "Id or name")),
    responses((status = NO_CONTENT, description = "Deleted"), Errors)
)]
pub(crate) async fn delete(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(connection): Path<String>,
) -> Result<StatusCode, ApiError> {
    app.engine.delete_connection(&caller, &connection).await?;
    Ok(StatusCode::NO_CONTENT)
}
