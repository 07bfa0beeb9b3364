//! What an environment looks like from afar, and what needs a person now.

use time::Duration;
use valetkey_domain::{
    AccountStatus, Caller, Error, ErrorCode, PageRequest, Permission, Time,
    overview::{Overview, OverviewSpan},
    refresh::Frozen,
    store::{AccountFilter, ConnectionFilter},
};

use crate::{AccountView, ConnectionView, Engine};

/// How far back executions are counted.
const LOOK_BACK: Duration = Duration::hours(24);
/// How many executions are counted at most.
const AT_MOST: u32 = 10_000;
/// How far ahead renewals are counted.
const LOOK_AHEAD: Duration = Duration::hours(1);
/// How many accounts in each status are named.
const NAMED: u32 = 5;

/// Something that does not go away by itself.
#[derive(Debug, Clone, PartialEq)]
pub enum Need {
    /// The database was restored or copied.
    Frozen(Frozen),
    /// The provider refuses the connection's own configuration: all of its accounts are concerned.
    Connection(Box<ConnectionView>),
    /// Accounts in a status that only a person can end.
    Accounts {
        /// The status.
        status: AccountStatus,
        /// How many there are.
        count: u64,
        /// The newest of them.
        newest: Vec<AccountView>,
    },
}

/// The overview of an environment.
#[derive(Debug, Clone, PartialEq)]
pub struct OverviewView {
    /// What was counted.
    pub counts: Overview,
    /// From when on executions count.
    pub since: Time,
    /// How many executions are counted at most.
    pub at_most: u32,
    /// Until when renewals are due.
    pub due_by: Time,
    /// What needs a person, the most urgent first.
    pub needs: Vec<Need>,
}

impl Engine {
    /// The overview of the caller's environment. Needs `connected_accounts:read`, `connections:read` and
    /// `agent_logs:read`.
    ///
    /// # Errors
    /// `permission_denied`.
    pub async fn overview(&self, caller: &Caller) -> Result<OverviewView, Error> {
        for permission in [Permission::AccountsRead, Permission::ConnectionsRead, Permission::ExecutionsRead]
        {
            caller.require(permission)?;
        }
        let now = self.now();
        let span = OverviewSpan { since: now - LOOK_BACK, at_most: AT_MOST, due_by: now + LOOK_AHEAD };
        let counts = self.0.store.overview(&caller.environment, &span).await?;
        let mut needs = Vec::new();
        needs.extend(self.0.store.frozen().await?.map(Need::Frozen));
        let most = PageRequest { size: 100, cursor: None };
        let connections = self.list_connections(caller, &ConnectionFilter::default(), &most).await?;
        let faulted = connections.items.into_iter().filter(|view| view.connection.fault.is_some());
        needs.extend(faulted.map(|view| Need::Connection(Box::new(view))));
        use AccountStatus as S;
        for status in [S::Error, S::Revoked, S::Expired, S::PendingVerification] {
            let counted = counts.accounts.iter().find(|(found, _)| *found == status);
            let Some(&(_, count)) = counted else { continue };
            let filter = AccountFilter { status: Some(status), ..AccountFilter::default() };
            let page = PageRequest { size: NAMED, cursor: None };
            let newest = self.list_accounts(caller, &[], filter, &page).await?.items;
            needs.push(Need::Accounts { status, count, newest });
        }
        Ok(OverviewView { counts, since: span.since, at_most: AT_MOST, due_by: span.due_by, needs })
    }
}

impl Need {
    /// What the catalogue says about it.
    #[must_use]
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Frozen(_) => Some(ErrorCode::GrantFrozen),
            Self::Connection(view) => view.connection.fault.as_ref().map(|fault| fault.code),
            Self::Accounts { status, .. } => status.refusal(),
        }
    }
}
