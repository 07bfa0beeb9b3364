//! A look at a database that changes nothing in it: for diagnosis, also where the server cannot start.

use valetkey_domain::Time;

/// What a look at a database found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// Where it is: a path, or host, port and name. Never the password.
    pub place: String,
    /// The number of its last migration; `None` if there is nothing yet.
    pub applied: Option<u32>,
    /// The names of the migrations that this version would apply.
    pub pending: Vec<&'static str>,
    /// The time by the database server's own clock, and how long the answer took; SQLite has none.
    pub clock: Option<(Time, std::time::Duration)>,
}

impl Inspection {
    pub(crate) fn new(place: String, applied: Option<u32>, known: &[(&'static str, &str)]) -> Self {
        let pending = known.iter().skip(applied.unwrap_or(0) as usize).map(|(name, _)| *name).collect();
        Self { place, applied, pending, clock: None }
    }
}
