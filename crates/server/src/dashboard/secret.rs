//! A secret that is shown once.

use askama::Template;

use super::shell::{Answer, Shell, show};

/// The page of a secret.
#[derive(Template)]
#[template(path = "dashboard/secret.html")]
pub(super) struct SecretPage {
    pub(super) shell: Shell,
    pub(super) title: String,
    /// What is kept of it, and what to do with it.
    pub(super) told: String,
    pub(super) lines: Vec<(&'static str, String)>,
    /// Where to go from here: the address and its words.
    pub(super) back: (String, &'static str),
}

impl SecretPage {
    pub(super) fn show(self) -> Answer {
        Ok(show(&self))
    }
}
