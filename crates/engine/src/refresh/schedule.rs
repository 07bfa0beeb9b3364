//! When the background renews a credential.
//!
//! One pure function, so that every place that stores a grant gives the same answer: ahead of the expiry for accounts
//! that are in use, before the provider ends an idle grant for all others. Jitter comes from the account and the
//! generation, not from chance: accounts that were authorized in one second do not come due in one second.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use time::Duration;
use valetkey_domain::{Account, AccountId, Time, credential::OAuthTokens};
use valetkey_upstream::connector::Connector;

use super::due;

/// An account that was not used for so long is only kept alive.
const IN_USE: Duration = Duration::days(7);
/// How far ahead of the margin the background works: from a twentieth of the token's life…
const LEAST_AHEAD: i32 = 20;
/// …and at most so much, …
const LEAST_AHEAD_CAP: Duration = Duration::minutes(10);
/// …with a spread of another tenth, …
const SPREAD: i32 = 10;
/// …and at most so much.
const SPREAD_CAP: Duration = Duration::minutes(20);
/// An idle grant is renewed when so much of the provider's idle limit has passed.
const KEEP_ALIVE_FROM: f64 = 0.5;
/// The latest part of the idle limit that is waited for.
const KEEP_ALIVE_TO: f64 = 0.8;

/// What the background has to do about a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Task {
    /// Renew it ahead of its expiry.
    Ahead,
    /// Renew it so that the provider does not end the idle grant.
    KeepAlive,
}

/// When the background renews `tokens`, stored at `stored_at` as the credential of `account`; `None` for never.
/// `used_at` is when the account was used last.
pub(crate) fn refresh_at(
    connector: &Connector,
    tokens: &OAuthTokens,
    account: &Account,
    stored_at: Time,
    used_at: Time,
) -> Option<Time> {
    next(connector, tokens, account, stored_at, used_at, stored_at).map(|(at, _)| at)
}

/// As [`refresh_at`], seen at `now`, with what there is to do then.
pub(crate) fn next(
    connector: &Connector,
    tokens: &OAuthTokens,
    account: &Account,
    stored_at: Time,
    used_at: Time,
    now: Time,
) -> Option<(Time, Task)> {
    if !due::is_renewable(connector, tokens) {
        return None;
    }
    let share = share(&account.id, account.generation);
    let idle_days = connector.auth.oauth().and_then(|profile| profile.lifetimes.refresh_idle_days);
    let keep_alive = idle_days.filter(|_| tokens.refresh_token.is_some()).map(|days| {
        let limit = Duration::days(i64::from(days));
        stored_at + limit * (KEEP_ALIVE_FROM + share * (KEEP_ALIVE_TO - KEEP_ALIVE_FROM))
    });
    let is_in_use = now - used_at < IN_USE;
    let ahead = tokens.expires_at.or(account.token_expires_at).filter(|_| is_in_use).map(|expires_at| {
        let life: Duration = expires_at - stored_at;
        let life = life.max(Duration::ZERO);
        let (least, spread): (Duration, Duration) = (life / LEAST_AHEAD, life / SPREAD);
        let ahead = least.min(LEAST_AHEAD_CAP) + spread.min(SPREAD_CAP) * share;
        let at = expires_at - due::margin(connector, stored_at, expires_at) - ahead;
        at.max(due::earliest(connector, stored_at))
    });
    match (ahead, keep_alive) {
        (Some(ahead), Some(keep_alive)) if keep_alive < ahead => Some((keep_alive, Task::KeepAlive)),
        (Some(ahead), _) => Some((ahead, Task::Ahead)),
        (None, Some(keep_alive)) => Some((keep_alive, Task::KeepAlive)),
        (None, None) => None,
    }
}

/// A number from 0 to 1 (not included) that belongs to one generation of one account.
fn share(account: &AccountId, generation: u64) -> f64 {
    // With fixed keys: the same in every process.
    let mut hasher = DefaultHasher::new();
    (account.as_str(), generation).hash(&mut hasher);
    #[expect(clippy::cast_precision_loss, reason = "53 bits are enough to spread accounts")]
    let share = (hasher.finish() >> 11) as f64 / (1_u64 << 53) as f64;
    share
}
