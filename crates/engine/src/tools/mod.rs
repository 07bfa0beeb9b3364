//! Listing and finding tools and connectors.

mod offer;
mod page;
mod paging;
mod readiness;
mod search;
mod view;

use std::{collections::BTreeSet, sync::Arc};

use valetkey_domain::{
    AccountStatus, Caller, Error, ErrorCode, Page, PageRequest, Permission, store::AccountFilter,
};
use valetkey_upstream::{connector::Connector, tool::Tool};

pub use self::offer::{Offer, Offered};
pub use self::page::{ConnectorPage, DescribedScope, ToolLine};
pub(crate) use self::search::edit_distance;
pub use self::view::{
    ConnectionReadiness, ConnectorField, ConnectorView, FoundTool, Readiness, ScopedTool, ToolFilter,
    ToolView,
};
use crate::{Engine, execute::bounds::reaches};

/// How many tools a search gives unless told otherwise.
const DEFAULT_TOP: u32 = 10;
/// How many it gives at most.
const MAX_TOP: u32 = 100;
/// How many near names an error lists.
const NEAR_NAMES: usize = 3;

/// A tool that was picked, under the name it was asked for by.
struct Picked {
    connector: Arc<Connector>,
    tool: Arc<Tool>,
    name: String,
}

impl Picked {
    fn view(&self) -> ToolView {
        ToolView::new(&self.connector, &self.tool, &self.name)
    }
}

impl Engine {
    /// Tools, by connector and name. Needs `agent_connectors:read`.
    ///
    /// # Errors
    /// `invalid_argument` for a page token that is none.
    pub async fn list_tools(
        &self,
        caller: &Caller,
        filter: &ToolFilter,
        page: &PageRequest,
    ) -> Result<Page<ToolView>, Error> {
        caller.require(Permission::ToolsRead)?;
        let slugs = self.slugs(caller, filter).await?;
        let tools = self.picked(caller, filter, slugs.as_ref());
        Ok(paging::page(&tools, page)?.map(|picked| picked.view()))
    }

    /// The tools that `identifier` can use now, once per `ACTIVE` account. Needs `agent_connectors:read`.
    ///
    /// # Errors
    /// As [`Engine::list_tools`].
    pub async fn scoped_tools(
        &self,
        caller: &Caller,
        identifier: &str,
        filter: &ToolFilter,
        page: &PageRequest,
    ) -> Result<Page<ScopedTool>, Error> {
        caller.require(Permission::ToolsRead)?;
        if identifier.is_empty() {
            return Err(Error::invalid("identifier", "is missing"));
        }
        let accounts = AccountFilter {
            identifier: Some(identifier.to_owned()),
            organization_id: filter.organization_id.clone(),
            user_id: filter.user_id.clone(),
            status: Some(AccountStatus::Active),
            ..AccountFilter::default()
        };
        let mut scoped = Vec::new();
        for (account, connection) in self.accounts_with_connections(caller, &accounts).await? {
            let named = |name: &String| *name == connection.name || *name == connection.id.as_str();
            if !connection.enabled
                || !(filter.connections.is_empty() || filter.connections.iter().any(named))
                || filter.account.as_ref().is_some_and(|id| *id != account.id.as_str())
            {
                continue;
            }
            let slug = BTreeSet::from([connection.connector.clone()]);
            for picked in self.picked(caller, filter, Some(&slug)) {
                // What the user did not grant is no tool of theirs.
                if picked.tool.missing_scopes(&account.scopes).is_empty() {
                    scoped.push((picked, account.id.clone(), connection.name.clone()));
                }
            }
        }
        Ok(paging::page(&scoped, page)?.map(|(picked, account, connection_name)| ScopedTool {
            tool: picked.view(),
            identifier: identifier.to_owned(),
            account: account.clone(),
            connection_name: connection_name.clone(),
        }))
    }

    /// The tools that `identifier` can use now, each once. Needs `agent_connectors:read`.
    ///
    /// # Errors
    /// As [`Engine::list_tools`].
    pub async fn available_tools(
        &self,
        caller: &Caller,
        identifier: &str,
        page: &PageRequest,
    ) -> Result<Page<ToolView>, Error> {
        if identifier.is_empty() {
            return Err(Error::invalid("identifier", "is missing"));
        }
        let filter = ToolFilter { identifier: Some(identifier.to_owned()), ..ToolFilter::default() };
        self.list_tools(caller, &filter, page).await
    }

    /// The tools that fit `query` best, at most `top_k` (0 means 10, at most 100). Needs `agent_connectors:read`.
    ///
    /// # Errors
    /// `invalid_argument` for an empty or overlong query.
    pub async fn search_tools(
        &self,
        caller: &Caller,
        query: &str,
        identifier: Option<&str>,
        top_k: u32,
    ) -> Result<Vec<FoundTool>, Error> {
        caller.require(Permission::ToolsRead)?;
        search::check_query("query", query)?;
        let top = match top_k {
            0 => DEFAULT_TOP,
            wanted => wanted.min(MAX_TOP),
        };
        let identifier = identifier.filter(|identifier| !identifier.is_empty());
        let all = self.picked(caller, &ToolFilter::default(), None);
        let ranked = search::rank(query, &search::entries(&all));
        let mut readiness = match identifier {
            Some(identifier) => Some(self.readiness(caller, identifier).await?),
            None => None,
        };
        let best = ranked.into_iter().take(top as usize).filter_map(|(position, score)| {
            let picked = all.get(position)?;
            let connections =
                readiness.as_mut().map(|readiness| readiness.of(&picked.connector.slug, &picked.tool));
            Some(FoundTool {
                tool: picked.view(),
                description: picked.tool.description.clone(),
                score,
                connections: connections.unwrap_or_default(),
            })
        });
        Ok(best.collect())
    }

    /// Every connector, by slug. Needs `agent_connectors:read`.
    ///
    /// # Errors
    /// `permission_denied`.
    pub fn list_connectors(&self, caller: &Caller) -> Result<Vec<ConnectorView>, Error> {
        caller.require(Permission::ToolsRead)?;
        let mut views: Vec<_> =
            self.0.connectors.iter().map(|connector| self.connector_view(connector)).collect();
        views.sort_by(|a, b| a.slug.cmp(&b.slug));
        Ok(views)
    }

    /// A connector by slug or official provider name. Needs `agent_connectors:read`.
    ///
    /// # Errors
    /// `connector_not_found`.
    pub fn get_connector(&self, caller: &Caller, name: &str) -> Result<ConnectorView, Error> {
        caller.require(Permission::ToolsRead)?;
        let connector =
            self.0.connectors.get(name).ok_or_else(|| Error::new(ErrorCode::ConnectorNotFound))?;
        Ok(self.connector_view(connector))
    }

    /// A tool by name or alias. Needs `agent_connectors:read`.
    ///
    /// # Errors
    /// `tool_not_found`, with the names that are near.
    pub fn get_tool(&self, caller: &Caller, name: &str) -> Result<ToolView, Error> {
        caller.require(Permission::ToolsRead)?;
        let (connector, tool) = self.tool_named(name)?;
        Ok(ToolView::new(&connector, &tool, name))
    }

    /// The names of tools that are near to one that does not exist.
    pub(crate) fn near_tools(&self, wanted: &str) -> Vec<String> {
        let names = self.0.connectors.iter().flat_map(|c| c.tools.iter()).map(|tool| tool.name.as_str());
        search::near_matches(wanted, names, NEAR_NAMES).into_iter().map(str::to_owned).collect()
    }

    /// The tools that fit what of the filter is about tools, of the connectors `slugs` (`None` means of all), and that the
    /// caller's token may call.
    fn picked(&self, caller: &Caller, filter: &ToolFilter, slugs: Option<&BTreeSet<String>>) -> Vec<Picked> {
        let of_wanted = |connector: &Connector| {
            slugs.is_none_or(|slugs| slugs.contains(&connector.slug))
                && (filter.connectors.is_empty()
                    || filter.connectors.iter().any(|name| {
                        self.0.connectors.get(name).is_some_and(|wanted| wanted.slug == connector.slug)
                    }))
        };
        let mut connectors: Vec<_> =
            self.0.connectors.iter().filter(|connector| of_wanted(connector)).collect();
        connectors.sort_by(|a, b| a.slug.cmp(&b.slug));
        let pick = |connector: &Arc<Connector>, tool: &Arc<Tool>, name: &str| Picked {
            connector: connector.clone(),
            tool: tool.clone(),
            name: name.to_owned(),
        };
        let mut tools: Vec<Picked> = if filter.tool_names.is_empty() {
            let all = connectors.iter().flat_map(|connector| {
                connector.tools.iter().map(move |tool| pick(connector, tool, &tool.name))
            });
            all.collect()
        } else {
            let asked: BTreeSet<&String> = filter.tool_names.iter().collect();
            let named = connectors.iter().flat_map(|connector| {
                asked.iter().filter_map(move |name| Some(pick(connector, connector.tool(name)?, name)))
            });
            named.collect()
        };
        if let Some(bounds) = &caller.bounds {
            tools.retain(|it| bounds.allow_tool(&it.connector.slug, &it.tool.name, it.tool.read_only));
        }
        if let Some(query) = filter.query.as_deref().filter(|query| !query.is_empty()) {
            let fitting: BTreeSet<usize> = search::rank(query, &search::entries(&tools))
                .into_iter()
                .map(|(position, _)| position)
                .collect();
            let mut position = 0;
            tools.retain(|_| {
                position += 1;
                fitting.contains(&(position - 1))
            });
        }
        tools
    }

    /// The connectors that what of the filter is about users and connections leaves over; `None` means all.
    async fn slugs(&self, caller: &Caller, filter: &ToolFilter) -> Result<Option<BTreeSet<String>>, Error> {
        let mut slugs: Option<BTreeSet<String>> = None;
        let mut narrow = |found: BTreeSet<String>| {
            slugs = Some(match slugs.take() {
                Some(before) => before.intersection(&found).cloned().collect(),
                None => found,
            });
        };
        if !filter.connections.is_empty() {
            let mut found = BTreeSet::new();
            for name in &filter.connections {
                match self.resolve_connection(&caller.environment, name).await {
                    Ok(connection) => found.extend([connection.connector]),
                    Err(error) if error.code() == ErrorCode::ConnectionNotFound => {}
                    Err(error) => return Err(error),
                }
            }
            narrow(found);
        }
        if let Some(id) = filter.account.as_ref().filter(|id| !id.is_empty()) {
            let account = crate::AccountRef::id(id.as_str());
            match self.resolve_account(&caller.environment, &account, None).await {
                Ok((account, _)) if !reaches(caller, &account) => narrow(BTreeSet::new()),
                Ok((_, connection)) => narrow(BTreeSet::from([connection.connector])),
                Err(error) if error.code() == ErrorCode::AccountNotFound => narrow(BTreeSet::new()),
                Err(error) => return Err(error),
            }
        }
        let given = |field: &Option<String>| field.clone().filter(|text| !text.is_empty());
        let accounts = AccountFilter {
            identifier: given(&filter.identifier),
            organization_id: given(&filter.organization_id),
            user_id: given(&filter.user_id),
            ..AccountFilter::default()
        };
        if accounts != AccountFilter::default() {
            let accounts = AccountFilter { status: Some(AccountStatus::Active), ..accounts };
            let found = self.accounts_with_connections(caller, &accounts).await?;
            let enabled = found.into_iter().filter(|(_, connection)| connection.enabled);
            narrow(enabled.map(|(_, connection)| connection.connector).collect());
        }
        Ok(slugs)
    }
}
