//! Pages for end users: the hosted pages of the authorization flow.
//!
//! They speak the language of whoever reads them (`language.rs`, `words/`) and carry the operator's name, logo and
//! colours (`look.rs`). They work without scripts, load nothing from elsewhere, and say nothing that a provider wrote. The link's token is
//! in the address and the callback's code in the query, so no page is cached and none sends a `Referer` (S07).

mod assets;
mod branding;
mod callback;
mod connect;
mod cookie;
mod form;
mod language;
mod look;
mod outcome;
mod preview;
mod scopes;
mod site;
mod words;

pub use callback::fuzz_callback_query;

pub(crate) use assets::{asset, fingerprint, icon_path};
pub(crate) use branding::logo_path;
pub(crate) use preview::{HoldsPicture, Sample, Trial, preview};

use axum::{
    Router,
    routing::{MethodRouter, get},
};

use crate::state::App;

/// The routes of all pages. None of them needs a token of the API.
pub(crate) fn routes() -> Router<App> {
    let link: MethodRouter<App> = get(connect::open).post(connect::go_on);
    Router::new()
        .route("/connect/{token}", link)
        .route("/connect/done/{auth_request_id}", get(connect::done))
        .route("/oauth/callback/{connection_id}", get(callback::callback))
        .merge(assets::routes())
        .merge(branding::routes())
}
