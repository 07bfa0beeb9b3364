//! `GET /v1/connect/branding`

use axum::{Json, extract::State};

use super::BrandingBody;
use crate::{
    auth::Authenticated,
    rest::{common::Reply, openapi::Errors},
    state::App,
};

/// Read the branding of the pages for end users
///
/// Needs `server:manage`.
#[utoipa::path(
    get, path = "/v1/connect/branding", operation_id = "getBranding", tag = "server",
    responses((status = OK, description = "The branding", body = BrandingBody), Errors)
)]
pub(crate) async fn get(State(app): State<App>, Authenticated(caller): Authenticated) -> Reply<BrandingBody> {
    let branding = app.engine.get_branding(&caller).await?;
    Ok(Json(BrandingBody::of(branding, &app.options)))
}
