//! When a client secret ends, as callers write it.

use serde::Deserialize;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use valetkey_domain::{Error, Time};

/// An instant, or what a registration at the provider answered.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum SecretEnd {
    /// RFC 7591 §3.2.1: "Time at which the client secret will expire or 0 if it will not expire […] represented as the
    /// number of seconds from 1970-01-01T00:00:00Z".
    Seconds(i64),
    /// RFC 3339, like every time of this API.
    Instant(String),
}

impl SecretEnd {
    /// The instant; `None` for a secret that does not end.
    ///
    /// # Errors
    /// `invalid_argument` on `client_secret_expires_at`.
    pub(super) fn read(self) -> Result<Option<Time>, Error> {
        let end = match &self {
            Self::Seconds(0) => return Ok(None),
            Self::Seconds(seconds) if *seconds > 0 => OffsetDateTime::from_unix_timestamp(*seconds).ok(),
            Self::Seconds(_) => None,
            Self::Instant(text) => OffsetDateTime::parse(text, &Rfc3339).ok(),
        };
        let wrong = || {
            let message =
                "must be an instant such as 2027-01-31T00:00:00Z, or seconds since 1970 (0: it does not end)";
            Error::invalid("client_secret_expires_at", message)
        };
        Ok(Some(end.ok_or_else(wrong)?.to_offset(time::UtcOffset::UTC)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Option<Time>, Error> {
        serde_json::from_str::<SecretEnd>(json).unwrap().read()
    }

    #[test]
    fn end_of_a_secret_is_read_as_an_instant_and_as_rfc_7591_writes_it() {
        let end = Some(time::macros::datetime!(2027-01-31 00:00 UTC));
        for json in [r#""2027-01-31T00:00:00Z""#, r#""2027-01-31T01:00:00+01:00""#, "1801353600"] {
            assert_eq!(read(json).unwrap(), end, "{json}");
        }
        assert_eq!(read("0").unwrap(), None);
        for json in [r#""tomorrow""#, r#""""#, "-1", "9223372036854775807"] {
            let error = read(json).unwrap_err();
            assert_eq!(error.details().fields[0].field, "client_secret_expires_at", "{json}");
        }
    }
}
