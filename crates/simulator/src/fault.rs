//! Mishaps on request: each happens a given number of times and is then used up.

use serde::{Deserialize, Serialize};

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
            path if path.starts_with("/api/") => Self::Api,
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
    },
    /// The request is processed late.
    Delay {
        /// By how many milliseconds.
        delay_ms: u64,
    },
    /// The request is processed, then the connection is closed without an answer.
    Cut,
    /// The request is processed; the answer is 200 with JSON that breaks off.
    Malformed,
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

impl FaultKind {
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Status { .. } => "status",
            Self::Delay { .. } => "delay",
            Self::Cut => "cut",
            Self::Malformed => "malformed",
            Self::EchoBearer => "echo_bearer",
            Self::CallbackError { .. } => "callback_error",
        }
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
    /// Only on paths that begin so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path_prefix: Option<String>,
}

impl Fault {
    /// A fault that hits the next request at `endpoint`.
    #[must_use]
    pub const fn once(endpoint: Endpoint, kind: FaultKind) -> Self {
        Self { endpoint, kind, times: 1, path_prefix: None }
    }

    /// The same fault, hitting the next `times` requests.
    #[must_use]
    pub fn times(self, times: u32) -> Self {
        Self { times, ..self }
    }

    fn hits(&self, endpoint: Endpoint, path: &str) -> bool {
        (self.endpoint == Endpoint::Any || self.endpoint == endpoint)
            && self.path_prefix.as_deref().is_none_or(|prefix| path.starts_with(prefix))
    }
}

/// Faults as written in requests: one flat object, so that an unknown field can be named.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    endpoint: Endpoint,
    kind: String,
    #[serde(default = "one")]
    times: u32,
    path_prefix: Option<String>,
    status: Option<u16>,
    retry_after_s: Option<u64>,
    delay_ms: Option<u64>,
    error: Option<String>,
    error_description: Option<String>,
}

const fn one() -> u32 {
    1
}

/// The longest delay, five minutes: beyond every sensible deadline, and a forgotten fault ends.
const MAX_DELAY_MS: u64 = 300_000;

impl TryFrom<Wire> for Fault {
    type Error = String;

    fn try_from(wire: Wire) -> Result<Self, String> {
        let kind = match wire.kind.as_str() {
            "status" => match wire.status {
                Some(status @ 400..=599) => FaultKind::Status { status, retry_after_s: wire.retry_after_s },
                _ => return Err("status: 400 to 599".to_owned()),
            },
            "delay" => match wire.delay_ms {
                Some(delay_ms @ 0..=MAX_DELAY_MS) => FaultKind::Delay { delay_ms },
                _ => return Err(format!("delay_ms: 0 to {MAX_DELAY_MS}")),
            },
            "cut" => FaultKind::Cut,
            "malformed" => FaultKind::Malformed,
            "echo_bearer" => FaultKind::EchoBearer,
            "callback_error" => match wire.error {
                Some(error) => FaultKind::CallbackError { error, error_description: wire.error_description },
                None => return Err("error: required".to_owned()),
            },
            other => {
                return Err(format!(
                    "kind: {other} is none of status, delay, cut, malformed, echo_bearer, callback_error"
                ));
            }
        };
        if wire.times == 0 {
            return Err("times: at least 1".to_owned());
        }
        Ok(Self { endpoint: wire.endpoint, kind, times: wire.times, path_prefix: wire.path_prefix })
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
    pub(crate) fn take(&mut self, endpoint: Endpoint, path: &str) -> Vec<FaultKind> {
        let mut taken: Vec<FaultKind> = Vec::new();
        for fault in &mut self.0 {
            let same_kind =
                |kind: &FaultKind| std::mem::discriminant(kind) == std::mem::discriminant(&fault.kind);
            if fault.hits(endpoint, path) && !taken.iter().any(same_kind) {
                fault.times -= 1;
                taken.push(fault.kind.clone());
            }
        }
        self.0.retain(|fault| fault.times > 0);
        taken
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fault_for_two_requests_hits_two() {
        let mut faults = Faults::default();
        let down = FaultKind::Status { status: 503, retry_after_s: None };
        faults.add(Fault::once(Endpoint::Token, down.clone()).times(2)).unwrap();
        assert!(faults.take(Endpoint::Api, "/api/v1/me").is_empty());
        assert_eq!(faults.take(Endpoint::Token, "/oauth/token"), std::slice::from_ref(&down));
        assert_eq!(faults.take(Endpoint::Token, "/oauth/token"), [down]);
        assert!(faults.take(Endpoint::Token, "/oauth/token").is_empty());
    }

    #[test]
    fn faults_of_two_kinds_hit_together_and_of_one_kind_in_turn() {
        let mut faults = Faults::default();
        for (endpoint, kind) in [
            (Endpoint::Any, FaultKind::Delay { delay_ms: 1 }),
            (Endpoint::Api, FaultKind::Cut),
            (Endpoint::Api, FaultKind::Delay { delay_ms: 2 }),
        ] {
            faults.add(Fault::once(endpoint, kind)).unwrap();
        }
        assert_eq!(
            faults.take(Endpoint::Api, "/api/v1/me"),
            [FaultKind::Delay { delay_ms: 1 }, FaultKind::Cut]
        );
        assert_eq!(faults.take(Endpoint::Api, "/api/v1/me"), [FaultKind::Delay { delay_ms: 2 }]);
    }

    #[test]
    fn fault_with_a_bad_field_names_it() {
        for (wire, field) in [
            (json!({"endpoint": "api", "kind": "status", "status": 200}), "status"),
            (json!({"endpoint": "api", "kind": "delay"}), "delay_ms"),
            (json!({"endpoint": "api", "kind": "explode"}), "kind"),
            (json!({"endpoint": "api", "kind": "cut", "times": 0}), "times"),
            (json!({"endpoint": "api", "kind": "cut", "color": 1}), "color"),
            (json!({"endpoint": "moon", "kind": "cut"}), "moon"),
        ] {
            let error = serde_json::from_value::<Fault>(wire).unwrap_err().to_string();
            assert!(error.contains(field), "{error}");
        }
    }
}
