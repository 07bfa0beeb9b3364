//! Histories of accounts and connections.

use clap::Args;
use serde_json::Value;

use super::{PageArgs, view::table};

/// Which events.
#[derive(Debug, Clone, Args)]
pub(crate) struct EventFilter {
    /// Of this kind, such as account.expired. Repeatable
    #[arg(long = "kind", value_name = "KIND")]
    kinds: Vec<String>,
    /// With this cause: a code of the catalogue
    #[arg(long)]
    code: Option<String>,
    /// At or after this instant, such as 2026-01-01T00:00:00Z
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Before this instant
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
}

impl EventFilter {
    pub(super) fn query(self, page: PageArgs) -> [(&'static str, Option<String>); 6] {
        let [size, token] = page.query();
        let kinds = (!self.kinds.is_empty()).then(|| self.kinds.join(","));
        [("kind", kinds), ("code", self.code), ("since", self.since), ("until", self.until), size, token]
    }
}

/// A history as a table.
pub(super) fn events(answer: &Value) -> String {
    table(answer, &["at", "kind", "actor", "code", "data"])
}
