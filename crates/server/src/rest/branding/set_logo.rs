//! `PUT /v1/connect/branding/logo`

use axum::{
    Json,
    extract::{Request, State},
};

use utoipa::{
    PartialSchema, ToSchema,
    openapi::{KnownFormat, ObjectBuilder, RefOr, Schema, SchemaFormat, schema::Type},
};

use super::BrandingBody;
use crate::{
    auth::Authenticated,
    extract::read_body,
    rest::{common::Reply, openapi::Errors},
    state::App,
};

/// The bytes of a picture.
pub(crate) struct Picture;

impl PartialSchema for Picture {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary)))
            .into()
    }
}

impl ToSchema for Picture {}

/// Set the logo of the pages for end users
///
/// The body is the picture: PNG, JPEG or WebP, at most 256 KiB, told apart by its content and not by its type. SVG is
/// not taken. Needs `server:manage`.
#[utoipa::path(
    put, path = "/v1/connect/branding/logo", operation_id = "setLogo", tag = "server",
    request_body(content = Picture, content_type = "application/octet-stream"),
    responses((status = OK, description = "The branding with the logo", body = BrandingBody), Errors)
)]
pub(crate) async fn set_logo(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    request: Request,
) -> Reply<BrandingBody> {
    let content = read_body(request.into_body()).await?;
    let branding = app.engine.set_logo(&caller, &content).await?;
    Ok(Json(BrandingBody::of(branding, &app.options)))
}
