//! `GET /v1/connect/tokens`

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use super::TokenBody;
use crate::{
    auth::Authenticated,
    rest::{common::Reply, openapi::Errors},
    state::App,
};

/// All static tokens.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ApiTokens)]
pub(crate) struct TokensBody {
    /// Oldest first.
    items: Vec<TokenBody>,
}

/// List static API tokens
///
/// Needs `api_clients:manage`.
#[utoipa::path(
    get, path = "/v1/connect/tokens", operation_id = "listTokens", tag = "api clients",
    responses((status = OK, description = "All tokens, oldest first", body = TokensBody), Errors)
)]
pub(crate) async fn list(State(app): State<App>, Authenticated(caller): Authenticated) -> Reply<TokensBody> {
    let tokens = app.engine.list_api_tokens(&caller).await?;
    Ok(Json(TokensBody { items: tokens.into_iter().map(TokenBody::from).collect() }))
}
