//! Ending an account: first what it would hit, then the end.

use askama::Template;
use axum::extract::State;
use valetkey_domain::Error;
use valetkey_engine::{AccountRef, End, EndPreview, Siblings};

use super::{
    form::Form,
    gate::Visiting,
    shell::{Answer, DONE, RECEIPT, Shell, go_to, show},
};
use crate::{extract::Path, state::App};

#[derive(Template)]
#[template(path = "dashboard/end.html")]
struct EndPage {
    shell: Shell,
    id: String,
    title: String,
    connection: String,
    connected: bool,
    offered: bool,
    warnings: Vec<String>,
    siblings: Vec<(String, String)>,
}

/// Says what ending the account would hit.
pub(super) async fn ask(
    State(app): State<App>,
    Visiting(visitor): Visiting,
    Path(id): Path<String>,
) -> Answer {
    let EndPreview { account: view, offered, siblings, warnings, .. } =
        app.engine.preview_end(&visitor.caller, &AccountRef::id(id)).await?;
    let shell = Shell::of(&app, Some(&visitor), "accounts", "");
    let named = siblings.iter().map(|sibling| {
        let account = &sibling.account;
        let name = account.label.as_deref().unwrap_or(&account.identifier);
        let title = format!("{name} ({} on {})", account.identifier, sibling.connection_name);
        (shell.to(&format!("/accounts/{}", account.id)), title)
    });
    let account = &view.account;
    let page = EndPage {
        id: account.id.to_string(),
        title: account.label.clone().unwrap_or_else(|| account.identifier.clone()),
        connection: view.connection_name.clone(),
        connected: account.status() != valetkey_domain::AccountStatus::Disconnected,
        offered,
        warnings,
        siblings: named.collect(),
        shell,
    };
    Ok(show(&page))
}

/// Ends it.
pub(super) async fn carry_out(
    State(app): State<App>,
    Visiting(visitor): Visiting,
    Path(id): Path<String>,
    form: Form,
) -> Answer {
    let end = match form.text("end") {
        "disconnect" => End::Disconnect,
        "delete" => End::Delete,
        _ => return Err(Error::invalid("end", "must be disconnect or delete").into()),
    };
    let siblings = Siblings::parse(form.text("siblings")).unwrap_or_default();
    let ended = app.engine.end_account(&visitor.caller, &AccountRef::id(id), end, siblings).await?;
    let receipt = ended.receipt.map(|receipt| format!("&{RECEIPT}={}", receipt.outcome.as_str()));
    let receipt = receipt.unwrap_or_default();
    let path = match end {
        End::Disconnect => format!("/accounts/{}?{DONE}=disconnected{receipt}", ended.account.account.id),
        End::Delete => format!("/accounts?{DONE}=deleted{receipt}"),
    };
    Ok(go_to(&app, &path))
}
