//! `DELETE /v1/connect/branding/logo`

use axum::{Json, extract::State};

use super::BrandingBody;
use crate::{
    auth::Authenticated,
    rest::{common::Reply, openapi::Errors},
    state::App,
};

/// Remove the logo of the pages for end users
///
/// Needs `server:manage`.
#[utoipa::path(
    delete, path = "/v1/connect/branding/logo", operation_id = "removeLogo", tag = "server",
    responses((status = OK, description = "The branding without a logo", body = BrandingBody), Errors)
)]
pub(crate) async fn remove_logo(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
) -> Reply<BrandingBody> {
    let branding = app.engine.remove_logo(&caller).await?;
    Ok(Json(BrandingBody::of(branding, &app.options)))
}
