//! What an answer tells of the provider's limits: whether anything is left, and until when nothing is.

use std::time::Duration;

use http::{HeaderMap, HeaderName};
use time::{OffsetDateTime, format_description::well_known::Rfc2822};

use crate::connector::ApiErrors;

/// A reset above this is an instant (seconds since 1970), one below a number of seconds from now.
const FIRST_INSTANT: f64 = 1e8;

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(HeaderName::try_from(name).ok()?)?.to_str().ok().map(str::trim)
}

/// When an answer was given, by the provider's own clock.
pub(super) fn answered(headers: &HeaderMap) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(text(headers, "date")?, &Rfc2822).ok()
}

/// How long the provider takes no more calls, if the headers say that nothing is left of a quota: those of the connector,
/// then the customary ones. Instants are measured against the answer's own `Date`, so that a wrong clock on either side
/// does no harm.
pub(super) fn exhausted(errors: &ApiErrors, headers: &HeaderMap) -> Option<Duration> {
    let own = errors.remaining_header.as_deref().map(|remaining| {
        let resets = errors.reset_headers.iter().map(String::as_str);
        family(headers, remaining, resets)
    });
    own.flatten()
        .or_else(|| family(headers, "x-ratelimit-remaining", ["x-ratelimit-reset"]))
        .or_else(|| family(headers, "ratelimit-remaining", ["ratelimit-reset"]))
        .or_else(|| structured(headers))
}

fn family<'n>(
    headers: &HeaderMap,
    remaining: &str,
    resets: impl IntoIterator<Item = &'n str>,
) -> Option<Duration> {
    let left: f64 = text(headers, remaining)?.parse().ok()?;
    if left > 0.0 {
        return None;
    }
    resets.into_iter().find_map(|name| reset(headers, text(headers, name)?.parse().ok()?))
}

/// How long it is until a reset.
pub(super) fn reset(headers: &HeaderMap, value: f64) -> Option<Duration> {
    if value < FIRST_INSTANT {
        return Duration::try_from_secs_f64(value).ok();
    }
    #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit")]
    let now = answered(headers)?.unix_timestamp() as f64;
    Some(Duration::try_from_secs_f64(value - now).unwrap_or_default())
}

/// `RateLimit: "default";r=0;t=30` (draft-ietf-httpapi-ratelimit-headers-10 §4), with several quotas maybe, and the older
/// `RateLimit: limit=100, remaining=0, reset=30`.
fn structured(headers: &HeaderMap) -> Option<Duration> {
    let value = text(headers, "ratelimit")?;
    let number = |part: &str, names: [&str; 2]| {
        let (name, number) = part.split_once('=')?;
        names.contains(&name.trim()).then(|| number.trim().parse::<f64>().ok())?
    };
    let longest = |parts: &mut dyn Iterator<Item = &str>| {
        let (mut left, mut wait) = (None, None);
        for part in parts {
            left = left.or_else(|| number(part, ["r", "remaining"]));
            wait = wait.or_else(|| number(part, ["t", "reset"]));
        }
        (left? <= 0.0).then_some(wait?)
    };
    let wait = if value.contains(';') {
        let quotas = value.split(',').filter_map(|quota| longest(&mut quota.split(';')));
        quotas.fold(None, |most: Option<f64>, wait| Some(most.map_or(wait, |most| most.max(wait))))
    } else {
        longest(&mut value.split(','))
    };
    Duration::try_from_secs_f64(wait?).ok()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const DATE: (&str, &str) = ("date", "Sun, 06 Nov 1994 08:49:37 GMT");

    fn seconds(errors: &ApiErrors, headers: &[(&'static str, &str)]) -> Option<u64> {
        let headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()))
            .collect();
        exhausted(errors, &headers).map(|wait| wait.as_secs())
    }

    #[test]
    fn quota_used_up_is_read_from_every_customary_family() {
        let none = ApiErrors::default();
        for (headers, expected) in [
            (vec![("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "784111797"), DATE], Some(20)),
            (vec![("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "30")], Some(30)),
            (vec![("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "784111700"), DATE], Some(0)),
            (vec![("x-ratelimit-remaining", "1"), ("x-ratelimit-reset", "30")], None),
            (vec![("x-ratelimit-remaining", "0")], None),
            (vec![("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "784111797")], None),
            (vec![("ratelimit-remaining", "0"), ("ratelimit-reset", "7")], Some(7)),
            (vec![("ratelimit", "limit=100, remaining=0, reset=50")], Some(50)),
            (vec![("ratelimit", "limit=100, remaining=3, reset=50")], None),
            (vec![("ratelimit", "\"default\";r=0;t=11")], Some(11)),
            (vec![("ratelimit", "\"burst\";r=0;t=5, \"day\";r=0;t=600")], Some(600)),
            (vec![("ratelimit", "\"burst\";r=9;t=5, \"day\";r=0;t=600")], Some(600)),
            (vec![("ratelimit", "\"burst\";r=9;t=5")], None),
            (vec![("ratelimit", "nonsense;r=;t=x")], None),
            (vec![("x-ratelimit-remaining", "none"), ("x-ratelimit-reset", "30")], None),
            (vec![("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "-1")], None),
            (vec![("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "inf")], None),
        ] {
            assert_eq!(seconds(&none, &headers), expected, "{headers:?}");
        }
    }

    #[test]
    fn headers_of_the_connector_come_first() {
        let errors = ApiErrors {
            remaining_header: Some("x-calls-left".into()),
            reset_headers: vec!["x-calls-reset".into()],
            ..ApiErrors::default()
        };
        let headers = [
            ("x-calls-left", "0"),
            ("x-calls-reset", "3"),
            ("ratelimit-remaining", "0"),
            ("ratelimit-reset", "7"),
        ];
        assert_eq!(seconds(&errors, &headers), Some(3));
        assert_eq!(seconds(&errors, &headers[2..]), Some(7));
    }
}
