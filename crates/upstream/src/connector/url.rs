//! URL templates: fixed hosts, per-tenant hosts, and hosts learned at the provider, without letting a value choose
//! where a credential goes.
//!
//! A template is absolute (`https://{var.subdomain}.example.com/oauth`), relative to the API base (`/user`), or begins
//! with one placeholder that holds a whole base URL (`{account.instance_url || var.instance_url}/services`). A value
//! in the host must look like part of a host name; a value in the path becomes one percent-encoded segment; a whole
//! base URL must be `https` and its host one that the connector lists in `api.hosts`.

use serde::{Deserialize, Deserializer};
use url::Url;

use super::text::{InvalidTemplate, Piece, Term, TextTemplate, first_known};
use crate::encode::path_segment;

/// A parsed URL template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UrlTemplate {
    template: TextTemplate,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Absolute,
    Relative,
    WholeBase,
}

/// Why a URL could not be made from its template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlFault {
    /// A placeholder has no value.
    #[error("\"{0}\" has no value")]
    Missing(String),
    /// A value cannot stand where it would.
    #[error("the value of \"{name}\" {reason}")]
    Value {
        /// The placeholder.
        name: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// The result is not a URL.
    #[error("it makes no valid URL")]
    Malformed,
}

impl UrlTemplate {
    /// Reads a template.
    ///
    /// # Errors
    /// When it is not a template, not `https`, or carries user information, a query or a fragment.
    pub fn parse(text: &str) -> Result<Self, InvalidTemplate> {
        let template = TextTemplate::parse(text)?;
        let kind = match template.pieces().first() {
            Some(Piece::Literal(start)) if start.starts_with("https://") => Kind::Absolute,
            Some(Piece::Literal(start)) if start.starts_with('/') && !start.starts_with("//") => {
                Kind::Relative
            }
            Some(Piece::Hole(_)) => Kind::WholeBase,
            _ => {
                return Err(InvalidTemplate::new(
                    text,
                    "it must begin with https://, with / or with a placeholder",
                ));
            }
        };
        let literal = template.pieces().iter().filter_map(|p| match p {
            Piece::Literal(l) => Some(l.as_str()),
            Piece::Hole(_) => None,
        });
        if literal.clone().any(|l| l.contains(['?', '#', '@', '\\', ' ']) || l.chars().any(char::is_control))
        {
            return Err(InvalidTemplate::new(
                text,
                "no query, fragment, user information or space may be in it",
            ));
        }
        let this = Self { template, kind };
        // A probe with harmless values finds what could never become a URL.
        if kind != Kind::WholeBase {
            let base = Url::parse("https://api.example.com").ok();
            this.render(base.as_ref(), &[], |_| Some("x1".into()))
                .map_err(|fault| InvalidTemplate::new(text, fault.to_string()))?;
        }
        Ok(this)
    }

    /// The template as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.template.as_str()
    }

    /// Whether the template continues the API base.
    #[must_use]
    pub fn is_relative(&self) -> bool {
        self.kind == Kind::Relative
    }

    /// Whether the template begins with a value that holds a whole base URL.
    #[must_use]
    pub fn is_whole_base(&self) -> bool {
        self.kind == Kind::WholeBase
    }

    /// Every name the template can ask for.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.template.names()
    }

    /// The URL. `base` continues relative templates; `hosts` are the hosts that a whole base URL may name (`*.x.com`
    /// fits every host below `x.com`).
    ///
    /// # Errors
    /// When a value is missing or cannot stand where it would.
    pub fn render(
        &self,
        base: Option<&Url>,
        hosts: &[String],
        lookup: impl Fn(&str) -> Option<String>,
    ) -> Result<Url, UrlFault> {
        let mut text = match self.kind {
            Kind::Relative => base.ok_or(UrlFault::Malformed)?.as_str().trim_end_matches('/').to_owned(),
            Kind::Absolute | Kind::WholeBase => String::new(),
        };
        let mut in_path = self.kind == Kind::Relative;
        for (index, piece) in self.template.pieces().iter().enumerate() {
            match piece {
                Piece::Literal(literal) => {
                    text.push_str(literal);
                    in_path |= literal.strip_prefix("https://").unwrap_or(literal).contains('/');
                }
                Piece::Hole(terms) => {
                    let name = || first_name(terms);
                    let value =
                        first_known(terms, &lookup).ok_or_else(|| UrlFault::Missing(first_name(terms)))?;
                    if index == 0 && self.kind == Kind::WholeBase {
                        let given = whole_base(&value, hosts)
                            .map_err(|reason| UrlFault::Value { name: name(), reason })?;
                        text.push_str(given.as_str().trim_end_matches('/'));
                        in_path = true;
                    } else if in_path {
                        let segment = path_segment(&value)
                            .map_err(|reason| UrlFault::Value { name: name(), reason })?;
                        text.push_str(&segment);
                    } else {
                        host_part(&value).map_err(|reason| UrlFault::Value { name: name(), reason })?;
                        text.push_str(&value);
                    }
                }
            }
        }
        let url = Url::parse(&text).map_err(|_| UrlFault::Malformed)?;
        if !url.has_host() || !url.username().is_empty() || url.password().is_some() {
            return Err(UrlFault::Malformed);
        }
        Ok(url)
    }
}

fn first_name(terms: &[Term]) -> String {
    terms
        .iter()
        .find_map(|t| match t {
            Term::Name(name) => Some(name.clone()),
            Term::Literal(_) => None,
        })
        .unwrap_or_default()
}

/// A value in the host: labels of letters, digits and hyphens. Nothing that could end the host.
fn host_part(value: &str) -> Result<(), &'static str> {
    let label = |l: &str| {
        (1..=63).contains(&l.len())
            && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !l.starts_with('-')
            && !l.ends_with('-')
    };
    if value.len() <= 200 && value.split('.').all(label) { Ok(()) } else { Err("is not part of a host name") }
}

/// A whole base URL, learned at the provider or given by an operator.
fn whole_base(value: &str, hosts: &[String]) -> Result<Url, &'static str> {
    // Some providers tell only the host.
    let text = if value.contains("://") { value.to_owned() } else { format!("https://{value}") };
    let url = Url::parse(&text).map_err(|_| "is not a URL")?;
    if url.scheme() != "https" {
        return Err("is not an https URL");
    }
    if !url.username().is_empty()
        || url.password().is_some()
        || url.query().is_some()
        || url.fragment().is_some()
    {
        return Err("may hold only a host and a path");
    }
    if url.port().is_some() {
        return Err("may not name a port");
    }
    match url.domain() {
        Some(domain) if hosts.iter().any(|pattern| host_fits(pattern, domain)) => Ok(url),
        _ => Err("is not on a host of this connector"),
    }
}

/// Whether `host` fits `pattern`: itself, or below the domain after `*.`.
#[must_use]
pub(crate) fn host_fits(pattern: &str, host: &str) -> bool {
    let host = host.trim_end_matches('.');
    match pattern.strip_prefix("*.") {
        Some(domain) => host.len().checked_sub(domain.len() + 1).is_some_and(|at| {
            at > 0 && host.is_char_boundary(at) && host[at..].eq_ignore_ascii_case(&pattern[1..])
        }),
        None => host.eq_ignore_ascii_case(pattern),
    }
}

impl<'de> Deserialize<'de> for UrlTemplate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}
