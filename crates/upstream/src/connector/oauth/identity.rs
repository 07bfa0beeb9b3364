//! Who is behind a grant, and what else must be asked once.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Places;
use crate::connector::{JsonPath, UrlTemplate};

/// Where the account behind a grant is named.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Userinfo {
    /// The endpoint. Use [`crate::connector::Target::userinfo_url`].
    pub url: UrlTemplate,
    /// `GET` unless stated.
    #[serde(default)]
    pub method: CallMethod,
    /// A JSON body (a GraphQL query, say), as text of the file.
    pub json: Option<serde_json::Value>,
    /// Further headers.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The provider's own id of the account; several are joined by `:`, absent ones skipped.
    #[serde(default = "subject")]
    pub subject: Vec<JsonPath>,
    /// A label for people: the first one that is there.
    #[serde(default = "label")]
    pub label: Vec<JsonPath>,
    /// Facts to keep as account metadata.
    #[serde(default)]
    pub metadata: BTreeMap<String, JsonPath>,
}

/// A call made once after the exchange, with the fresh credential.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FollowUp {
    /// The address.
    pub url: UrlTemplate,
    /// `GET` unless stated.
    #[serde(default)]
    pub method: CallMethod,
    /// Facts to keep as account metadata; a missing one fails the authorization.
    pub metadata: BTreeMap<String, JsonPath>,
    /// Set where the answer is a list of places, one of which the account is of.
    pub places: Option<Places>,
}

/// GET or POST.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum CallMethod {
    /// GET.
    #[default]
    Get,
    /// POST.
    Post,
}

fn subject() -> Vec<JsonPath> {
    vec![JsonPath::member("sub")]
}

fn label() -> Vec<JsonPath> {
    vec![JsonPath::member("email"), JsonPath::member("preferred_username"), JsonPath::member("name")]
}
