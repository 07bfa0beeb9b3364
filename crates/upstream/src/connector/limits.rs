//! `api.limits` of a connector file: what the provider allows, and whom it counts against.

use std::{collections::BTreeMap, sync::Arc};

use serde::Deserialize;

use crate::tool::Tool;

/// What a provider allows, and whom it counts against.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ApiLimits {
    /// The provider's public page that the declared figures are from.
    pub source: Option<String>,
    /// Whom a limit counts against that the provider tells of, unless its code is in `codes`. Default: the account.
    pub counts: LimitScope,
    /// Whom the limits with these codes of the provider count against.
    pub codes: BTreeMap<String, LimitScope>,
    /// How many calls an account may make. Declared only where the provider documents it and does not tell in time.
    pub account: Option<Rate>,
    /// How many calls all accounts of an OAuth client may make together.
    pub client: Option<Rate>,
    /// How many calls of one account may be under way at once.
    pub at_once: Option<u32>,
    /// What a call of a tool costs where the provider counts units instead of calls; 1 if it is not named. `account` and
    /// `client` are units then.
    pub costs: BTreeMap<String, u32>,
    /// Rates of single tools or of groups of them, for each account.
    pub tools: Vec<ToolRate>,
}

/// A rate that holds for some tools of an account.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolRate {
    /// How many calls.
    pub rate: Rate,
    /// Of which tools.
    pub of: Vec<String>,
    /// Whether these tools share the rate, instead of having it each.
    #[serde(default)]
    pub together: bool,
    /// The input whose values are counted apart, such as `channel`; each of the tools has it.
    #[serde(default)]
    pub per: Option<String>,
}

/// A rate that a call of a tool counts against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ToolCount<'a> {
    /// What it is counted under: the tool or the first of its group.
    pub under: &'a str,
    /// The rate.
    pub rate: Rate,
    /// The input whose values are counted apart.
    pub per: Option<&'a str>,
}

/// Whom a limit counts against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitScope {
    /// Each account for itself.
    #[default]
    Account,
    /// The OAuth client: all accounts of the connection, or of all connections with the shared client.
    Client,
}

/// So many calls (or units) in so many seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// How many calls, at least 1.
    pub requests: u32,
    /// In how many seconds, 1 to 3600.
    pub seconds: u32,
}

impl ApiLimits {
    /// What a call of this tool costs, in units.
    #[must_use]
    pub fn cost(&self, tool: &str) -> u32 {
        self.costs.get(tool).copied().unwrap_or(1)
    }

    /// The rates of this tool's own.
    pub fn of_tool(&self, tool: &str) -> impl Iterator<Item = ToolCount<'_>> {
        self.tools.iter().filter_map(move |group| {
            let name = group.of.iter().find(|name| *name == tool)?;
            let under = if group.together { group.of.first()? } else { name };
            Some(ToolCount { under, rate: group.rate, per: group.per.as_deref() })
        })
    }

    /// Whether figures are declared: those of our own connectors need a source.
    #[must_use]
    pub fn declares(&self) -> bool {
        self.account.is_some() || self.client.is_some() || self.at_once.is_some() || !self.tools.is_empty()
    }

    /// Checks the figures against the tools that there are.
    ///
    /// # Errors
    /// Where it is wrong, below `api.limits`, and why.
    pub(super) fn check(&self, tools: &[Arc<Tool>]) -> Result<(), (String, &'static str)> {
        let is_tool = |name: &str| tools.iter().any(|tool| tool.name == name);
        let fits = |rate: &Rate| rate.requests > 0 && (1..=3600).contains(&rate.seconds);
        for (place, rate) in [("account", self.account), ("client", self.client)] {
            if rate.is_some_and(|rate| !fits(&rate)) {
                return Err((place.into(), "expected at least 1 request in 1 to 3600 seconds"));
            }
            let dearest = self.costs.values().max().copied().unwrap_or(1);
            if rate.is_some_and(|rate| rate.requests < dearest) {
                return Err((place.into(), "a call costs more than this allows at all"));
            }
        }
        if self.at_once == Some(0) {
            return Err(("at_once".into(), "expected at least 1"));
        }
        for (tool, cost) in &self.costs {
            if !is_tool(tool) || *cost == 0 {
                return Err((format!("costs.{tool}"), "expected a tool of this file and at least 1 unit"));
            }
        }
        for (at, group) in self.tools.iter().enumerate() {
            if !fits(&group.rate) {
                return Err((
                    format!("tools[{at}].rate"),
                    "expected at least 1 request in 1 to 3600 seconds",
                ));
            }
            if group.of.is_empty() || group.of.iter().any(|tool| !is_tool(tool)) {
                return Err((format!("tools[{at}].of"), "expected tools of this file"));
            }
            let takes = |input: &String| {
                let mut of_group = tools.iter().filter(|tool| group.of.contains(&tool.name));
                of_group.all(|tool| tool.input_schema["properties"].get(input).is_some())
            };
            if group.per.as_ref().is_some_and(|input| !takes(input)) {
                return Err((format!("tools[{at}].per"), "expected an input that each of the tools takes"));
            }
        }
        Ok(())
    }
}
