//! Connectors: the definitions of third-party apps.

mod get;
mod list;

use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use valetkey_engine::{ConnectorField, ConnectorView};

use crate::state::App;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list::list)).routes(routes!(get::get))
}

/// A connector.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Connector)]
pub(crate) struct ConnectorBody {
    /// Its name.
    #[schema(example = "gmail")]
    slug: String,
    /// Its official upper-case name.
    #[schema(example = "GMAIL")]
    provider: String,
    /// Its name for people.
    #[schema(example = "Gmail")]
    display_name: String,
    /// What it is.
    description: String,
    /// How its accounts are authorized.
    #[schema(example = "OAUTH")]
    auth_type: &'static str,
    /// The scopes that a connection asks for unless told otherwise.
    scopes: Vec<String>,
    /// The fields of a static credential.
    fields: Vec<FieldBody>,
    /// The variables of its URL templates, to be set on the connection.
    variables: Vec<FieldBody>,
    /// The names of its tools.
    tools: Vec<String>,
    /// Whether the operator has set a shared OAuth client.
    shared_credentials: bool,
}

/// A field to fill in.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ConnectorField)]
struct FieldBody {
    name: String,
    /// Its label for people.
    label: String,
    /// Where to find the value.
    help: Option<String>,
    /// Whether it is a secret.
    secret: bool,
    /// Whether it must be given.
    required: bool,
}

impl From<ConnectorField> for FieldBody {
    fn from(field: ConnectorField) -> Self {
        Self {
            name: field.name,
            label: field.label,
            help: field.help,
            secret: field.secret,
            required: field.required,
        }
    }
}

impl From<ConnectorView> for ConnectorBody {
    fn from(view: ConnectorView) -> Self {
        Self {
            slug: view.slug,
            provider: view.provider,
            display_name: view.display_name,
            description: view.description,
            auth_type: view.auth_type.as_str(),
            scopes: view.scopes,
            fields: view.fields.into_iter().map(FieldBody::from).collect(),
            variables: view.variables.into_iter().map(FieldBody::from).collect(),
            tools: view.tools,
            shared_credentials: view.shared_credentials,
        }
    }
}
