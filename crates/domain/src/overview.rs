//! What an environment looks like from afar: counts, for people who look after it.

use crate::{AccountStatus, EnvironmentId, Time};

/// What an environment looks like from afar.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overview {
    /// How many accounts are in each status that has any.
    pub accounts: Vec<(AccountStatus, u64)>,
    /// How the newest executions went, by connector, in the order of their slugs.
    pub executions: Vec<ConnectorUse>,
    /// Accounts whose renewals fail in passing, counted up to [`OverviewSpan::at_most`].
    pub degraded: u64,
    /// Accounts that the background renews by the instant that was asked for, counted up to [`OverviewSpan::at_most`].
    pub due: u64,
}

/// How many accounts were in a status on a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusCount {
    /// The day: its first instant, in UTC.
    pub day: Time,
    /// The status.
    pub status: AccountStatus,
    /// How many there were when the day was counted last.
    pub accounts: u64,
}

/// How many accounts of an environment are in a status now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountsInStatus {
    /// The environment.
    pub environment: EnvironmentId,
    /// The status.
    pub status: AccountStatus,
    /// How many there are; statuses that no account is in are left out.
    pub accounts: u64,
}

/// How the executions of a connector went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectorUse {
    /// The slug of the connector.
    pub connector: String,
    /// How many there were.
    pub executions: u64,
    /// How many of them failed, or are of unknown outcome.
    pub failed: u64,
}

/// The span that an [`Overview`] looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverviewSpan {
    /// Executions that began at this instant or later count.
    pub since: Time,
    /// At most this many of them, the newest.
    pub at_most: u32,
    /// Renewals up to this instant are due.
    pub due_by: Time,
}
