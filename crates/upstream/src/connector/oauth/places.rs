//! Lists of places (sites, companies, workspaces) of which an account has one.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::connector::{Connector, JsonPath};

/// Says that a follow-up's answer is a list of places, and that the account is of one of them: of the one that a variable
/// of the connection names, else of the one that it was of before, else of the only one. The paths of the follow-up's
/// `metadata` begin at a place.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Places {
    /// Where the list is; the answer itself unless stated.
    pub list: Option<JsonPath>,
    /// The fact that tells places apart, a name in the follow-up's `metadata`.
    pub id: String,
    /// The fact that is a place's name for people.
    pub name: String,
    /// The fact that is a place's address for people, if there is one.
    pub url: Option<String>,
    /// The variable of the connection that chooses, by id, address or name. It must be optional.
    pub variable: String,
}

impl Places {
    /// The facts by which a place is known: id, address, name.
    pub fn facts(&self) -> impl Iterator<Item = &str> {
        [Some(&self.id), self.url.as_ref(), Some(&self.name)].into_iter().flatten().map(String::as_str)
    }
}

/// Which place of the provider an account is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountPlace {
    /// The provider's id of it.
    pub id: String,
    /// Its name for people.
    pub name: Option<String>,
    /// Its address for people.
    pub url: Option<String>,
}

impl Connector {
    /// Which place an account with this metadata is of; `None` where accounts have no place, or none yet.
    #[must_use]
    pub fn place(&self, metadata: &BTreeMap<String, String>) -> Option<AccountPlace> {
        let follow_ups = self.auth.oauth().map(|profile| profile.follow_ups.as_slice()).unwrap_or_default();
        let places = follow_ups.iter().find_map(|call| call.places.as_ref())?;
        Some(AccountPlace {
            id: metadata.get(&places.id)?.clone(),
            name: metadata.get(&places.name).cloned(),
            url: places.url.as_ref().and_then(|url| metadata.get(url)).cloned(),
        })
    }
}
