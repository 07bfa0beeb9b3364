//! How often the API is called, so that no caller takes the server from the others, and how often a call from a network
//! address is of nobody (S43). In memory of this process, bounded, and without locks: what was taken is one number each.

use std::{
    hash::{Hash, RandomState},
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use moka::{policy::EvictionPolicy, sync::Cache};
use valetkey_domain::{ApiClientId, ApiTokenId, Caller, EnvironmentId, Error, ErrorCode, Time};

use super::sha256;
use crate::{Engine, EngineSettings, operators::network};

/// What an address may fail at once, and after how long once more. Generous: many agents may share an address, and what
/// is guessed has 256 random bits.
const FAILURES: Allowance = Allowance { step: 1_000_000, burst: 60 };
/// In how many places failures are counted, half a MiB altogether. Addresses that share one only share what they may fail.
const PLACES: u64 = 1 << 16;
/// So many seconds' worth of calls may come at once.
const BURST_S: u64 = 10;
/// How many keys and environments are remembered, and how long after their last call. What was not used for longest is
/// forgotten first. Only known keys get here, so nobody can fill it from outside.
const REMEMBERED: u64 = 10_000;
const REMEMBERED_FOR: Duration = Duration::from_secs(60);
/// What is further ahead than any wait and this, in microseconds, was taken before the clock was set back.
const LEEWAY: u64 = 60_000_000;

/// So many at once, then one after the other (GCRA).
#[derive(Debug, Clone, Copy)]
struct Allowance {
    /// From one to the next, in microseconds.
    step: u64,
    burst: u64,
}

impl Allowance {
    /// `None` if there is no limit.
    fn per_second(rate: u32) -> Option<Self> {
        let rate = u64::from(rate);
        (rate > 0).then(|| Self { step: (1_000_000 / rate).max(1), burst: rate * BURST_S })
    }

    /// Takes one of what `through` says is taken until when; of two at the same time both count.
    ///
    /// # Errors
    /// How long it is until there is one. Nothing is taken.
    fn take(self, through: &AtomicU64, now: Time) -> Result<(), Duration> {
        let now = u64::try_from(now.unix_timestamp_nanos() / 1000).unwrap_or_default();
        let full = now + self.step * self.burst;
        let taken = |through: u64| if through > full + LEEWAY { now } else { through.max(now) };
        through
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |through| {
                let next = taken(through) + self.step;
                (next <= full).then_some(next)
            })
            .map(|_| ())
            .map_err(|through| Duration::from_micros(taken(through) + self.step - full))
    }
}

/// Whose calls are counted.
#[derive(Debug, Clone, Copy, Hash)]
enum Whose<'a> {
    Token(&'a ApiTokenId),
    /// With all its access tokens: they are as many as it asks for.
    Client(&'a ApiClientId),
    Environment(&'a EnvironmentId),
}

impl Whose<'_> {
    fn refused(self, rate: u32, wait: Duration) -> Error {
        let millis = u64::try_from(wait.as_micros().div_ceil(1000)).unwrap_or(u64::MAX).max(1);
        let (name, setting, others) = match self {
            Self::Token(id) => {
                (format!("The API token {id}"), "api_rate_per_key", "Other keys are not affected.")
            }
            Self::Client(id) => {
                (format!("The API client {id}"), "api_rate_per_key", "Other keys are not affected.")
            }
            Self::Environment(id) => (
                format!("The environment {id}"),
                "api_rate_per_environment",
                "All keys of the environment share it; other environments are not affected.",
            ),
        };
        Error::new(ErrorCode::RateLimited)
            .message(format!(
                "{name} makes more than {rate} calls a second. The next is free in {millis} ms; this one was not made."
            ))
            .cause(format!("This is a limit of this server ({setting}), not of a provider. {others}"))
            .retry_after_ms(millis)
    }
}

/// What one process knows of the calls of the API.
pub(crate) struct Rates {
    per_key: u32,
    per_environment: u32,
    /// Nobody outside knows which ones share a place. Those of the same hash would only share a limit.
    hashes: RandomState,
    calls: Cache<u64, Arc<AtomicU64>>,
    failures: Box<[AtomicU64]>,
}

impl Rates {
    pub(crate) fn new(settings: &EngineSettings) -> Self {
        let calls = Cache::builder().max_capacity(REMEMBERED).time_to_idle(REMEMBERED_FOR);
        Self {
            per_key: settings.api_rate_per_key,
            per_environment: settings.api_rate_per_environment,
            hashes: RandomState::new(),
            calls: calls.eviction_policy(EvictionPolicy::lru()).build(),
            failures: (0..PLACES).map(|_| AtomicU64::default()).collect(),
        }
    }

    fn hash(&self, what: impl Hash) -> u64 {
        std::hash::BuildHasher::hash_one(&self.hashes, what)
    }

    fn take(&self, whose: Whose<'_>, rate: u32, now: Time) -> Result<(), Error> {
        let Some(allowance) = Allowance::per_second(rate) else { return Ok(()) };
        let through = self.calls.get_with(self.hash(whose), Arc::default);
        allowance.take(&through, now).map_err(|wait| whose.refused(rate, wait))
    }

    /// Counts a call of a key.
    ///
    /// # Errors
    /// `rate_limited`, saying whose limit it is and until when.
    pub(crate) fn call(
        &self,
        token: Option<&ApiTokenId>,
        client: &ApiClientId,
        environment: &EnvironmentId,
        now: Time,
    ) -> Result<(), Error> {
        self.take(token.map_or(Whose::Client(client), Whose::Token), self.per_key, now)?;
        self.take(Whose::Environment(environment), self.per_environment, now)
    }

    /// Counts a failure of an address.
    ///
    /// # Errors
    /// `authentication_too_often`, saying when the next is counted.
    pub(crate) fn failure(&self, address: IpAddr, now: Time) -> Result<(), Error> {
        let place = usize::try_from(self.hash(network(address)) % PLACES).unwrap_or_default();
        let Some(through) = self.failures.get(place) else { return Ok(()) };
        FAILURES.take(through, now).map_err(|wait| {
            let millis = u64::try_from(wait.as_micros().div_ceil(1000)).unwrap_or(u64::MAX);
            Error::new(ErrorCode::AuthenticationTooOften).retry_after_ms(millis)
        })
    }
}

impl Engine {
    /// The caller of a request with this bearer token, if it has one, that came from this network address, if it came
    /// over a network. Counts it: a call of its key and of its environment, or a failure of its address.
    ///
    /// # Errors
    /// As [`Engine::authenticate`]; `authentication_too_often`; `rate_limited`.
    pub async fn admit_call(
        &self,
        bearer: Result<&str, Error>,
        address: Option<IpAddr>,
    ) -> Result<Caller, Error> {
        let token = bearer.as_ref().ok().copied();
        let known = match bearer {
            Ok(bearer) => self.authenticate(bearer).await,
            Err(error) => Err(error),
        };
        match known {
            Ok(caller) => {
                self.0.rates.call(caller.token.as_ref(), &caller.client, &caller.environment, self.now())?;
                Ok(caller)
            }
            // An access token that we signed is no guess, even when it has run out. Whoever has it must hear 401, which is
            // the sign to ask for a new one, whatever others at the same address do.
            Err(error) if token.is_some_and(|token| self.is_of_ours(token)) => Err(error),
            Err(error) => Err(self.count_failure(address, error)),
        }
    }

    fn is_of_ours(&self, bearer: &str) -> bool {
        self.0.verified_tokens.contains_key(&sha256(bearer.as_bytes()))
    }

    /// Counts a failure to authenticate against the network address that it came from, and gives the error to answer with.
    ///
    /// Only requests that fail get here, after they failed: a right key is never refused for what others at the same
    /// address (behind the same NAT) have guessed. So guessing is not prevented, which 256 random bits do, but whoever
    /// guesses, or goes on with a key that is gone, is told to stop.
    #[must_use]
    pub fn count_failure(&self, address: Option<IpAddr>, error: Error) -> Error {
        let failed = matches!(error.code(), ErrorCode::Unauthenticated | ErrorCode::InvalidClientCredentials);
        let counted = address.filter(|_| failed).map(|address| self.0.rates.failure(address, self.now()));
        counted.and_then(Result::err).unwrap_or(error)
    }
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;

    fn rates(per_key: u32, per_environment: u32) -> Rates {
        let mut settings = EngineSettings::new(Url::parse("https://valetkey.example.com").unwrap());
        (settings.api_rate_per_key, settings.api_rate_per_environment) = (per_key, per_environment);
        Rates::new(&settings)
    }

    /// However many take at once, no more get one than there are, and then one for each step.
    #[test]
    fn allowance_taken_by_many_at_once_is_kept() {
        let allowance = Allowance::per_second(50).unwrap();
        let through = AtomicU64::default();
        let start = Time::UNIX_EPOCH + Duration::from_secs(1000);
        let take = |now: Time| (0..400).filter(|_| allowance.take(&through, now).is_ok()).count();
        let taken: usize = std::thread::scope(|scope| {
            let all: Vec<_> = (0..4).map(|_| scope.spawn(|| take(start))).collect();
            all.into_iter().map(|one| one.join().unwrap()).sum()
        });
        assert_eq!(taken, 500);
        assert_eq!(allowance.take(&through, start), Err(Duration::from_millis(20)));
        assert_eq!(take(start + Duration::from_secs(1)), 50);
    }

    /// A clock that was wrong for a while locks nobody out.
    #[test]
    fn allowance_after_clock_was_set_back_is_whole() {
        let allowance = Allowance::per_second(1).unwrap();
        let through = AtomicU64::default();
        let right = Time::UNIX_EPOCH + Duration::from_secs(1000);
        allowance.take(&through, right + Duration::from_secs(86_400)).unwrap();
        assert_eq!((0..20).filter(|_| allowance.take(&through, right).is_ok()).count(), 10);
    }

    /// S43: an address has sixty failures at once and then one a second, its IPv6 network with it and others not.
    #[test]
    fn failures_of_one_address_are_limited() {
        let rates = rates(0, 0);
        let [own, near, far] = ["2001:db8:0:1::1", "2001:db8:0:1::ffff", "192.0.2.1"]
            .map(|text| text.parse::<IpAddr>().unwrap());
        let now = Time::UNIX_EPOCH + Duration::from_secs(1000);
        for _ in 0..60 {
            rates.failure(own, now).unwrap();
        }
        let refused = rates.failure(near, now).unwrap_err();
        assert_eq!(refused.code(), ErrorCode::AuthenticationTooOften);
        assert_eq!(refused.details().retry_after_ms, Some(1000));
        // One in 65,536 shares its place.
        if rates.hash(network(own)) % PLACES != rates.hash(network(far)) % PLACES {
            rates.failure(far, now).unwrap();
        }
        rates.failure(own, now + Duration::from_secs(1)).unwrap();
        rates.failure(own, now + Duration::from_secs(1)).unwrap_err();
    }
}
