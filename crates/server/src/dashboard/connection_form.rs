//! The form of a connection, new or there: its fields follow from the connector.

use std::collections::BTreeMap;

use askama::Template;
use axum::{extract::State, response::Response};
use http::{StatusCode, Uri};
use time::{Date, macros::format_description};
use url::Url;
use valetkey_domain::{
    AuthType, Connection, Error, ErrorCode, Time,
    connection::{IdentityPolicy, Overrides},
};
use valetkey_engine::{ConnectionUpdate, ConnectorPage, ConnectorView, NewConnection, Visitor};

use super::{
    form::Form,
    gate::Visiting,
    list::Filters,
    shell::{Answer, Shell, go_to, page_response, query_of, show},
};
use crate::{error::status_of, extract::Path, state::App};

/// The addresses that may be overridden: field, label.
const OVERRIDES: [(&str, &str); 5] = [
    ("authorize_url", "Authorization endpoint"),
    ("token_url", "Token endpoint"),
    ("revoke_url", "Revocation endpoint"),
    ("userinfo_url", "Userinfo endpoint"),
    ("api_base_url", "Base URL of the API"),
];

#[derive(Template)]
#[template(path = "dashboard/connection_pick.html")]
struct PickPage {
    shell: Shell,
    connectors: Vec<ConnectorView>,
}

#[derive(Template)]
#[template(path = "dashboard/connection_form.html")]
struct FormPage {
    shell: Shell,
    /// The connection that is changed; `None` for a new one.
    id: Option<String>,
    title: String,
    connector: ConnectorPage,
    oauth: bool,
    code_flow: bool,
    values: Values,
    scopes: Vec<ScopeBox>,
    variables: Vec<Input>,
    overrides: Vec<Input>,
    wrong: Vec<(String, String)>,
    problem: Option<String>,
}

impl FormPage {
    fn wrong_of(&self, field: &str) -> Option<&str> {
        self.wrong.iter().find(|(found, _)| found == field).map(|(_, message)| message.as_str())
    }
}

/// What stands in the fields.
#[derive(Default)]
struct Values {
    name: String,
    client_id: String,
    has_secret: bool,
    /// The day on which the client secret ends, if that was noted: `2027-01-31`, in UTC.
    secret_ends: String,
    shared: bool,
    scopes: Vec<String>,
    variables: BTreeMap<String, String>,
    overrides: BTreeMap<String, String>,
    refuse_identity: bool,
    enabled: bool,
}

struct ScopeBox {
    scope: String,
    description: Option<String>,
    tools: String,
    always: bool,
    ticked: bool,
}

struct Input {
    name: String,
    label: String,
    help: Option<String>,
    value: String,
    required: bool,
    wrong: Option<String>,
}

/// Asks which connector, or shows its form.
pub(super) async fn blank(State(app): State<App>, Visiting(visitor): Visiting, uri: Uri) -> Answer {
    let filters = Filters::of(query_of(&uri));
    let shell = Shell::of(&app, Some(&visitor), "connections", "");
    let Some(slug) = filters.get("connector") else {
        let connectors = app.engine.list_connectors(&visitor.caller)?;
        return Ok(show(&PickPage { shell, connectors }));
    };
    let connector = app.engine.connector_page(&visitor.caller, &slug)?;
    let defaults = connector.scopes.iter().filter(|scope| scope.default);
    let values = Values {
        name: connector.view.slug.clone(),
        scopes: defaults.map(|scope| scope.scope.clone()).collect(),
        enabled: true,
        ..Values::default()
    };
    Ok(show(&made(shell, None, connector, values, None)))
}

/// Creates a connection.
pub(super) async fn create(State(app): State<App>, Visiting(visitor): Visiting, form: Form) -> Answer {
    let connector = app.engine.connector_page(&visitor.caller, form.text("connector"))?;
    let values = sent(&form, false);
    let outcome = match read(&form, "") {
        Ok((overrides, end)) => {
            let new = NewConnection {
                call_timeout_ms: None,
                client_secret_expires_at: end.flatten(),
                name: form.filled("name"),
                connector: connector.view.slug.clone(),
                client_id: form.filled("client_id"),
                client_secret: form.secret("client_secret"),
                use_shared_credentials: values.shared,
                scopes: values.scopes.clone(),
                overrides,
                variables: values.variables.clone(),
                identity_policy: policy(&values),
                enabled: Some(values.enabled),
            };
            app.engine.create_connection(&visitor.caller, new).await
        }
        Err(error) => Err(error),
    };
    match outcome {
        Ok(view) => Ok(go_to(&app, &format!("/connections/{}?done=created", view.connection.id))),
        Err(error) => again(&app, &visitor, None, connector, values, error),
    }
}

/// Shows the form of a connection that is there.
pub(super) async fn filled(
    State(app): State<App>,
    Visiting(visitor): Visiting,
    Path(id): Path<String>,
) -> Answer {
    let view = app.engine.get_connection(&visitor.caller, &id).await?;
    let connector = app.engine.connector_page(&visitor.caller, &view.connection.connector)?;
    let shell = Shell::of(&app, Some(&visitor), "connections", "");
    let values = stored(&view.connection, &connector);
    Ok(show(&made(shell, Some(view.connection.id.to_string()), connector, values, None)))
}

/// Changes a connection.
pub(super) async fn update(
    State(app): State<App>,
    Visiting(visitor): Visiting,
    Path(id): Path<String>,
    form: Form,
) -> Answer {
    let view = app.engine.get_connection(&visitor.caller, &id).await?;
    let connector = app.engine.connector_page(&visitor.caller, &view.connection.connector)?;
    let values = sent(&form, view.connection.client_secret.is_some());
    let oauth = is_oauth(&connector);
    let outcome = match read(&form, &day(view.connection.client_secret_expires_at)) {
        Ok((overrides, end)) => {
            let update = ConnectionUpdate {
                call_timeout_ms: None,
                client_secret_expires_at: end,
                name: form.filled("name"),
                client_id: oauth.then(|| form.filled("client_id")),
                // A secret is never shown, so an empty field says nothing about it.
                client_secret: match form.secret("client_secret") {
                    Some(secret) => Some(Some(secret)),
                    None => form.ticked("remove_secret").then_some(None),
                },
                use_shared_credentials: oauth.then_some(values.shared),
                scopes: oauth.then(|| values.scopes.clone()),
                overrides: Some(overrides),
                variables: Some(values.variables.clone()),
                identity_policy: Some(policy(&values)),
                enabled: Some(values.enabled),
            };
            app.engine.update_connection(&visitor.caller, &id, update).await
        }
        Err(error) => Err(error),
    };
    match outcome {
        Ok(view) => Ok(go_to(&app, &format!("/connections/{}?done=saved", view.connection.id))),
        Err(error) => again(&app, &visitor, Some(id), connector, values, error),
    }
}

/// The form once more, with what was wrong.
fn again(
    app: &App,
    visitor: &Visitor,
    id: Option<String>,
    connector: ConnectorPage,
    values: Values,
    error: Error,
) -> Answer {
    let about_fields = matches!(
        error.code(),
        ErrorCode::InvalidArgument
            | ErrorCode::ConnectionAlreadyExists
            | ErrorCode::SharedCredentialsUnavailable
            | ErrorCode::ConnectionNotConfigured
    );
    if !about_fields {
        return Err(error.into());
    }
    let status = status_of(error.code());
    let shell = Shell::of(app, Some(visitor), "connections", "");
    let mut response: Response = page_response(status, &made(shell, id, connector, values, Some(&error)));
    response.extensions_mut().insert(error.code());
    debug_assert_ne!(status, StatusCode::OK);
    Ok(response)
}

fn is_oauth(connector: &ConnectorPage) -> bool {
    matches!(connector.view.auth_type, AuthType::OAuth | AuthType::ClientCredentials)
}

fn policy(values: &Values) -> IdentityPolicy {
    if values.refuse_identity { IdentityPolicy::Refuse } else { IdentityPolicy::Flag }
}

/// What a form sent.
fn sent(form: &Form, has_secret: bool) -> Values {
    let typed =
        form.text("more_scopes").split([' ', ',', '\n', '\r', '\t']).filter(|scope| !scope.is_empty());
    let mut scopes: Vec<String> = form.all("scope").map(str::to_owned).collect();
    for scope in typed {
        if !scopes.iter().any(|known| known == scope) {
            scopes.push(scope.to_owned());
        }
    }
    let filled = |prefix| {
        let fields = form.below(prefix).filter(|(_, value)| !value.is_empty());
        fields.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    };
    Values {
        name: form.text("name").trim().to_owned(),
        client_id: form.text("client_id").trim().to_owned(),
        has_secret,
        secret_ends: form.text("secret_ends").trim().to_owned(),
        shared: form.ticked("shared"),
        scopes,
        variables: filled("var."),
        overrides: filled("override."),
        refuse_identity: form.text("identity") == "refuse",
        enabled: form.ticked("enabled"),
    }
}

/// What a connection has.
fn stored(connection: &Connection, connector: &ConnectorPage) -> Values {
    let scopes = match connection.scopes.is_empty() {
        true => {
            let defaults = connector.scopes.iter().filter(|scope| scope.default);
            defaults.map(|scope| scope.scope.clone()).collect()
        }
        false => connection.scopes.clone(),
    };
    let urls = &connection.overrides;
    let urls =
        [&urls.authorize_url, &urls.token_url, &urls.revoke_url, &urls.userinfo_url, &urls.api_base_url];
    let overrides = OVERRIDES
        .iter()
        .zip(urls)
        .filter_map(|((name, _), url)| url.as_ref().map(|url| ((*name).to_owned(), url.to_string())));
    Values {
        name: connection.name.clone(),
        client_id: connection.client_id.clone().unwrap_or_default(),
        has_secret: connection.client_secret.is_some(),
        secret_ends: day(connection.client_secret_expires_at),
        shared: connection.use_shared_credentials,
        scopes,
        variables: connection.variables.clone(),
        overrides: overrides.collect(),
        refuse_identity: connection.identity_policy == IdentityPolicy::Refuse,
        enabled: connection.enabled,
    }
}

/// The day of an instant as the field for it has it; nothing if there is none.
fn day(at: Option<Time>) -> String {
    at.map(|at| at.date().to_string()).unwrap_or_default()
}

/// What a form says that must be read first: other addresses, and when the client secret ends, if that is not what the
/// field showed. What was not touched says nothing, so that a new secret does not take over the end of the old one, and
/// an instant within a day is kept.
fn read(form: &Form, shown: &str) -> Result<(Overrides, Option<Option<Time>>), Error> {
    let text = form.text("secret_ends").trim();
    let end = match text {
        _ if text == shown => None,
        "" => Some(None),
        text => {
            let date = Date::parse(text, format_description!("[year]-[month]-[day]"))
                .map_err(|_| Error::invalid("client_secret_expires_at", "is not a day such as 2027-01-31"))?;
            // From the beginning of the day, so that nobody is late.
            Some(Some(date.midnight().assume_utc()))
        }
    };
    Ok((overrides(form)?, end))
}

fn overrides(form: &Form) -> Result<Overrides, Error> {
    let url = |name: &str| -> Result<Option<Url>, Error> {
        let Some(text) = form.filled(&format!("override.{name}")) else { return Ok(None) };
        let url = text.parse().map_err(|_| Error::invalid(format!("overrides.{name}"), "is not a URL"));
        url.map(Some)
    };
    Ok(Overrides {
        authorize_url: url("authorize_url")?,
        token_url: url("token_url")?,
        revoke_url: url("revoke_url")?,
        userinfo_url: url("userinfo_url")?,
        api_base_url: url("api_base_url")?,
    })
}

fn made(
    shell: Shell,
    id: Option<String>,
    connector: ConnectorPage,
    values: Values,
    error: Option<&Error>,
) -> FormPage {
    let fields = error.map(|error| error.details().fields.as_slice()).unwrap_or_default();
    let wrong: Vec<_> = fields.iter().map(|field| (field.field.clone(), field.message.clone())).collect();
    let wrong_at =
        |path: String| wrong.iter().find(|(field, _)| *field == path).map(|(_, message)| message.clone());
    let mut scopes: Vec<_> = connector
        .scopes
        .iter()
        .map(|known| ScopeBox {
            scope: known.scope.clone(),
            description: known.description.clone(),
            tools: known.tools.join(", "),
            always: known.always,
            ticked: known.always || values.scopes.contains(&known.scope),
        })
        .collect();
    for scope in &values.scopes {
        if !scopes.iter().any(|known| known.scope == *scope) {
            let own = ScopeBox {
                scope: scope.clone(),
                description: None,
                tools: String::new(),
                always: false,
                ticked: true,
            };
            scopes.push(own);
        }
    }
    let variables = connector.view.variables.iter().map(|variable| Input {
        name: variable.name.clone(),
        label: variable.label.clone(),
        help: variable.help.clone(),
        value: values.variables.get(&variable.name).cloned().unwrap_or_default(),
        required: variable.required,
        wrong: wrong_at(format!("variables.{}", variable.name)),
    });
    let overrides = OVERRIDES.iter().map(|(name, label)| Input {
        name: (*name).to_owned(),
        label: (*label).to_owned(),
        help: None,
        value: values.overrides.get(*name).cloned().unwrap_or_default(),
        required: false,
        wrong: wrong_at(format!("overrides.{name}")),
    });
    FormPage {
        title: match &id {
            Some(_) => format!("Change {}", values.name),
            None => format!("Connect {}", connector.view.display_name),
        },
        oauth: is_oauth(&connector),
        code_flow: connector.view.auth_type == AuthType::OAuth,
        variables: variables.collect(),
        overrides: overrides.collect(),
        problem: error.map(|error| error.details().message.clone()),
        shell,
        id,
        connector,
        values,
        scopes,
        wrong,
    }
}
