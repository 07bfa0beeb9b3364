//! Which records a list shows, and which are removed by age.

use serde::{Deserialize, Serialize};

use crate::{
    AccountId, AccountStatus, ConnectionId, ErrorCode, Time, event::EventKind, execution::ExecutionStatus,
};

/// Which connections.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConnectionFilter {
    /// Of this connector.
    pub connector: Option<String>,
    /// Whose name contains this, whatever the case.
    pub query: Option<String>,
}

/// Which accounts. It is kept with work on many of them, so a field that it has no more must go on being read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AccountFilter {
    /// Of one of these connections; empty means any.
    pub connections: Vec<ConnectionId>,
    /// With exactly this identifier.
    pub identifier: Option<String>,
    /// With exactly this name among the accounts of its identifier.
    pub name: Option<String>,
    /// Of this organization.
    pub organization_id: Option<String>,
    /// Of this user.
    pub user_id: Option<String>,
    /// In this status.
    pub status: Option<AccountStatus>,
    /// Of a connection of this connector.
    pub connector: Option<String>,
    /// Behind which the provider named exactly this account of its own.
    pub provider_subject: Option<String>,
    /// Whose identifier, label, id, organization or user id contains this, whatever the case.
    pub query: Option<String>,
    /// Whose renewals fail in passing.
    pub degraded: bool,
    /// How many of them are counted at most; `None` counts all of them.
    pub count_at_most: Option<u32>,
}

/// Which events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// About this account.
    pub account: Option<AccountId>,
    /// About this connection.
    pub connection: Option<ConnectionId>,
    /// Of one of these kinds; empty means any.
    pub kinds: Vec<EventKind>,
    /// With this cause.
    pub code: Option<ErrorCode>,
    /// At or after this instant.
    pub since: Option<Time>,
    /// Before this instant.
    pub until: Option<Time>,
    /// How many of them are counted at most; `None` counts all of them.
    pub count_at_most: Option<u32>,
}

/// Which executions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExecutionFilter {
    /// Of this account.
    pub account: Option<AccountId>,
    /// Of this connection.
    pub connection: Option<ConnectionId>,
    /// Of this tool.
    pub tool: Option<String>,
    /// With this end.
    pub status: Option<ExecutionStatus>,
    /// How many of them are counted at most; `None` counts all of them.
    pub count_at_most: Option<u32>,
}

/// What grows without end and is removed by age.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Prunable {
    /// Events.
    Events,
    /// Executions that ended.
    Executions,
    /// Authorization attempts whose link has expired.
    AuthRequests,
    /// Refresh attempts that ended, but the last one of each account.
    Refreshes,
    /// Kept answers whose time is over.
    Answers,
    /// Sessions that have expired.
    Sessions,
    /// Invitations that have expired.
    Invitations,
    /// Work on many accounts that ended.
    Bulks,
    /// Messages to webhooks that arrived.
    Delivered,
    /// Messages to webhooks that did not arrive.
    Undelivered,
    /// Secrets of webhooks that are not used any more.
    WebhookSecrets,
}
