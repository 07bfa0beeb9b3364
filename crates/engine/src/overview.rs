//! What an environment looks like from afar, and what needs a person now.

use time::Duration;
use valetkey_domain::{
    AccountStatus, Caller, Error, ErrorCode, Finding, PageRequest, Permission, Time,
    diagnosis::Verdict,
    overview::{Overview, OverviewSpan, StatusCount},
    refresh::Frozen,
    store::{AccountFilter, ConnectionFilter},
    webhook::Webhook,
};

use crate::{
    AccountRef, AccountView, ConnectionView, DiagnosisOf, DiagnosisOptions, Engine, support::without_links,
};

/// How far back executions are counted.
const LOOK_BACK: Duration = Duration::hours(24);
/// How many executions are counted at most.
const AT_MOST: u32 = 10_000;
/// How far ahead renewals are counted.
const LOOK_AHEAD: Duration = Duration::hours(1);
/// How many accounts in each status are looked at closely, and named.
const NAMED: u32 = 5;
/// How long an endpoint fails before it needs somebody: two tries after the first one.
const WEBHOOK_FAILS: Duration = Duration::minutes(10);
/// How far back the statuses of accounts are shown.
const HISTORY: Duration = Duration::days(90);

/// Something that does not go away by itself.
#[derive(Debug, Clone, PartialEq)]
pub enum Need {
    /// The database was restored or copied.
    Frozen(Frozen),
    /// The provider refuses the connection's own configuration: all of its accounts are concerned.
    Connection(Box<ConnectionView>),
    /// A webhook gets no messages: its endpoint fails, or it was turned off because it did.
    Webhook(Box<Webhook>),
    /// Accounts in a status that only a person can end.
    Accounts {
        /// The status.
        status: AccountStatus,
        /// How many there are.
        count: u64,
        /// Why, for the newest of them: what hits most of them first.
        causes: Vec<NeedCause>,
    },
    /// Accounts that work as long as their access token lives, and whose renewals fail.
    Failing {
        /// How many there are.
        count: u64,
        /// Why, for the newest of them.
        causes: Vec<NeedCause>,
    },
}

/// What the diagnosis finds about some accounts.
#[derive(Debug, Clone, PartialEq)]
pub struct NeedCause {
    /// The first finding; `None` if nothing is known to be wrong.
    pub finding: Option<Finding>,
    /// The accounts that it is about. The finding's words are those of the first.
    pub accounts: Vec<AccountView>,
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
    /// How many accounts were in each status, day by day.
    pub history: Vec<StatusCount>,
}

impl Engine {
    /// The overview of the caller's environment. Needs `connected_accounts:read`, `connections:read` and
    /// `agent_logs:read`; webhooks are looked at for who has `webhooks:read`.
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
        if caller.permissions.allows(Permission::WebhooksRead) {
            needs.extend(self.webhooks_in_need(caller, &most).await?);
        }
        use AccountStatus as S;
        for status in [S::Error, S::Revoked, S::Expired, S::PendingVerification] {
            let counted = counts.accounts.iter().find(|(found, _)| *found == status);
            let Some(&(_, count)) = counted else { continue };
            let filter =
                AccountFilter { status: Some(status), count_at_most: Some(0), ..AccountFilter::default() };
            let page = PageRequest { size: NAMED, cursor: None };
            let newest = self.list_accounts(caller, &[], filter, &page).await?.items;
            needs.push(Need::Accounts { status, count, causes: self.causes(caller, newest).await? });
        }
        if counts.degraded > 0 {
            let filter = AccountFilter {
                degraded: true,
                status: Some(S::Active),
                count_at_most: Some(0),
                ..AccountFilter::default()
            };
            let page = PageRequest { size: NAMED, cursor: None };
            let newest = self.list_accounts(caller, &[], filter, &page).await?.items;
            let causes = self.causes(caller, newest).await?;
            needs.push(Need::Failing { count: counts.degraded, causes });
        }
        let history = self.0.store.status_history(&caller.environment, now - HISTORY).await?;
        Ok(OverviewView { counts, since: span.since, at_most: AT_MOST, due_by: span.due_by, needs, history })
    }

    /// Webhooks that get no messages, those that are off first and then the one that has failed longest.
    async fn webhooks_in_need(&self, caller: &Caller, most: &PageRequest) -> Result<Vec<Need>, Error> {
        let now = self.now();
        let mut found = self.list_webhooks(caller, most).await?.items;
        found.retain(|webhook| {
            let just_began = webhook.failing_since.is_some_and(|since| now - since < WEBHOOK_FAILS);
            webhook.needs_somebody() && (webhook.disabled.is_some() || !just_began)
        });
        found.sort_by_key(|webhook| (webhook.disabled.is_none(), webhook.failing_since));
        Ok(found.into_iter().map(|webhook| Need::Webhook(Box::new(webhook))).collect())
    }

    /// Why these accounts do not work, as far as is known without asking anybody; like causes together, and the one
    /// that hits most of them first. An overview that is only looked at makes no authorization links.
    async fn causes(&self, caller: &Caller, accounts: Vec<AccountView>) -> Result<Vec<NeedCause>, Error> {
        let caller = without_links(caller);
        let mut causes: Vec<NeedCause> = Vec::new();
        for view in accounts {
            let of = DiagnosisOf::Account(AccountRef::id(view.account.id.as_str()));
            let finding = match self.diagnose(&caller, &of, &DiagnosisOptions::default()).await {
                Ok(found) => found.findings.into_iter().find(|one| one.severity != Verdict::Healthy),
                // It went away while it was looked at.
                Err(error) if error.code() == ErrorCode::AccountNotFound => continue,
                Err(error) => return Err(error),
            };
            let code = finding.as_ref().map(|finding| finding.code);
            let same = causes.iter_mut().find(|cause| {
                cause.finding.as_ref().map(|finding| finding.code) == code
                    && cause.accounts.iter().all(|other| other.account.connection == view.account.connection)
            });
            match same {
                Some(cause) => cause.accounts.push(view),
                None => causes.push(NeedCause { finding, accounts: vec![view] }),
            }
        }
        causes.sort_by_key(|cause| std::cmp::Reverse(cause.accounts.len()));
        Ok(causes)
    }
}

impl Need {
    /// What the catalogue says about it.
    #[must_use]
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Frozen(_) => Some(ErrorCode::GrantFrozen),
            Self::Connection(view) => view.connection.fault.as_ref().map(|fault| fault.code),
            Self::Webhook(_) => Some(ErrorCode::WebhookFailing),
            Self::Accounts { status, .. } => status.refusal(),
            Self::Failing { causes, .. } => {
                causes.iter().find_map(|cause| cause.finding.as_ref()).map(|finding| finding.code)
            }
        }
    }
}
