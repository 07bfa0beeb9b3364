//! A connector with everything that a person wants to know before configuring it.

use std::collections::BTreeMap;

use valetkey_domain::{Caller, Error, ErrorCode, Permission};

use super::ConnectorView;
use crate::Engine;

/// A connector, its tools and its scopes.
#[derive(Debug, Clone, PartialEq)]
pub struct ConnectorPage {
    /// The connector.
    pub view: ConnectorView,
    /// The documentation of its API.
    pub docs: Option<String>,
    /// Where an OAuth client is made and its redirect URI registered, or where API keys are made.
    pub console: Option<String>,
    /// The way to the field there that takes the redirect URI, in the console's own words.
    pub redirect_field: Option<String>,
    /// Its tools, in the order of the file.
    pub tools: Vec<ToolLine>,
    /// Every scope that its file speaks of: those asked for by default first.
    pub scopes: Vec<DescribedScope>,
}

/// A tool in a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolLine {
    /// Its name.
    pub name: String,
    /// What it does.
    pub description: String,
    /// Whether it only reads.
    pub read_only: bool,
    /// Whether it may destroy something.
    pub destructive: bool,
    /// Every group must be met by at least one of its scopes.
    pub scopes: Vec<Vec<String>>,
}

/// A scope with what it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribedScope {
    /// The scope.
    pub scope: String,
    /// What it lets the app do, in the words of the connector.
    pub description: Option<String>,
    /// Whether a connection asks for it unless told otherwise.
    pub default: bool,
    /// Whether every connection asks for it.
    pub always: bool,
    /// The tools that it helps to unlock, by name.
    pub tools: Vec<String>,
}

impl Engine {
    /// A connector by slug or official provider name, with its tools and scopes. Needs `agent_connectors:read`.
    ///
    /// # Errors
    /// `connector_not_found`.
    pub fn connector_page(&self, caller: &Caller, name: &str) -> Result<ConnectorPage, Error> {
        caller.require(Permission::ToolsRead)?;
        let connector =
            self.0.connectors.get(name).ok_or_else(|| Error::new(ErrorCode::ConnectorNotFound))?;
        let mut unlocked: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for tool in &connector.tools {
            for scope in tool.scopes.iter().flatten() {
                unlocked.entry(scope).or_default().push(tool.name.clone());
            }
        }
        let mut scopes: Vec<DescribedScope> = Vec::new();
        if let Some(profile) = connector.auth.oauth() {
            let known = &profile.scopes;
            let named = known.default.iter().chain(&known.always).chain(known.describe.keys());
            for scope in named.map(String::as_str).chain(unlocked.keys().copied()) {
                if scopes.iter().any(|described| described.scope == scope) {
                    continue;
                }
                scopes.push(DescribedScope {
                    scope: scope.to_owned(),
                    description: known.describe.get(scope).map(|words| words.english().to_owned()),
                    default: known.default.iter().any(|default| default == scope),
                    always: known.always.iter().any(|always| always == scope),
                    tools: unlocked.get(scope).cloned().unwrap_or_default(),
                });
            }
        }
        let line = |tool: &std::sync::Arc<valetkey_upstream::connector::Tool>| ToolLine {
            name: tool.name.clone(),
            description: tool.description.clone(),
            read_only: tool.read_only,
            destructive: tool.destructive,
            scopes: tool.scopes.clone(),
        };
        Ok(ConnectorPage {
            view: self.connector_view(connector),
            docs: connector.links.docs.clone(),
            console: connector.links.console.clone(),
            redirect_field: connector.links.redirect_field.clone(),
            tools: connector.tools.iter().map(line).collect(),
            scopes,
        })
    }
}
