//! The style sheet and the icon, compiled in. Their paths carry a hash of their content, so they may be cached for
//! ever.

use axum::{Router, response::IntoResponse, routing::get};
use http::header;

use crate::state::App;

const CSS: &str = concat!(include_str!("../../assets/tokens.css"), include_str!("../../assets/page.css"));
const ICON: &str = include_str!("../../assets/icon.svg");

/// FNV-1a: tells versions apart, which is all that is asked of it.
pub(crate) const fn fingerprint(text: &str) -> u64 {
    let bytes = text.as_bytes();
    let mut hash = 0xcbf2_9ce4_8422_2325;
    let mut at = 0;
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u64).wrapping_mul(0x0100_0000_01b3);
        at += 1;
    }
    hash
}

/// The path of the style sheet.
pub(super) fn css_path() -> String {
    format!("/assets/page-{:016x}.css", const { fingerprint(CSS) })
}

/// The path of the icon.
pub(crate) fn icon_path() -> String {
    format!("/assets/icon-{:016x}.svg", const { fingerprint(ICON) })
}

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route(&css_path(), get(|| async { asset("text/css; charset=utf-8", CSS) }))
        .route(&icon_path(), get(|| async { asset("image/svg+xml", ICON) }))
}

/// A file that may be cached for ever.
pub(crate) fn asset(content_type: &'static str, text: impl IntoResponse) -> impl IntoResponse {
    let cache = "public, max-age=31536000, immutable";
    ([(header::CONTENT_TYPE, content_type), (header::CACHE_CONTROL, cache)], text)
}
