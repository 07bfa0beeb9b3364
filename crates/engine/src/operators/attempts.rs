//! How often somebody tried to come in, by user and by network address, so that guessing is slow (S43). Kept in memory
//! of this process and bounded: what was not used for longest is forgotten first. Not the least used: then an attacker
//! who fills the memory with often used entries would be free with every new one.

use std::{
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::Duration as StdDuration,
};

use moka::{policy::EvictionPolicy, sync::Cache};
use time::Duration;
use valetkey_domain::{Error, ErrorCode, Time};

use crate::{Engine, clients::sha256};

/// How many wrong passwords are free.
const FREE: u32 = 5;
/// How long the first wait is. Each further wrong password doubles it.
const FIRST_WAIT: Duration = Duration::seconds(30);
/// How long a wait is at most: an attacker can delay a person's login, not prevent it.
const LONGEST_WAIT: Duration = Duration::minutes(15);
/// How many addresses are remembered, and how long after the last try.
const REMEMBERED: u64 = 10_000;
const REMEMBERED_FOR: StdDuration = StdDuration::from_secs(3600);

#[derive(Clone, Copy)]
struct Failures {
    count: u32,
    not_before: Time,
}

/// Wrong passwords by address, known or not.
pub(crate) struct Attempts {
    failures: Cache<[u8; 32], Failures>,
    /// One at a time: two tries at once must not count as one.
    turn: Mutex<()>,
}

impl Default for Attempts {
    fn default() -> Self {
        Self { failures: bounded(), turn: Mutex::default() }
    }
}

impl Attempts {
    /// Counts a try before it is made, so that many at once are not all free.
    ///
    /// # Errors
    /// `login_too_often`, saying when the next try is.
    pub(crate) fn begin(&self, who: [u8; 32], now: Time) -> Result<(), Error> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let failures = self.failures.get(&who).unwrap_or(Failures { count: 0, not_before: now });
        if failures.count >= FREE && now < failures.not_before {
            return Err(too_often(failures.not_before - now));
        }
        let count = failures.count.saturating_add(1);
        let doublings = count.saturating_sub(FREE).min(10);
        let wait = (FIRST_WAIT * 2_i32.pow(doublings)).min(LONGEST_WAIT);
        self.failures.insert(who, Failures { count, not_before: now + wait });
        Ok(())
    }

    /// The password was right.
    pub(crate) fn succeeded(&self, who: &[u8; 32]) {
        self.failures.invalidate(who);
    }
}

fn bounded<V: Clone + Send + Sync + 'static>() -> Cache<[u8; 32], V> {
    let cache = Cache::builder().max_capacity(REMEMBERED).time_to_idle(REMEMBERED_FOR);
    cache.eviction_policy(EvictionPolicy::lru()).build()
}

fn too_often(wait: Duration) -> Error {
    let wait = u64::try_from(wait.whole_milliseconds()).unwrap_or_default();
    Error::new(ErrorCode::LoginTooOften).retry_after_ms(wait)
}

/// How many failures of one network address are free at once: an office shares one.
const BURST: i32 = 30;
/// After how long one more is free.
const ONE_MORE_AFTER: Duration = Duration::seconds(10);

/// Failed sign-ins, wrong links and refused answers of the identity provider, by network address.
pub(crate) struct Addresses {
    /// When the last of an address's failures will be forgiven.
    forgiven: Cache<[u8; 32], Time>,
    turn: Mutex<()>,
}

impl Default for Addresses {
    fn default() -> Self {
        Self { forgiven: bounded(), turn: Mutex::default() }
    }
}

impl Addresses {
    /// Whether somebody there may try.
    ///
    /// # Errors
    /// `login_too_often`, saying when.
    pub(crate) fn admit(&self, address: IpAddr, now: Time) -> Result<(), Error> {
        let Some(forgiven) = self.forgiven.get(&network(address)) else { return Ok(()) };
        let full = now + ONE_MORE_AFTER * (BURST - 1);
        if forgiven > full { Err(too_often(forgiven - full)) } else { Ok(()) }
    }

    /// Counts a failure.
    pub(crate) fn failed(&self, address: IpAddr, now: Time) {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let key = network(address);
        let forgiven = self.forgiven.get(&key).unwrap_or(now).max(now);
        self.forgiven.insert(key, forgiven + ONE_MORE_AFTER);
    }
}

/// The address, or of IPv6 the network that one customer is given (RFC 6177 §2: a /64 at least): all of it is theirs.
pub(crate) fn network(address: IpAddr) -> [u8; 32] {
    match address.to_canonical() {
        IpAddr::V4(address) => sha256(&address.octets()),
        IpAddr::V6(address) => sha256(&address.octets()[..8]),
    }
}

impl Engine {
    /// Whether somebody at a network address may try to come in: with a password, a link or an answer of the identity
    /// provider.
    ///
    /// # Errors
    /// `login_too_often`, saying when the next try is.
    pub fn admit_address(&self, address: Option<IpAddr>) -> Result<(), Error> {
        address.map_or(Ok(()), |address| self.0.addresses.admit(address, self.now()))
    }

    /// Counts `error` against a network address, if it is of a kind that comes of guessing.
    pub fn note_failure(&self, address: Option<IpAddr>, error: &Error) {
        let guessed = matches!(
            error.code(),
            ErrorCode::LoginRefused
                | ErrorCode::InvitationInvalid
                | ErrorCode::SsoStateLost
                | ErrorCode::SsoRefused
                | ErrorCode::SsoCodeRefused
                | ErrorCode::SsoTokenInvalid
        );
        if let Some(address) = address.filter(|_| guessed) {
            self.0.addresses.failed(address, self.now());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S43: an address has thirty failures at once and then one every ten seconds; its neighbours are not held up, but
    /// the rest of its own IPv6 network is.
    #[test]
    fn address_with_many_failures_waits_and_others_do_not() {
        let addresses = Addresses::default();
        let [own, near, far] = ["2001:db8:0:1::1", "2001:db8:0:1::ffff", "2001:db8:0:2::1"]
            .map(|text| text.parse::<IpAddr>().unwrap());
        let mut now = Time::UNIX_EPOCH;
        for _ in 0..BURST {
            addresses.admit(own, now).unwrap();
            addresses.failed(own, now);
        }
        let refused = addresses.admit(near, now).unwrap_err();
        assert_eq!(refused.code(), ErrorCode::LoginTooOften);
        assert_eq!(refused.details().retry_after_ms, Some(10_000));
        addresses.admit(far, now).unwrap();
        now += Duration::seconds(10);
        addresses.admit(own, now).unwrap();
        addresses.failed(own, now);
        addresses.admit(own, now).unwrap_err();
        addresses.admit("::ffff:192.0.2.1".parse().unwrap(), now).unwrap();
        now += Duration::minutes(5);
        for _ in 0..BURST {
            addresses.admit(own, now).unwrap();
            addresses.failed(own, now);
        }
        addresses.admit(own, now).unwrap_err();
    }

    /// S43: however many users and addresses are tried, memory holds a bounded number of them, and the present one is
    /// among them.
    #[test]
    fn attempts_of_very_many_are_bounded_in_memory() {
        const TRIED: u32 = 100_000;
        let (attempts, addresses) = (Attempts::default(), Addresses::default());
        let now = Time::UNIX_EPOCH;
        for n in 0..TRIED {
            attempts.begin(sha256(&n.to_be_bytes()), now).unwrap();
            addresses.failed(IpAddr::from(n.to_be_bytes()), now);
        }
        for _ in 0..BURST {
            addresses.failed(IpAddr::from([192, 0, 2, 1]), now);
            let _ = attempts.begin([9; 32], now);
        }
        attempts.failures.run_pending_tasks();
        addresses.forgiven.run_pending_tasks();
        assert!(attempts.failures.entry_count() <= REMEMBERED, "{}", attempts.failures.entry_count());
        assert!(addresses.forgiven.entry_count() <= REMEMBERED, "{}", addresses.forgiven.entry_count());
        addresses.admit(IpAddr::from([192, 0, 2, 1]), now).unwrap_err();
        attempts.begin([9; 32], now).unwrap_err();
    }

    /// S43: five tries are free, then each has to wait longer, up to a bound; others are not held up.
    #[test]
    fn attempts_over_the_free_ones_wait_longer_and_longer() {
        let attempts = Attempts::default();
        let (who, other) = ([1; 32], [2; 32]);
        let mut now = Time::UNIX_EPOCH;
        for _ in 0..FREE {
            attempts.begin(who, now).unwrap();
        }
        let mut waits = Vec::new();
        for _ in 0..8 {
            let refused = attempts.begin(who, now).unwrap_err();
            assert_eq!(refused.code(), ErrorCode::LoginTooOften);
            attempts.begin(other, now).unwrap();
            attempts.succeeded(&other);
            let wait = refused.details().retry_after_ms.unwrap();
            waits.push(wait / 1000);
            now += Duration::milliseconds(i64::try_from(wait).unwrap());
            attempts.begin(who, now).unwrap();
        }
        assert_eq!(waits, [30, 60, 120, 240, 480, 900, 900, 900]);
        attempts.succeeded(&who);
        for _ in 0..FREE {
            attempts.begin(who, now).unwrap();
        }
    }
}
