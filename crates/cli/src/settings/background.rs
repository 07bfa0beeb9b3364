//! What part of the work this process does, and how long things are kept.

use std::time::Duration;

use valetkey_engine::BackgroundSettings;

use super::read::Reader;

/// What part of the work a process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Role {
    /// Answers requests and does the background work.
    #[default]
    All,
    /// Answers requests only.
    Api,
    /// Does the background work only, and answers health checks.
    Worker,
}

/// What part of the work this process does, and the bounds of the background.
#[derive(Debug, Clone)]
pub(crate) struct Work {
    pub(crate) role: Role,
    pub(crate) refresh_deadline: Option<Duration>,
    pub(crate) background: BackgroundSettings,
}

impl Work {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let role = match reader.text("role").as_deref() {
            None | Some("all") => Role::All,
            Some("api") => Role::Api,
            Some("worker") => Role::Worker,
            Some(other) => {
                reader.refuse("role", format!("{other:?} is none of all, api, worker"));
                Role::All
            }
        };
        let mut background = BackgroundSettings::default();
        let mut days = |setting, target: &mut time::Duration| {
            if let Some(days) = reader.number(setting, 1..=3650) {
                *target = time::Duration::days(i64::try_from(days).unwrap_or(i64::MAX));
            }
        };
        days("keep_events_days", &mut background.keep_events);
        days("keep_executions_days", &mut background.keep_executions);
        background.keep_refreshes = background.keep_events;
        let count = |reader: &mut Reader, setting, most| {
            reader.number(setting, 1..=most).and_then(|n| usize::try_from(n).ok())
        };
        if let Some(width) = count(reader, "refreshes_per_provider", 1_000) {
            background.per_provider = width;
            background.at_once = background.at_once.max(width);
        }
        Self { role, refresh_deadline: reader.seconds("refresh_deadline_s", 1..=600), background }
    }
}
