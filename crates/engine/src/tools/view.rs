//! Tools and connectors as they are shown.

use serde_json::Value;
use valetkey_domain::{AccountId, AuthType};
use valetkey_upstream::{connector::Connector, tool::Tool};

use crate::Engine;

/// A tool as it is shown.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolView {
    /// Its name; the alias, if it was asked for by one.
    pub name: String,
    /// The slug of its connector.
    pub connector: String,
    /// The connector's official upper-case name.
    pub provider: String,
    /// Whether an earlier answer may be given again (`max_age`).
    pub cacheable: bool,
    /// `{name, description, input_schema, annotations}`, for a model.
    pub definition: Value,
}

/// A tool that a user can use now, with the account to use it on.
#[derive(Debug, Clone, PartialEq)]
pub struct ScopedTool {
    /// The tool.
    pub tool: ToolView,
    /// The user.
    pub identifier: String,
    /// The account.
    pub account: AccountId,
    /// The name of its connection.
    pub connection_name: String,
}

/// Which tools. Everything given must fit; an empty list means any.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ToolFilter {
    /// Of these connectors, by slug or official provider name.
    pub connectors: Vec<String>,
    /// Of the connectors of these connections, by name or id.
    pub connections: Vec<String>,
    /// Of these names or aliases.
    pub tool_names: Vec<String>,
    /// Whose name, connector or description fits these words.
    pub query: Option<String>,
    /// Usable by this user now: of connectors with an `ACTIVE` account.
    pub identifier: Option<String>,
    /// Of this account's connector.
    pub account: Option<String>,
    /// Usable by users of this organization now.
    pub organization_id: Option<String>,
    /// Usable by this further user id now.
    pub user_id: Option<String>,
}

impl ToolView {
    /// The tool as it was asked for: an alias gives the definition its name.
    pub(super) fn new(connector: &Connector, tool: &Tool, name: &str) -> Self {
        let mut definition = tool.definition();
        if name != tool.name
            && let Some(fields) = definition.as_object_mut()
        {
            fields.insert("name".into(), name.into());
        }
        Self {
            name: name.to_owned(),
            connector: connector.slug.clone(),
            provider: connector.provider.clone(),
            cacheable: tool.cacheable,
            definition,
        }
    }
}

/// Whether a user can use a tool through a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// Now.
    Ready,
    /// Once the user has authorized an account.
    NeedsConnection,
    /// Once the user has authorized again.
    NeedsReauth,
}

impl Readiness {
    /// The name on the native wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "READY",
            Self::NeedsConnection => "NEEDS_CONNECTION",
            Self::NeedsReauth => "NEEDS_REAUTH",
        }
    }
}

/// How a found tool stands with one connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionReadiness {
    /// The connection.
    pub connection_name: String,
    /// The user's account on it, if there is one.
    pub account: Option<AccountId>,
    /// What tells that account apart from others of the user on the connection; empty for the unnamed one.
    pub account_name: String,
    /// Whether the tool can be used through it.
    pub state: Readiness,
}

/// A tool that fits a search.
#[derive(Debug, Clone, PartialEq)]
pub struct FoundTool {
    /// The tool.
    pub tool: ToolView,
    /// Its description.
    pub description: String,
    /// How well it fits, from 0 to 1.
    pub score: f64,
    /// The connections of its connector; empty when no user was named.
    pub connections: Vec<ConnectionReadiness>,
}

/// A field that the form of a static credential asks for, or a variable of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectorField {
    /// Its name.
    pub name: String,
    /// Its label for people.
    pub label: String,
    /// Where to find it, in words.
    pub help: Option<String>,
    /// Whether it is a secret.
    pub secret: bool,
    /// Whether it must be given.
    pub required: bool,
}

/// A connector as it is shown.
#[derive(Debug, Clone, PartialEq)]
pub struct ConnectorView {
    /// Its slug.
    pub slug: String,
    /// Its official upper-case name.
    pub provider: String,
    /// Its name for people.
    pub display_name: String,
    /// What it is.
    pub description: String,
    /// How its accounts are authorized.
    pub auth_type: AuthType,
    /// The scopes that a connection asks for unless told otherwise.
    pub scopes: Vec<String>,
    /// The fields of a static credential.
    pub fields: Vec<ConnectorField>,
    /// The variables of its URL templates, set on the connection.
    pub variables: Vec<ConnectorField>,
    /// The names of its tools.
    pub tools: Vec<String>,
    /// Whether the operator has set a shared OAuth client.
    pub shared_credentials: bool,
}

impl Engine {
    pub(super) fn connector_view(&self, connector: &Connector) -> ConnectorView {
        let fields = connector.auth.form().map(|form| form.fields.as_slice()).unwrap_or_default();
        ConnectorView {
            slug: connector.slug.clone(),
            provider: connector.provider.clone(),
            display_name: connector.display_name.clone(),
            description: connector.description.clone(),
            auth_type: connector.auth.auth_type(),
            scopes: connector.auth.oauth().map(|profile| profile.scopes.default.clone()).unwrap_or_default(),
            fields: fields
                .iter()
                .map(|field| ConnectorField {
                    name: field.name.clone(),
                    label: field.label.english().to_owned(),
                    help: field.help.as_ref().map(|words| words.english().to_owned()),
                    secret: field.secret,
                    required: !field.optional,
                })
                .collect(),
            variables: connector
                .variables
                .iter()
                .map(|(name, variable)| ConnectorField {
                    name: name.clone(),
                    label: variable.label.clone(),
                    help: variable.help.clone(),
                    secret: false,
                    required: variable.default.is_none() && !variable.optional,
                })
                .collect(),
            tools: connector.tools.iter().map(|tool| tool.name.clone()).collect(),
            shared_credentials: self.0.settings.shared_credentials.contains_key(&connector.slug),
        }
    }
}
