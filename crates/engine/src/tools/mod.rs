//! Listing and finding tools and connectors.

#[expect(dead_code, reason = "used by the next slice")]
mod search;

use serde_json::Value;
use valetkey_domain::{AccountId, AuthType, Caller, Error, Page, PageRequest};

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
    /// Tools, by connector and name. Needs `agent_connectors:read`.
    ///
    /// # Errors
    /// `invalid_argument` for a page token that is none.
    pub async fn list_tools(
        &self,
        _caller: &Caller,
        _filter: &ToolFilter,
        _page: &PageRequest,
    ) -> Result<Page<ToolView>, Error> {
        Err(Error::internal("not written yet"))
    }

    /// The tools that `identifier` can use now, once per `ACTIVE` account. Needs `agent_connectors:read`.
    ///
    /// # Errors
    /// As [`Engine::list_tools`].
    pub async fn scoped_tools(
        &self,
        _caller: &Caller,
        _identifier: &str,
        _filter: &ToolFilter,
        _page: &PageRequest,
    ) -> Result<Page<ScopedTool>, Error> {
        Err(Error::internal("not written yet"))
    }

    /// The tools that `identifier` can use now, each once. Needs `agent_connectors:read`.
    ///
    /// # Errors
    /// As [`Engine::list_tools`].
    pub async fn available_tools(
        &self,
        _caller: &Caller,
        _identifier: &str,
        _page: &PageRequest,
    ) -> Result<Page<ToolView>, Error> {
        Err(Error::internal("not written yet"))
    }

    /// The tools that fit `query` best, at most `top_k` (0 means 10, at most 100). Needs `agent_connectors:read`.
    ///
    /// # Errors
    /// `invalid_argument` for an empty or overlong query.
    pub async fn search_tools(
        &self,
        _caller: &Caller,
        _query: &str,
        _identifier: Option<&str>,
        _top_k: u32,
    ) -> Result<Vec<FoundTool>, Error> {
        Err(Error::internal("not written yet"))
    }

    /// Every connector, by slug. Needs `agent_connectors:read`.
    ///
    /// # Errors
    /// `permission_denied`.
    pub fn list_connectors(&self, _caller: &Caller) -> Result<Vec<ConnectorView>, Error> {
        Err(Error::internal("not written yet"))
    }

    /// A connector by slug or official provider name. Needs `agent_connectors:read`.
    ///
    /// # Errors
    /// `connector_not_found`.
    pub fn get_connector(&self, _caller: &Caller, _name: &str) -> Result<ConnectorView, Error> {
        Err(Error::internal("not written yet"))
    }

    /// A tool by name or alias. Needs `agent_connectors:read`.
    ///
    /// # Errors
    /// `tool_not_found`, with the names that are near.
    pub fn get_tool(&self, _caller: &Caller, _name: &str) -> Result<ToolView, Error> {
        Err(Error::internal("not written yet"))
    }
}
