//! One circuit breaker per provider: when renewals of several accounts fail in a row, the provider is in trouble, and a
//! crowd of accounts that come due does not help it.
//!
//! It lives in memory: each process finds out by itself, with a handful of requests.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use time::Duration;
use valetkey_domain::Time;

/// After so many failures in a row, whoever's, the provider is left alone.
const OPENS_AFTER: u32 = 5;
/// Then it is asked so often at most, once at a time.
const PROBE_EVERY: Duration = Duration::seconds(1);
/// So many failing providers are remembered. More than that means that the fault is ours.
const REMEMBERED: usize = 10_000;

#[derive(Debug, Default)]
struct Circuit {
    failures: u32,
    probing: bool,
    probed_at: Option<Time>,
}

type Circuits = Arc<Mutex<HashMap<String, Circuit>>>;

/// The breakers of all providers.
#[derive(Debug, Default, Clone)]
pub(crate) struct Breakers(Circuits);

fn lock(circuits: &Circuits) -> MutexGuard<'_, HashMap<String, Circuit>> {
    // Every change is a single step: a panic elsewhere leaves the map whole.
    circuits.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The right to ask a provider once. Say what came of it; dropped in silence it changes nothing.
#[derive(Debug)]
pub(super) struct Pass {
    circuits: Circuits,
    provider: String,
    is_probe: bool,
}

impl Breakers {
    /// Lets one request to `provider` pass, or says how long to wait.
    pub(super) fn pass(&self, provider: &str, now: Time) -> Result<Pass, Duration> {
        let pass = |is_probe| Pass { circuits: self.0.clone(), provider: provider.to_owned(), is_probe };
        let mut circuits = lock(&self.0);
        let Some(circuit) = circuits.get_mut(provider).filter(|circuit| circuit.failures >= OPENS_AFTER)
        else {
            return Ok(pass(false));
        };
        // A clock that was put back must not keep the circuit open.
        let rest = circuit.probed_at.map_or(Duration::ZERO, |at| at + PROBE_EVERY - now);
        if circuit.probing {
            return Err(PROBE_EVERY);
        }
        if rest.is_positive() && rest <= PROBE_EVERY {
            return Err(rest);
        }
        circuit.probing = true;
        circuit.probed_at = Some(now);
        Ok(pass(true))
    }
}

impl Pass {
    /// The provider answered, whatever it said about the grant.
    pub(super) fn answered(self) {
        lock(&self.circuits).remove(&self.provider);
    }

    /// The provider, or the way to it, failed.
    pub(super) fn failed(self) {
        let mut circuits = lock(&self.circuits);
        if circuits.len() >= REMEMBERED && !circuits.contains_key(&self.provider) {
            circuits.clear();
        }
        let circuit = circuits.entry(self.provider.clone()).or_default();
        circuit.failures = circuit.failures.saturating_add(1);
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if self.is_probe
            && let Some(circuit) = lock(&self.circuits).get_mut(&self.provider)
        {
            circuit.probing = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use valetkey_domain::{Clock, ManualClock};

    use super::*;

    fn open(breakers: &Breakers, now: Time) {
        for _ in 0..OPENS_AFTER {
            breakers.pass("acme", now).unwrap().failed();
        }
    }

    #[test]
    fn breaker_five_failures_in_a_row_let_one_probe_a_second_pass() {
        let (breakers, clock) = (Breakers::default(), ManualClock::default());
        open(&breakers, clock.now());
        let probe = breakers.pass("acme", clock.now()).unwrap();
        clock.advance(Duration::seconds(5));
        assert!(breakers.pass("acme", clock.now()).is_err(), "one at a time");
        probe.failed();
        breakers.pass("acme", clock.now()).unwrap().failed();
        assert!(breakers.pass("acme", clock.now()).is_err(), "one a second");
        assert!(breakers.pass("other", clock.now()).is_ok());
        clock.advance(Duration::seconds(1));
        breakers.pass("acme", clock.now()).unwrap().answered();
        for _ in 0..100 {
            drop(breakers.pass("acme", clock.now()).unwrap());
        }
    }

    #[test]
    fn breaker_answer_in_between_starts_the_count_anew() {
        let (breakers, now) = (Breakers::default(), ManualClock::default().now());
        for _ in 0..10 {
            for _ in 1..OPENS_AFTER {
                breakers.pass("acme", now).unwrap().failed();
            }
            breakers.pass("acme", now).unwrap().answered();
        }
        assert!(breakers.pass("acme", now).is_ok());
    }

    /// R11: monotonic timers are not hurt by a clock that jumps.
    #[test]
    fn breaker_clock_put_back_still_probes() {
        let (breakers, clock) = (Breakers::default(), ManualClock::default());
        open(&breakers, clock.now());
        breakers.pass("acme", clock.now()).unwrap().failed();
        clock.advance(Duration::hours(-1));
        assert!(breakers.pass("acme", clock.now()).is_ok());
    }

    #[test]
    fn breaker_probe_that_is_given_up_frees_the_next() {
        let (breakers, clock) = (Breakers::default(), ManualClock::default());
        open(&breakers, clock.now());
        drop(breakers.pass("acme", clock.now()).unwrap());
        clock.advance(Duration::seconds(1));
        assert!(breakers.pass("acme", clock.now()).is_ok());
    }
}
