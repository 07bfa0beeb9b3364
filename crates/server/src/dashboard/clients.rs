//! API clients and tokens: who may call the API.

use std::{collections::BTreeSet, str::FromStr as _};

use askama::Template;
use axum::extract::State;
use http::Uri;
use valetkey_domain::{ApiClient, ApiToken, Bounds, Error, ExposeSecret, Permission, Permissions};
use valetkey_engine::{NewApiClient, NewApiToken};

use super::{
    form::Form,
    gate::Visiting,
    secret::SecretPage,
    shell::{Answer, Shell, go_to, query_of, show},
    text,
};
use crate::{extract::Path, state::App};

#[derive(Template)]
#[template(path = "dashboard/clients.html")]
struct ClientsPage {
    shell: Shell,
    clients: Vec<ClientRow>,
    tokens: Vec<TokenRow>,
    /// What a client may be given: the name, what it means, whether it is given unless told otherwise.
    permissions: Vec<(&'static str, &'static str, bool)>,
}

struct ClientRow {
    client: ApiClient,
    permissions: Vec<(&'static str, &'static str)>,
}

struct TokenRow {
    token: ApiToken,
    /// What it is bounded to, in words.
    bounds: Option<String>,
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
                TokenRow { bounds: token.bounds.as_ref().map(Bounds::in_words), token, state, tone }
            })
            .collect(),
        permissions: Permission::ALL
            .iter()
            .map(|p| (p.as_str(), text::permission_words(*p), standard.allows(*p)))
            .collect(),
    };
    Ok(show(&view))
}

fn client_row(client: ApiClient) -> ClientRow {
    let permissions = client.permissions.iter().map(|p| (p.as_str(), text::permission_words(p))).collect();
    ClientRow { permissions, client }
}

const KEPT: &str = "Only a hash is kept: put it where it belongs before you leave the page.";
const BACK: &str = "Back to the API clients";

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
    SecretPage {
        title: format!("API client {}", created.client.name),
        told: KEPT.to_owned(),
        lines: vec![
            ("Client ID", created.client.id.to_string()),
            ("Client secret", created.secret.expose_secret().to_owned()),
        ],
        back: (shell.to("/settings/clients"), BACK),
        shell,
    }
    .show()
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

/// Names that stand in a field, with commas or line ends between them.
fn named(form: &Form, field: &str) -> BTreeSet<String> {
    let names = form.text(field).split([',', '\n']).map(str::trim);
    names.filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// Creates a token of a client.
pub(super) async fn create_token(State(app): State<App>, Visiting(visitor): Visiting, form: Form) -> Answer {
    let new = NewApiToken {
        name: form.text("name").to_owned(),
        client: form.filled("client"),
        permissions: None,
        expires_at: None,
        bounds: Bounds {
            connectors: named(&form, "connectors"),
            tools: named(&form, "tools"),
            identifiers: named(&form, "identifiers"),
            read_only: form.ticked("read_only"),
        },
    };
    let created = app.engine.create_api_token(&visitor.caller, new).await?;
    let shell = Shell::of(&app, Some(&visitor), "settings", "");
    SecretPage {
        title: format!("API token {}", created.token.name),
        told: KEPT.to_owned(),
        lines: vec![("API token", created.secret.expose_secret().to_owned())],
        back: (shell.to("/settings/clients"), BACK),
        shell,
    }
    .show()
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
