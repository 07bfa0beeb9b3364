//! `PATCH /v1/connect/branding`

use std::collections::BTreeMap;

use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;
use valetkey_engine::BrandingUpdate;

use super::{BrandingBody, PageTextsBody};
use crate::{
    auth::Authenticated,
    extract::Json,
    rest::{
        common::{Reply, nullable},
        openapi::Errors,
    },
    state::App,
};

/// A change of the branding. A field that is left out stays as it is; `null` takes it away.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpdateBranding {
    /// Who asks, as end users read it.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>, max_length = 100)]
    product_name: Option<Option<String>>,
    /// The colour of buttons and links. White must be readable on it: a contrast of 4.5:1.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>, example = "#1f4fd8")]
    accent: Option<Option<String>>,
    /// The same on dark pages, readable on their dark card. `null`: a lighter tone of `accent`.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>, example = "#8fb3ff")]
    accent_dark: Option<Option<String>>,
    /// Where end users get help; https.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    support_url: Option<Option<String>>,
    /// The address that helps end users.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    support_email: Option<Option<String>>,
    /// What becomes of their data; https.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    privacy_url: Option<Option<String>>,
    /// All own words, by language: `en`, `de`, `es`, `fr`. A page in another language does without them.
    texts: Option<BTreeMap<String, PageTextsBody>>,
}

/// Change the branding of the pages for end users
///
/// It is on the pages of every replica at once. Needs `server:manage`.
#[utoipa::path(
    patch, path = "/v1/connect/branding", operation_id = "updateBranding", tag = "server",
    request_body = UpdateBranding,
    responses((status = OK, description = "The branding after the change", body = BrandingBody), Errors)
)]
pub(crate) async fn update(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Json(body): Json<UpdateBranding>,
) -> Reply<BrandingBody> {
    let update = BrandingUpdate {
        product_name: body.product_name,
        accent: body.accent,
        accent_dark: body.accent_dark,
        support_url: body.support_url,
        support_email: body.support_email,
        privacy_url: body.privacy_url,
        texts: body.texts.map(|texts| texts.into_iter().map(|(tag, own)| (tag, own.into())).collect()),
    };
    let branding = app.engine.update_branding(&caller, update).await?;
    Ok(axum::Json(BrandingBody::of(branding, &app.options)))
}
