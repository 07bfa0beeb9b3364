//! What is written together.

use super::Change;

/// A list of changes that belong together.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Changes(pub Vec<Change>);

impl Changes {
    /// No change yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With one more change.
    #[must_use]
    pub fn and(mut self, change: Change) -> Self {
        self.0.push(change);
        self
    }

    /// With all changes of another list after its own.
    #[must_use]
    pub fn with(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }

    /// With one more change, if there is one.
    #[must_use]
    pub fn and_maybe(mut self, change: Option<Change>) -> Self {
        self.0.extend(change);
        self
    }
}

impl From<Change> for Changes {
    fn from(change: Change) -> Self {
        Self(vec![change])
    }
}
