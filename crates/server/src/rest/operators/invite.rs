//! `POST /v1/connect/invitations`

use axum::extract::State;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;
use valetkey_domain::{Error, Role};

use crate::{
    auth::Authenticated,
    extract::Json,
    rest::{common::Reply, openapi::Errors},
    state::App,
};

/// Whom to invite.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewInvitation)]
pub(crate) struct NewInvitation {
    /// What the person may do: `owner`, `operator` or `viewer`.
    role: String,
}

/// A link by which a person sets a password for the dashboard. It works once.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Invitation)]
pub(crate) struct InvitationBody {
    /// The address to open.
    link: String,
    /// When it stops working.
    #[serde(with = "time::serde::rfc3339")]
    expires_at: OffsetDateTime,
}

/// Invite a person to the dashboard
///
/// Needs `server:manage`.
#[utoipa::path(
    post, path = "/v1/connect/invitations", operation_id = "inviteUser", tag = "server",
    request_body = NewInvitation,
    responses((status = OK, description = "The link, shown this once", body = InvitationBody), Errors)
)]
pub(crate) async fn invite(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Json(new): Json<NewInvitation>,
) -> Reply<InvitationBody> {
    let role = Role::parse(&new.role)
        .ok_or_else(|| Error::invalid("role", "must be one of owner, operator, viewer"))?;
    let link = app.engine.invite_user(&caller, role).await?;
    Ok(axum::Json(InvitationBody { link: link.url.into(), expires_at: link.expires_at }))
}
