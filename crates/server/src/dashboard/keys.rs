//! The keyring: its terms, and rotating it.

use askama::Template;
use axum::extract::State;
use http::Uri;
use valetkey_engine::keyring::TermUse;

use super::{
    form::Form,
    gate::Visiting,
    shell::{Answer, Shell, go_to, query_of, show},
};
use crate::state::App;

#[derive(Template)]
#[template(path = "dashboard/keys.html")]
struct KeysPage {
    shell: Shell,
    terms: Vec<TermRow>,
    remaining: u64,
    frozen: Option<String>,
}

struct TermRow {
    term: u32,
    words: &'static str,
    tone: &'static str,
    sealed: u64,
}

/// The page.
pub(super) async fn page(State(app): State<App>, Visiting(visitor): Visiting, uri: Uri) -> Answer {
    let status = app.engine.keys_status(&visitor.caller).await?;
    let store = app.engine.store_status(&visitor.caller).await?;
    let terms = status.terms.iter().map(|view| {
        let (words, tone) = match view.term.used {
            TermUse::Active => ("seals now", "good"),
            TermUse::Full => ("full, opens only", "quiet"),
            TermUse::Closed => ("opens only", "quiet"),
            TermUse::Prepared => ("prepared", "note"),
        };
        TermRow { term: view.term.term, words, tone, sealed: view.sealed() }
    });
    let view = KeysPage {
        shell: Shell::of(&app, Some(&visitor), "settings", query_of(&uri)),
        terms: terms.collect(),
        remaining: status.remaining,
        frozen: store.frozen.map(|frozen| frozen.reason),
    };
    Ok(show(&view))
}

/// Rotates the keyring.
pub(super) async fn rotate(State(app): State<App>, Visiting(visitor): Visiting, _form: Form) -> Answer {
    app.engine.rotate_keys(&visitor.caller).await?;
    Ok(go_to(&app, "/settings/keys?done=rotated"))
}
