//! What the calls of one process share: refreshes under way, and what was told already.

use std::time::Duration;

use tokio::sync::Notify;
use valetkey_domain::AccountId;

use crate::{
    EngineSettings,
    execute::{Detached, ReadCache},
    limits::Limits,
    refresh::Refreshes,
};

/// How long the same news is not told again.
const NEWS_LASTS: Duration = Duration::from_secs(600);
const NEWS_REMEMBERED: u64 = 10_000;

/// How long a link that was made for an error is given again.
const LINK_LASTS: Duration = Duration::from_secs(300);
const LINKS_REMEMBERED: u64 = 10_000;

/// State of calls that lives and dies with the process. Nothing in it is needed after a restart.
pub(crate) struct Calls {
    /// Refreshes under way and their pauses.
    pub(crate) refreshes: Refreshes,
    /// Calls that nobody waits for.
    pub(crate) detached: Detached,
    /// Answers of tools that only read.
    pub(crate) reads: ReadCache,
    /// What is known of the providers' limits.
    pub(crate) limits: Limits,
    /// Told whenever a call ends whose answer is kept.
    pub(crate) answered: Notify,
    told: moka::sync::Cache<String, ()>,
    links: moka::future::Cache<(AccountId, u64), String>,
}

impl Calls {
    pub(crate) fn new(settings: &EngineSettings) -> Self {
        Self {
            detached: Detached::new(settings),
            reads: ReadCache::new(settings),
            limits: Limits::new(settings),
            answered: Notify::new(),
            refreshes: Refreshes::default(),
            told: moka::sync::Cache::builder().max_capacity(NEWS_REMEMBERED).time_to_live(NEWS_LASTS).build(),
            links: moka::future::Cache::builder()
                .max_capacity(LINKS_REMEMBERED)
                .time_to_live(LINK_LASTS)
                .build(),
        }
    }

    /// Whether `news` was not told within the last minutes; notes that it is told now.
    pub(crate) fn is_news(&self, news: &str) -> bool {
        self.told.entry_by_ref(news).or_insert(()).is_fresh()
    }

    /// The link that was made for this account in this version lately, or else the one that `make` brings. Many failing
    /// calls at the same time share one.
    pub(crate) async fn link(
        &self,
        key: (AccountId, u64),
        make: impl Future<Output = Option<String>>,
    ) -> Option<String> {
        self.links.optionally_get_with(key, make).await
    }
}
