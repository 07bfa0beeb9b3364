//! The tools that one user's agent is offered under their own names, as an MCP client sees them.

use std::collections::BTreeSet;

use valetkey_domain::{Caller, Connection, Error, ErrorCode, Page, PageRequest, Permission};
use valetkey_upstream::connector::Connector;

use super::{Picked, ToolView, paging};
use crate::{AccountRef, Engine, ExecuteTool, ToolOutcome};

/// Whose accounts and which tools. What is left empty is not narrowed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Offer {
    /// The user. May be left out with a token that is bounded to one.
    pub identifier: Option<String>,
    /// Which of several accounts of the user on a connection.
    pub account_name: Option<String>,
    /// The connections, by name or id, one for each connector.
    pub connections: Vec<String>,
    /// The tools, by their own names or aliases.
    pub tools: Vec<String>,
}

/// An offer that was looked at: there is such a user for this caller, and there are such connections and tools.
#[derive(Debug, Clone)]
pub struct Offered {
    account: AccountRef,
    /// The connections named; none means every one that is enabled.
    connections: Vec<Connection>,
    tools: BTreeSet<String>,
}

impl Offered {
    /// The user whose accounts are used.
    #[must_use]
    pub fn identifier(&self) -> &str {
        self.account.identifier.as_deref().unwrap_or_default()
    }

    fn has(&self, tool: &str) -> bool {
        self.tools.is_empty() || self.tools.contains(tool)
    }

    fn connection_for(&self, connector: &Connector) -> Option<&Connection> {
        self.connections.iter().find(|connection| connection.connector == connector.slug)
    }
}

impl Engine {
    /// Looks at an offer before anything is listed or called. Needs `agent_connectors:read`.
    ///
    /// # Errors
    /// `permission_denied`, for a user out of the token's bounds too; `invalid_argument` if no user is named and for two
    /// connections of one connector; `connection_not_found`; `connection_disabled`; `tool_not_found`.
    pub async fn offer(&self, caller: &Caller, offer: Offer) -> Result<Offered, Error> {
        caller.require(Permission::ToolsRead)?;
        let only = caller.bounds.as_ref().and_then(|bounds| match bounds.identifiers.len() {
            1 => bounds.identifiers.first().cloned(),
            _ => None,
        });
        let Some(identifier) = offer.identifier.or(only) else {
            let message = "is missing: say in the URL whose accounts the tools are for, ?identifier=user_123, or use \
                           an API token that is bounded to one user";
            return Err(Error::invalid("identifier", message));
        };
        let account =
            AccountRef { identifier: Some(identifier), name: offer.account_name, ..AccountRef::default() };
        self.require_user(caller, &account).await?;
        let mut connections: Vec<Connection> = Vec::new();
        for name in &offer.connections {
            let connection = self.resolve_connection(&caller.environment, name).await?;
            self.require_enabled(&connection)?;
            if let Some(other) = connections.iter().find(|other| other.connector == connection.connector) {
                let message = format!(
                    "\"{}\" and \"{}\" are both connections of {}: their tools have the same names, so name one of them",
                    other.name, connection.name, connection.connector
                );
                return Err(Error::invalid("connection_name", message));
            }
            connections.push(connection);
        }
        let mut tools = BTreeSet::new();
        for name in &offer.tools {
            tools.insert(self.tool_named(name)?.1.name.clone());
        }
        Ok(Offered { account, connections, tools })
    }

    /// The tools of an offer, by connector and name: those of its connections, whether the user has an account there yet
    /// or not, since a call says what is missing and whose move it is.
    ///
    /// # Errors
    /// `invalid_argument` for a page token that is none.
    pub async fn offered_tools(
        &self,
        caller: &Caller,
        offered: &Offered,
        page: &PageRequest,
    ) -> Result<Page<ToolView>, Error> {
        let slugs: BTreeSet<String> = if offered.connections.is_empty() {
            let all = self.all_connections(caller).await?;
            all.into_iter().filter(|connection| connection.enabled).map(|it| it.connector).collect()
        } else {
            offered.connections.iter().map(|connection| connection.connector.clone()).collect()
        };
        let mut tools: Vec<Picked> = self.picked(caller, &super::ToolFilter::default(), Some(&slugs));
        tools.retain(|picked| offered.has(&picked.tool.name));
        Ok(paging::page(&tools, page)?.map(|picked| picked.view()))
    }

    /// Executes a tool of an offer for its user; `call.account` is not looked at. Needs `agent_connectors:execute`.
    ///
    /// # Errors
    /// `tool_not_found` for a tool that is not offered; those of [`Engine::execute_tool`].
    pub async fn execute_offered(
        &self,
        caller: &Caller,
        offered: &Offered,
        call: ExecuteTool,
    ) -> Result<ToolOutcome, Error> {
        let connection_name = self.connection_offered(offered, &call.tool_name)?;
        let account = AccountRef { connection_name, ..offered.account.clone() };
        self.execute_tool(caller, ExecuteTool { account, ..call }).await
    }

    /// The connection on which to call a tool, if the offer names one.
    fn connection_offered(&self, offered: &Offered, tool: &str) -> Result<Option<String>, Error> {
        let (connector, tool) = self.tool_named(tool)?;
        let connection = offered.connection_for(&connector);
        if !offered.has(&tool.name) || (connection.is_none() && !offered.connections.is_empty()) {
            let message = format!("The tool \"{}\" is not among those offered here.", tool.name);
            return Err(Error::new(ErrorCode::ToolNotFound).message(message));
        }
        Ok(connection.map(|connection| connection.name.clone()))
    }
}
