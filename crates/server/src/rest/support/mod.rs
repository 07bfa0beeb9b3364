//! Support bundles: what somebody who helps needs to know, without any secret.

mod create;

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::state::App;

pub(crate) use create::bundle_of;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(create::create))
}
