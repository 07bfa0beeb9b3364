//! Where a credential goes in a call, and what a person enters for it.

use serde::Deserialize;
use valetkey_domain::language::Words;

use super::TextTemplate;

/// One place in an outgoing call that carries a credential. Exactly one of the members is given.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Placement {
    /// A header.
    pub header: Option<HeaderPlacement>,
    /// A parameter of the query.
    pub query: Option<QueryPlacement>,
    /// HTTP Basic (RFC 7617).
    pub basic: Option<BasicPlacement>,
}

/// A header that carries a credential.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeaderPlacement {
    /// Its name.
    pub name: String,
    /// Its value: `Bearer {access_token}`, `{api_key}`.
    pub value: TextTemplate,
}

/// A query parameter that carries a credential.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueryPlacement {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: TextTemplate,
}

/// User name and password of HTTP Basic.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BasicPlacement {
    /// The user name.
    pub username: TextTemplate,
    /// The password.
    pub password: TextTemplate,
}

/// How a credential without OAuth is entered and sent (`auth.api_key`, `auth.basic`, `auth.bearer`).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StaticAuth {
    /// What a person enters, in the order of the form.
    pub fields: Vec<Field>,
    /// Where it goes; templates know the fields by name, and `var.…`.
    pub attach: Vec<Placement>,
}

/// One field of the form for a credential.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// Its name in the API and in templates.
    pub name: String,
    /// Its label on the form.
    pub label: Words,
    /// Whether it is hidden while typing and never shown again.
    #[serde(default = "yes")]
    pub secret: bool,
    /// Whether it may be left out.
    #[serde(default)]
    pub optional: bool,
    /// Where to find it, in a sentence.
    pub help: Option<Words>,
    /// The page where it is found or made.
    pub url: Option<String>,
    /// What it must look like as a whole: a regular expression.
    pub pattern: Option<String>,
    /// What it looks like, shown in the empty field. Never a real secret.
    pub placeholder: Option<String>,
}

fn yes() -> bool {
    true
}

impl Placement {
    /// `Authorization: Bearer {access_token}` (RFC 6750 §2.1).
    #[must_use]
    pub fn bearer() -> Vec<Self> {
        vec![Self {
            header: TextTemplate::parse("Bearer {access_token}")
                .ok()
                .map(|value| HeaderPlacement { name: "Authorization".into(), value }),
            query: None,
            basic: None,
        }]
    }

    /// Every template of the placement.
    pub fn templates(&self) -> impl Iterator<Item = &TextTemplate> {
        let header = self.header.iter().map(|h| &h.value);
        let query = self.query.iter().map(|q| &q.value);
        let basic = self.basic.iter().flat_map(|b| [&b.username, &b.password]);
        header.chain(query).chain(basic)
    }
}
