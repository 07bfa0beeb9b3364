//! What a program may do about the people at the dashboard and their record: invite one, and see whether the audit log is
//! whole.

mod invite;
mod verify_audit;

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::state::App;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(invite::invite)).routes(routes!(verify_audit::verify))
}
