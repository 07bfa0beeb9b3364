//! API clients and tokens: who may call the API.

use std::str::FromStr as _;

use askama::Template;
use axum::extract::State;
use http::Uri;
use valetkey_domain::{ApiClient, ApiToken, Error, ExposeSecret, Permission, Permissions};
use valetkey_engine::{NewApiClient, NewApiToken};

use super::{
    form::Form,
    gate::Visiting,
    shell::{Answer, Shell, go_to, query_of, show},
};
use crate::{extract::Path, state::App};

#[derive(Template)]
#[template(path = "dashboard/clients.html")]
struct ClientsPage {
    shell: Shell,
    clients: Vec<ClientRow>,
    tokens: Vec<TokenRow>,
    permissions: Vec<(&'static str, bool)>,
}

struct ClientRow {
    client: ApiClient,
    permissions: String,
}

struct TokenRow {
    token: ApiToken,
    state: &'static str,
    tone: &'static str,
}

/// The page.
pub(super) async fn page(State(app): State<App>, Visiting(visitor): Visiting, uri: Uri) -> Answer {
    let clients = app.engine.list_api_clients(&visitor.caller).await?;
    let tokens = app.engine.list_api_tokens(&visitor.caller).await?;
    let now = app.options.clock.now();
    let standard = Permissions::standard();
    let view = ClientsPage {
        shell: Shell::of(&app, Some(&visitor), "settings", query_of(&uri)),
        clients: clients.into_iter().map(client_row).collect(),
        tokens: tokens
            .into_iter()
            .map(|token| {
                let expired = token.expires_at.is_some_and(|at| at <= now);
                let (state, tone) = match (token.revoked_at.is_some(), expired) {
                    (true, _) => ("revoked", "quiet"),
                    (_, true) => ("expired", "quiet"),
                    _ => ("works", "good"),
                };
                TokenRow { token, state, tone }
            })
            .collect(),
        permissions: Permission::ALL.iter().map(|p| (p.as_str(), standard.allows(*p))).collect(),
    };
    Ok(show(&view))
}

fn client_row(client: ApiClient) -> ClientRow {
    let permissions: Vec<_> = client.permissions.iter().map(Permission::as_str).collect();
    ClientRow { permissions: permissions.join(", "), client }
}

/// A secret, shown once.
#[derive(Template)]
#[template(path = "dashboard/secret.html")]
struct SecretPage {
    shell: Shell,
    title: String,
    lines: Vec<(&'static str, String)>,
    back: String,
}

fn permissions(form: &Form) -> Result<Permissions, Error> {
    let named = form.all("permission").map(Permission::from_str);
    let named: Result<Permissions, _> = named.collect();
    let named = named.map_err(|unknown| Error::invalid("permission", unknown.to_string()))?;
    if named.iter().next().is_none() {
        return Err(Error::invalid("permission", "choose at least one"));
    }
    Ok(named)
}

/// Creates a client.
pub(super) async fn create(State(app): State<App>, Visiting(visitor): Visiting, form: Form) -> Answer {
    let new = NewApiClient { name: form.text("name").to_owned(), permissions: Some(permissions(&form)?) };
    let created = app.engine.create_api_client(&visitor.caller, new).await?;
    let shell = Shell::of(&app, Some(&visitor), "settings", "");
    let view = SecretPage {
        title: format!("API client {}", created.client.name),
        lines: vec![
            ("Client ID", created.client.id.to_string()),
            ("Client secret", created.secret.expose_secret().to_owned()),
        ],
        back: shell.to("/settings/clients"),
        shell,
    };
    Ok(show(&view))
}

/// Disables a client.
pub(super) async fn disable(
    State(app): State<App>,
    Visiting(visitor): Visiting,
    Path(id): Path<String>,
    _form: Form,
) -> Answer {
    app.engine.disable_api_client(&visitor.caller, &id).await?;
    Ok(go_to(&app, "/settings/clients?done=disabled"))
}

/// Creates a token of a client.
pub(super) async fn create_token(State(app): State<App>, Visiting(visitor): Visiting, form: Form) -> Answer {
    let new = NewApiToken {
        name: form.text("name").to_owned(),
        client: form.filled("client"),
        permissions: None,
        expires_at: None,
    };
    let created = app.engine.create_api_token(&visitor.caller, new).await?;
    let shell = Shell::of(&app, Some(&visitor), "settings", "");
    let view = SecretPage {
        title: format!("API token {}", created.token.name),
        lines: vec![("API token", created.secret.expose_secret().to_owned())],
        back: shell.to("/settings/clients"),
        shell,
    };
    Ok(show(&view))
}

/// Revokes a token.
pub(super) async fn revoke_token(
    State(app): State<App>,
    Visiting(visitor): Visiting,
    Path(id): Path<String>,
    _form: Form,
) -> Answer {
    app.engine.revoke_api_token(&visitor.caller, &id).await?;
    Ok(go_to(&app, "/settings/clients?done=revoked"))
}
