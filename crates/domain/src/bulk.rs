//! Work on many accounts: what was asked for and how far it is. It outlives the process that began it.

use serde::{Deserialize, Serialize};

use crate::{AccountId, EnvironmentId, ErrorCode, InstanceId, Time, UserId, store::AccountFilter};

/// What shall be done, and with which accounts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BulkPlan {
    /// The action, by its name in the audit log.
    pub action: String,
    /// What shall become of accounts that a revocation would end too, by its name on the wire.
    pub siblings: String,
    /// These accounts, in the order of their ids; or else those that fit.
    pub accounts: Option<Vec<AccountId>>,
    /// Of connections of these names or ids; empty means of any.
    pub connections: Vec<String>,
    /// What they must be like.
    pub filter: AccountFilter,
}

/// What did not work for one account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BulkFailure {
    /// The account.
    pub account: AccountId,
    /// Its identifier, if it was found.
    pub identifier: String,
    /// The code of the error.
    pub code: ErrorCode,
    /// Its message.
    pub message: String,
}

/// How far a piece of work is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct BulkProgress {
    /// How many accounts there were when it began.
    pub total: u64,
    /// How many of them it worked for.
    pub done: u64,
    /// How many of them it did not work for.
    pub failed: u64,
    /// The first failures.
    pub failures: Vec<BulkFailure>,
    /// The last account that was worked on; all before it in the list were too.
    pub after: Option<AccountId>,
    /// The accounts that are worked on now, those that come after `after`. Whoever takes the work over begins with them:
    /// what was done to some of them may have taken them out of the list. Empty before the first look at the list.
    #[serde(default)]
    pub under_way: Vec<AccountId>,
    /// Somebody said that it shall end.
    pub stop: bool,
    /// It ended before its end: it was told to, or it could not go on.
    pub broken_off: bool,
}

/// One piece of work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BulkWork {
    /// Its id.
    pub id: String,
    /// Where its accounts are.
    pub environment: EnvironmentId,
    /// Who began it, as the audit log names them. Nobody else is shown it.
    pub actor: String,
    /// The user who began it, if it was one: they must go on being allowed to.
    pub user: Option<UserId>,
    /// What shall be done.
    pub plan: BulkPlan,
    /// How far it is.
    pub progress: BulkProgress,
    /// The process that works on it; `None` if none does, or one that did not say so. When it is gone, anybody may take
    /// the work over.
    pub holder: Option<InstanceId>,
    /// Until when whoever works on it is believed to do so. Afterwards anybody may take it over too.
    pub lease_until: Time,
    /// Counts the changes.
    pub version: u64,
    /// When it began.
    pub began_at: Time,
    /// When it ended; `None` while it is under way.
    pub ended_at: Option<Time>,
}
