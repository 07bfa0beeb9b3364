//! `GET /v1/connect/accounts/{account_id}/disconnect-preview`

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;
use valetkey_engine::{AccountRef, EndPreview};

use super::AccountBody;
use crate::{
    auth::Authenticated,
    extract::Path,
    rest::{common::Reply, openapi::Errors},
    state::App,
};

/// What disconnecting or deleting an account would do at the provider.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DisconnectPreview)]
pub(crate) struct PreviewBody {
    /// `ca_…`
    account_id: String,
    /// The account at the provider, as people know it.
    label: Option<String>,
    /// Whether there is a grant, and the provider has a way to revoke it.
    offered: bool,
    /// How far a revocation reaches: `token`, `grant` or `user_and_client`; `null` if nobody has found out yet.
    #[schema(example = "grant")]
    reach: Option<&'static str>,
    /// The accounts that a revocation would end too: the request must say what shall become of them.
    siblings: Vec<AccountBody>,
    /// What to know before, in sentences.
    warnings: Vec<String>,
}

impl From<EndPreview> for PreviewBody {
    fn from(preview: EndPreview) -> Self {
        Self {
            account_id: preview.account.account.id.into(),
            label: preview.account.account.label,
            offered: preview.offered,
            reach: preview.reach.map(|reach| reach.as_str()),
            siblings: preview.siblings.into_iter().map(Into::into).collect(),
            warnings: preview.warnings,
        }
    }
}

/// Preview the end of an account
///
/// What disconnecting or deleting it would do at the provider, and which other accounts it would end. Changes nothing.
/// Needs `connected_accounts:read`.
#[utoipa::path(
    get, path = "/v1/connect/accounts/{account_id}/disconnect-preview", operation_id = "previewDisconnect",
    tag = "accounts",
    params(("account_id" = String, Path, description = "`ca_…`")),
    responses((status = OK, description = "What would happen", body = PreviewBody), Errors)
)]
pub(crate) async fn preview(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(account_id): Path<String>,
) -> Reply<PreviewBody> {
    Ok(Json(app.engine.preview_end(&caller, &AccountRef::id(account_id)).await?.into()))
}
