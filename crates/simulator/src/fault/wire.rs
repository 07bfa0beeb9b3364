//! Faults as written in requests: one flat object, so that an unknown field can be named.

use std::collections::BTreeMap;

use axum::http::{HeaderName, HeaderValue};
use serde::Deserialize;

use super::{Endpoint, ErrorFault, Fault, FaultKind, Target};
use crate::{Profile, http::shape::Aadsts};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wire {
    endpoint: Endpoint,
    kind: String,
    #[serde(default = "one")]
    times: u32,
    #[serde(default)]
    skip: u32,
    path_prefix: Option<String>,
    method: Option<String>,
    user: Option<String>,
    client_id: Option<String>,
    grant: Option<u64>,
    grant_type: Option<String>,
    status: Option<u16>,
    retry_after_s: Option<u64>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    delay_ms: Option<u64>,
    error: Option<String>,
    error_description: Option<String>,
    aadsts: Option<u32>,
    shape: Option<Profile>,
    needed: Option<String>,
    #[serde(default)]
    page: bool,
}

const fn one() -> u32 {
    1
}

/// The longest delay, five minutes: beyond every sensible deadline, and a forgotten fault ends.
const MAX_DELAY_MS: u64 = 300_000;

const KINDS: &str =
    "status, error, delay, trickle, drop, cut, malformed, html, empty, headers, echo_bearer, callback_error";

/// The fields that mean something for each kind, beside where and how often.
fn fields_of(kind: &str) -> &'static [&'static str] {
    match kind {
        "status" => &["status", "retry_after_s", "headers"],
        "error" => {
            &["error", "error_description", "aadsts", "status", "retry_after_s", "shape", "needed", "page"]
        }
        "delay" | "trickle" => &["delay_ms"],
        "html" => &["status"],
        "headers" => &["headers"],
        "callback_error" => &["error", "error_description"],
        _ => &[],
    }
}

impl Wire {
    /// A field that was given although it means nothing for this kind.
    fn needless(&self) -> Option<&'static str> {
        let given = [
            ("status", self.status.is_some()),
            ("retry_after_s", self.retry_after_s.is_some()),
            ("headers", !self.headers.is_empty()),
            ("delay_ms", self.delay_ms.is_some()),
            ("error", self.error.is_some()),
            ("error_description", self.error_description.is_some()),
            ("aadsts", self.aadsts.is_some()),
            ("shape", self.shape.is_some()),
            ("needed", self.needed.is_some()),
            ("page", self.page),
        ];
        let meant = fields_of(&self.kind);
        given.into_iter().find(|(name, given)| *given && !meant.contains(name)).map(|(name, _)| name)
    }

    fn delay(&self) -> Result<u64, String> {
        self.delay_ms.filter(|ms| *ms <= MAX_DELAY_MS).ok_or_else(|| format!("delay_ms: 0 to {MAX_DELAY_MS}"))
    }

    fn checked_headers(&self) -> Result<BTreeMap<String, String>, String> {
        let good = |(name, value): (&String, &String)| {
            HeaderName::try_from(name).is_ok() && HeaderValue::try_from(value).is_ok()
        };
        if self.headers.iter().all(good) {
            Ok(self.headers.clone())
        } else {
            Err("headers: a name or a value cannot be sent".to_owned())
        }
    }

    fn error(&self) -> Result<ErrorFault, String> {
        let known = match self.aadsts {
            None => None,
            Some(number) => Some(Aadsts::of(number).ok_or_else(|| {
                let numbers: Vec<String> = Aadsts::numbers().map(|n| n.to_string()).collect();
                format!("aadsts: {number} is none of {}", numbers.join(", "))
            })?),
        };
        let error = self.error.clone().or_else(|| known.map(|row| row.error.to_owned()));
        if let Some(status) = self.status.filter(|status| !(200..=599).contains(status)) {
            return Err(format!("status: {status} is not 200 to 599"));
        }
        Ok(ErrorFault {
            error: error.ok_or("error: required, or aadsts")?,
            error_description: self.error_description.clone(),
            aadsts: self.aadsts,
            status: self.status,
            retry_after_s: self.retry_after_s,
            shape: self.shape.or(known.map(|_| Profile::Microsoft)),
            needed: self.needed.clone(),
            page: self.page || known.is_some_and(|row| row.on_page),
        })
    }

    fn kind(&self) -> Result<FaultKind, String> {
        Ok(match self.kind.as_str() {
            "status" => match self.status {
                Some(status @ 400..=599) => FaultKind::Status {
                    status,
                    retry_after_s: self.retry_after_s,
                    headers: self.checked_headers()?,
                },
                _ => return Err("status: 400 to 599".to_owned()),
            },
            "error" => FaultKind::Error(self.error()?),
            "delay" => FaultKind::Delay { delay_ms: self.delay()? },
            "trickle" => FaultKind::Trickle { delay_ms: self.delay()? },
            "drop" => FaultKind::Drop,
            "cut" => FaultKind::Cut,
            "malformed" => FaultKind::Malformed,
            "html" => match self.status.unwrap_or(200) {
                status @ 200..=599 => FaultKind::Html { status },
                _ => return Err("status: 200 to 599".to_owned()),
            },
            "empty" => FaultKind::Empty,
            "headers" if self.headers.is_empty() => return Err("headers: required".to_owned()),
            "headers" => FaultKind::Headers { headers: self.checked_headers()? },
            "echo_bearer" => FaultKind::EchoBearer,
            "callback_error" => match &self.error {
                Some(error) => FaultKind::CallbackError {
                    error: error.clone(),
                    error_description: self.error_description.clone(),
                },
                None => return Err("error: required".to_owned()),
            },
            other => return Err(format!("kind: {other} is none of {KINDS}")),
        })
    }
}

impl TryFrom<Wire> for Fault {
    type Error = String;

    fn try_from(wire: Wire) -> Result<Self, String> {
        let kind = wire.kind()?;
        if let Some(field) = wire.needless() {
            return Err(format!("{field}: means nothing for the kind {}", wire.kind));
        }
        if wire.times == 0 {
            return Err("times: at least 1".to_owned());
        }
        let Wire { endpoint, times, skip, path_prefix, method, user, client_id, grant, grant_type, .. } =
            wire;
        let target = Target { path_prefix, method, user, client_id, grant, grant_type };
        Ok(Self { endpoint, kind, times, skip, target })
    }
}
