//! Mishaps on request: each happens a given number of times and is then used up.

mod wire;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Profile;
use wire::Wire;

/// Where the API is: the simulator's own, and the parts of other providers' APIs that it answers.
const API_PATHS: [&str; 6] = ["/api/", "/gmail/", "/calendar/", "/drive/", "/v1.0/", "/slack/api/"];

/// Which part of the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    /// The consent page.
    Authorize,
    /// The answer to the consent page.
    Decision,
    /// The token endpoint.
    Token,
    /// The revocation endpoint.
    Revoke,
    /// The introspection endpoint.
    Introspect,
    /// The userinfo endpoint.
    Userinfo,
    /// The API.
    Api,
    /// Every one of them.
    Any,
}

impl Endpoint {
    /// Which endpoint a path belongs to; `None` for what is never disturbed (metadata, style sheet, control).
    #[must_use]
    pub fn of_path(path: &str) -> Option<Self> {
        Some(match path {
            "/oauth/authorize" => Self::Authorize,
            "/oauth/authorize/decision" => Self::Decision,
            "/oauth/token" => Self::Token,
            "/oauth/revoke" => Self::Revoke,
            "/oauth/introspect" => Self::Introspect,
            "/oauth/userinfo" => Self::Userinfo,
            path if API_PATHS.iter().any(|prefix| path.starts_with(prefix)) => Self::Api,
            _ => return None,
        })
    }
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum FaultKind {
    /// The request is answered with this status and not processed.
    Status {
        /// 400 to 599.
        status: u16,
        /// The `Retry-After` header, in seconds.
        retry_after_s: Option<u64>,
        /// Further headers, such as those about rate limits.
        #[serde(skip_serializing_if = "BTreeMap::is_empty")]
        headers: BTreeMap<String, String>,
    },
    /// The request is answered with this error, in the words of the profile, and not processed.
    Error(ErrorFault),
    /// The request is processed late.
    Delay {
        /// By how many milliseconds.
        delay_ms: u64,
    },
    /// The request is processed; the answer begins at once and ends late.
    Trickle {
        /// How many milliseconds lie between its halves.
        delay_ms: u64,
    },
    /// The connection is closed without an answer and without processing.
    Drop,
    /// The request is processed, then the connection is closed without an answer.
    Cut,
    /// The request is processed; the answer is 200 with JSON that breaks off.
    Malformed,
    /// The request is answered with an HTML page, as proxies in between do, and not processed.
    Html {
        /// 200 to 599.
        status: u16,
    },
    /// The request is processed; the answer has no body.
    Empty,
    /// The request is processed; the answer carries these headers too.
    Headers {
        /// The headers by name.
        headers: BTreeMap<String, String>,
    },
    /// The answer repeats the caller's bearer in the header `x-echo-authorization` and the body's field `echo`.
    EchoBearer,
    /// The user is sent straight back with this error (RFC 6749 §4.1.2.1).
    CallbackError {
        /// The error code.
        error: String,
        /// The text for the developer.
        error_description: Option<String>,
    },
}

/// An error by its name or, at Microsoft, by its number. At the authorization endpoint the user is sent back with it,
/// or sees it on a page if that is what the provider does; elsewhere it is the answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ErrorFault {
    /// The error code, such as `invalid_client`, `missing_scope`, `rateLimitExceeded`.
    pub error: String,
    /// The text for the developer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_description: Option<String>,
    /// Microsoft's number; it brings error and text along.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aadsts: Option<u32>,
    /// The HTTP status, if not the one that the provider gives this error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The `Retry-After` header, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_s: Option<u64>,
    /// Whose words, if not those of the profile in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shape: Option<Profile>,
    /// The scope that would have been needed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub needed: Option<String>,
    /// At the authorization endpoint: show it on a page in place of sending the user back.
    pub page: bool,
}

impl FaultKind {
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Status { .. } => "status",
            Self::Error(_) => "error",
            Self::Delay { .. } => "delay",
            Self::Trickle { .. } => "trickle",
            Self::Drop => "drop",
            Self::Cut => "cut",
            Self::Malformed => "malformed",
            Self::Html { .. } => "html",
            Self::Empty => "empty",
            Self::Headers { .. } => "headers",
            Self::EchoBearer => "echo_bearer",
            Self::CallbackError { .. } => "callback_error",
        }
    }
}

/// Which requests: those that fit every given field.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Target {
    /// Only on paths that begin so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path_prefix: Option<String>,
    /// Only with this HTTP method.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Only about this user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Only from this client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// Only about this grant, which is what one connected account holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grant: Option<u64>,
    /// At the token endpoint: only with this grant type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grant_type: Option<String>,
}

/// A request, as far as faults tell requests apart.
#[derive(Debug, Default)]
pub(crate) struct Asked<'a> {
    pub(crate) path: &'a str,
    pub(crate) method: &'a str,
    pub(crate) user: Option<&'a str>,
    pub(crate) client_id: Option<&'a str>,
    pub(crate) grant: Option<u64>,
    pub(crate) grant_type: Option<&'a str>,
}

impl Target {
    fn fits(&self, asked: &Asked<'_>) -> bool {
        let same = |wanted: &Option<String>, found: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| found == Some(wanted))
        };
        self.path_prefix.as_deref().is_none_or(|prefix| asked.path.starts_with(prefix))
            && self.method.as_deref().is_none_or(|method| method.eq_ignore_ascii_case(asked.method))
            && same(&self.user, asked.user)
            && same(&self.client_id, asked.client_id)
            && same(&self.grant_type, asked.grant_type)
            && self.grant.is_none_or(|grant| asked.grant == Some(grant))
    }
}

/// A mishap in waiting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Wire")]
pub struct Fault {
    /// Where.
    pub endpoint: Endpoint,
    /// What.
    #[serde(flatten)]
    pub kind: FaultKind,
    /// How many requests it still hits.
    pub times: u32,
    /// How many requests it still lets pass before the first.
    #[serde(skip_serializing_if = "is_zero")]
    pub skip: u32,
    /// Which requests.
    #[serde(flatten)]
    pub target: Target,
}

const fn is_zero(count: &u32) -> bool {
    *count == 0
}

impl Fault {
    /// A fault that hits the next request at `endpoint`.
    #[must_use]
    pub fn once(endpoint: Endpoint, kind: FaultKind) -> Self {
        Self { endpoint, kind, times: 1, skip: 0, target: Target::default() }
    }

    /// The same fault, hitting the next `times` requests.
    #[must_use]
    pub fn times(self, times: u32) -> Self {
        Self { times, ..self }
    }

    fn hits(&self, endpoint: Endpoint, asked: &Asked<'_>) -> bool {
        (self.endpoint == Endpoint::Any || self.endpoint == endpoint) && self.target.fits(asked)
    }
}

/// All faults in waiting, in the order they were asked for.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<Fault>);

/// More than anybody can mean.
const MAX_FAULTS: usize = 100;

impl Faults {
    pub(crate) fn add(&mut self, fault: Fault) -> Result<(), String> {
        if self.0.len() >= MAX_FAULTS {
            return Err(format!("at most {MAX_FAULTS} faults wait at a time"));
        }
        self.0.push(fault);
        Ok(())
    }

    pub(crate) fn list(&self) -> &[Fault] {
        &self.0
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// What hits this request: the first fault of each kind. Counts them down.
    pub(crate) fn take(&mut self, endpoint: Endpoint, asked: &Asked<'_>) -> Vec<FaultKind> {
        let mut taken: Vec<FaultKind> = Vec::new();
        for fault in &mut self.0 {
            let same_kind =
                |kind: &FaultKind| std::mem::discriminant(kind) == std::mem::discriminant(&fault.kind);
            if !fault.hits(endpoint, asked) || taken.iter().any(same_kind) {
                continue;
            }
            if fault.skip > 0 {
                fault.skip -= 1;
            } else {
                fault.times -= 1;
                taken.push(fault.kind.clone());
            }
        }
        self.0.retain(|fault| fault.times > 0);
        taken
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
