//! What a credential allows at an instant.

use time::Duration;
use valetkey_domain::{Time, credential::OAuthTokens};
use valetkey_upstream::connector::{Auth, Connector, RefreshBy};

/// How a credential stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Freshness {
    /// It is good, or nothing is known against it.
    Good,
    /// It still works and is to be renewed.
    Due,
    /// It no longer works and is to be renewed.
    Over,
    /// It no longer works, and there is nothing to renew it with.
    Lost,
}

/// Whether there is something to renew `tokens` with.
pub(crate) fn is_renewable(connector: &Connector, tokens: &OAuthTokens) -> bool {
    match &connector.auth {
        Auth::ClientCredentials(_) => true,
        Auth::OAuth(profile) => match profile.refresh.by {
            RefreshBy::RefreshToken => tokens.refresh_token.is_some(),
            RefreshBy::AccessToken | RefreshBy::ClientCredentials => true,
            RefreshBy::Never => false,
        },
        Auth::Static(..) | Auth::None => false,
    }
}

/// Whether a renewal spends what it is made with, so that an answer that got lost is a grant that got lost.
pub(crate) fn rotates(connector: &Connector) -> bool {
    match &connector.auth {
        Auth::OAuth(profile) => profile.refresh.rotation.single_use,
        Auth::ClientCredentials(_) | Auth::Static(..) | Auth::None => false,
    }
}

/// How long before its end a credential that lives from `stored_at` to `expires_at` is to be renewed. The connector says
/// it, but never more than half of the token's life: else a provider of short-lived tokens would be asked before every
/// call.
pub(super) fn margin(connector: &Connector, stored_at: Time, expires_at: Time) -> Duration {
    let stated = connector.auth.oauth().map_or(0, |profile| profile.refresh.margin_seconds);
    let life: Duration = expires_at - stored_at;
    let half_life: Duration = life / 2;
    Duration::seconds(i64::from(stated)).min(half_life.max(Duration::ZERO))
}

/// When the provider lets a credential that was stored at `stored_at` be renewed.
pub(super) fn earliest(connector: &Connector, stored_at: Time) -> Time {
    let interval = connector.auth.oauth().map_or(0, |profile| profile.refresh.min_interval_seconds);
    stored_at + Duration::seconds(i64::from(interval))
}

/// How `tokens`, stored at `stored_at`, stand at `now`. `expires_at` is when they end, whoever said so.
pub(super) fn freshness(
    connector: &Connector,
    tokens: &OAuthTokens,
    expires_at: Option<Time>,
    stored_at: Time,
    now: Time,
) -> Freshness {
    let Some(expires_at) = expires_at else { return Freshness::Good };
    let over = expires_at <= now;
    match is_renewable(connector, tokens) {
        false if over => Freshness::Lost,
        false => Freshness::Good,
        true if over => Freshness::Over,
        true => {
            let is_near = expires_at - margin(connector, stored_at, expires_at) <= now;
            if is_near && earliest(connector, stored_at) <= now { Freshness::Due } else { Freshness::Good }
        }
    }
}
