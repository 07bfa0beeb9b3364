//! The style sheet and the script of the dashboard, compiled in. Their paths carry a hash of their content.

use axum::{Router, routing::get};

use crate::{
    pages::{asset, fingerprint},
    state::App,
};

/// Colours and what every page has come first, as on the hosted pages.
const CSS: &str =
    concat!(include_str!("../../assets/tokens.css"), include_str!("../../assets/dashboard.css"));
const SCRIPT: &str = include_str!("../../assets/dashboard.js");

/// The path of the style sheet.
pub(super) fn css_path() -> String {
    format!("/assets/dashboard-{:016x}.css", const { fingerprint(CSS) })
}

/// The path of the script.
pub(super) fn script_path() -> String {
    format!("/assets/dashboard-{:016x}.js", const { fingerprint(SCRIPT) })
}

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route(&css_path(), get(|| async { asset("text/css; charset=utf-8", CSS) }))
        .route(&script_path(), get(|| async { asset("text/javascript; charset=utf-8", SCRIPT) }))
}
