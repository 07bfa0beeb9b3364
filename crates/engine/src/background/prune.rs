//! Removes what is older than it is kept, a little at a time.

use std::time::Duration as StdDuration;

use async_trait::async_trait;
use time::Duration;
use valetkey_domain::{Error, store::Prunable};

use super::{BackgroundSettings, Job, Progress};
use crate::Engine;

/// How much is removed in one write: little enough that no call waits for it.
const BATCH: u32 = 500;
/// How long an invitation that has expired is told apart from one that never was.
const KEEP_INVITATIONS: Duration = Duration::days(30);

/// How long work on many accounts that ended can be looked at.
const KEEP_BULKS: Duration = Duration::days(30);
/// How long messages to webhooks can be looked at, and sent again, that arrived.
const KEEP_DELIVERED: Duration = Duration::days(7);
/// The same of those that did not, and how long those wait at most whose webhook is off.
const KEEP_UNDELIVERED: Duration = Duration::days(30);

pub(super) struct Prune {
    pub(super) settings: BackgroundSettings,
}

#[async_trait]
impl Job for Prune {
    fn name(&self) -> &'static str {
        "prune"
    }

    fn period(&self) -> StdDuration {
        StdDuration::from_secs(3600)
    }

    async fn run(&self, engine: &Engine) -> Result<(u64, Progress), Error> {
        let now = engine.now();
        let (mut removed, mut more) = (0, false);
        for (what, kept) in [
            (Prunable::Events, self.settings.keep_events),
            (Prunable::Executions, self.settings.keep_executions),
            (Prunable::Refreshes, self.settings.keep_refreshes),
            (Prunable::AuthRequests, self.settings.keep_auth_requests),
            (Prunable::Answers, time::Duration::ZERO),
            (Prunable::Sessions, Duration::ZERO),
            (Prunable::Invitations, KEEP_INVITATIONS),
            (Prunable::Bulks, KEEP_BULKS),
            (Prunable::Delivered, KEEP_DELIVERED),
            (Prunable::Undelivered, KEEP_UNDELIVERED),
            (Prunable::WebhookSecrets, Duration::ZERO),
        ] {
            let Some(mut before) = now.checked_sub(kept) else { continue };
            // S57: that they go is in the audit log before they do, or else they would seem to be taken away.
            if what == Prunable::Executions {
                let Some(noted) = engine.note_removal(before).await? else { continue };
                before = noted;
            }
            let gone = engine.0.store.prune(what, before, BATCH).await?;
            removed += gone;
            more |= gone == u64::from(BATCH);
        }
        Ok((removed, if more { Progress::More } else { Progress::Idle }))
    }
}
