//! Grants and their tokens: who gave which client what, and which tokens stand for it now.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use time::Duration;
use valetkey_domain::{Entropy, Time};

use crate::{
    Ending,
    hash::{Hashed, fresh_token},
    settings::{Settings, seconds},
};

/// Grants kept at most; beyond it the oldest go.
const MAX_GRANTS: usize = 100_000;
/// Tokens remembered per grant, dead ones included; a token older than these is "unknown".
const MAX_TOKENS_PER_GRANT: usize = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum TokenKind {
    Access,
    Refresh,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) grant: u64,
    pub(crate) scopes: Vec<String>,
    pub(crate) issued_at: Time,
    pub(crate) expires_at: Option<Time>,
    /// When a rotation replaced it.
    pub(crate) spent_at: Option<Time>,
    pub(crate) revoked: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Grant {
    pub(crate) client_id: String,
    pub(crate) user: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) revoked: bool,
    /// What ended it, once it is revoked.
    #[serde(default)]
    pub(crate) ending: Option<Ending>,
    /// When it ends by itself: an app in testing gets no longer ones, and keeps those it got.
    #[serde(default)]
    ends_at: Option<Time>,
    /// When a refresh token of it was last used.
    #[serde(default)]
    refreshed_at: Option<Time>,
    tokens: Vec<Hashed>,
}

/// How long a grant to an app in testing lives.
const TEST_MODE_LIFE: Duration = Duration::days(7);

/// All grants. Tokens are found by hash alone.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Grants {
    grants: BTreeMap<u64, Grant>,
    tokens: BTreeMap<Hashed, Token>,
    last: u64,
}

/// Why a token is not good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dead {
    Unknown,
    Expired,
    Ended(Ending),
    Spent,
}

impl Dead {
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Unknown => "is unknown",
            Self::Expired => "has expired",
            Self::Ended(ending) => ending.words(),
            Self::Spent => "has already been used",
        }
    }
}

/// Fresh tokens in the clear, on their way to the client.
pub(crate) struct Issued {
    pub(crate) grant: u64,
    pub(crate) user: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) access_token: String,
    pub(crate) refresh_token: Option<String>,
}

impl Grants {
    /// A new grant without tokens.
    pub(crate) fn add(
        &mut self,
        client_id: &str,
        user: &str,
        scopes: Vec<String>,
        settings: &Settings,
        now: Time,
    ) -> u64 {
        if self.grants.len() >= MAX_GRANTS {
            self.forget_oldest();
        }
        if let Some(max) = settings.max_grants_per_user {
            self.make_room(client_id, user, max);
        }
        self.last += 1;
        let grant = Grant {
            client_id: client_id.to_owned(),
            user: user.to_owned(),
            scopes,
            revoked: false,
            ending: None,
            ends_at: settings.test_mode.then(|| now + TEST_MODE_LIFE),
            refreshed_at: None,
            tokens: vec![],
        };
        self.grants.insert(self.last, grant);
        self.last
    }

    /// Ends the oldest grants of a user to a client until one more fits.
    fn make_room(&mut self, client_id: &str, user: &str, max: u32) {
        let same = |grant: &Grant| !grant.revoked && grant.client_id == client_id && grant.user == user;
        let live: Vec<u64> = self.grants.iter().filter(|(_, grant)| same(grant)).map(|(id, _)| *id).collect();
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        for id in live.iter().take((live.len() + 1).saturating_sub(max)) {
            self.end_grant(*id, Ending::TooMany);
        }
    }

    fn forget_oldest(&mut self) {
        if let Some((_, grant)) = self.grants.pop_first() {
            for hash in grant.tokens {
                self.tokens.remove(&hash);
            }
        }
    }

    pub(crate) fn get(&self, id: u64) -> Option<&Grant> {
        self.grants.get(&id)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &Grant)> {
        self.grants.iter().map(|(id, grant)| (*id, grant))
    }

    /// The tokens of a grant that work at `now`, by kind: access, refresh.
    pub(crate) fn live_tokens(&self, id: u64, now: Time) -> (usize, usize) {
        let tokens = self.grants.get(&id).map(|g| g.tokens.as_slice()).unwrap_or_default();
        let live =
            tokens.iter().filter_map(|hash| self.tokens.get(hash)).filter(|t| self.life(t, now).is_ok());
        let (access, refresh): (Vec<_>, Vec<_>) = live.partition(|t| t.kind == TokenKind::Access);
        (access.len(), refresh.len())
    }

    fn life(&self, token: &Token, now: Time) -> Result<(), Dead> {
        let Some(grant) = self.grants.get(&token.grant) else { return Err(Dead::Unknown) };
        if grant.revoked {
            return Err(Dead::Ended(grant.ending.unwrap_or(Ending::User)));
        }
        if token.revoked {
            return Err(Dead::Ended(Ending::Client));
        }
        if grant.ends_at.is_some_and(|at| at <= now) {
            return Err(Dead::Ended(Ending::TestMode));
        }
        if token.spent_at.is_some() {
            return Err(Dead::Spent);
        }
        if token.expires_at.is_some_and(|at| at <= now) {
            return Err(Dead::Expired);
        }
        Ok(())
    }

    /// The access token `text`, if it works at `now`.
    pub(crate) fn access(&self, text: &str, now: Time) -> Result<(&Token, &Grant), Dead> {
        let token = self.tokens.get(&Hashed::of(text)).filter(|t| t.kind == TokenKind::Access);
        let token = token.ok_or(Dead::Unknown)?;
        self.life(token, now)?;
        Ok((token, self.grants.get(&token.grant).ok_or(Dead::Unknown)?))
    }

    /// Any token, dead or alive, with its grant.
    pub(crate) fn find(&self, text: &str) -> Option<(&Token, &Grant)> {
        let token = self.tokens.get(&Hashed::of(text))?;
        Some((token, self.grants.get(&token.grant)?))
    }

    /// Whether a token that was found works at `now`.
    pub(crate) fn is_live(&self, token: &Token, now: Time) -> bool {
        self.life(token, now).is_ok()
    }

    /// Mints an access token, and a refresh token if asked for.
    pub(crate) fn issue(
        &mut self,
        grant: u64,
        scopes: Vec<String>,
        with_refresh: bool,
        settings: &Settings,
        now: Time,
        entropy: &dyn Entropy,
    ) -> Option<Issued> {
        let user = self.grants.get(&grant)?.user.clone();
        let access_token = fresh_token("sat_", entropy);
        let expires_at = Some(now + seconds(settings.access_token_ttl_s));
        self.put(&access_token, grant, TokenKind::Access, scopes.clone(), expires_at, now);
        let refresh_token = with_refresh.then(|| fresh_token("srt_", entropy));
        if let Some(text) = &refresh_token {
            let expires_at = settings.refresh_token_ttl_s.map(|ttl| now + seconds(ttl));
            // RFC 6749 §6: a refresh token keeps the scopes of the grant, whatever the access token was cut down to.
            let granted = self.grants.get(&grant)?.scopes.clone();
            self.put(text, grant, TokenKind::Refresh, granted, expires_at, now);
        }
        Some(Issued { grant, user, scopes, access_token, refresh_token })
    }

    fn put(
        &mut self,
        text: &str,
        grant: u64,
        kind: TokenKind,
        scopes: Vec<String>,
        expires_at: Option<Time>,
        now: Time,
    ) {
        let token = Token { kind, grant, scopes, issued_at: now, expires_at, spent_at: None, revoked: false };
        let hash = Hashed::of(text);
        if let Some(owner) = self.grants.get_mut(&grant) {
            owner.tokens.push(hash.clone());
            self.tokens.insert(hash, token);
            if owner.tokens.len() > MAX_TOKENS_PER_GRANT {
                // The oldest that no longer matters; a refresh token that never rotates stays.
                let dead = |hash: &Hashed| {
                    self.tokens.get(hash).is_none_or(|t| {
                        t.revoked || t.spent_at.is_some() || t.expires_at.is_some_and(|at| at <= now)
                    })
                };
                let index = owner.tokens.iter().position(dead).unwrap_or_else(|| {
                    let access = |h: &Hashed| self.tokens.get(h).is_some_and(|t| t.kind == TokenKind::Access);
                    owner.tokens.iter().position(access).unwrap_or(0)
                });
                let oldest = owner.tokens.remove(index);
                self.tokens.remove(&oldest);
            }
        }
    }

    /// Judges a refresh token. `Spent` is returned only once the grace is over.
    pub(crate) fn refreshable(
        &self,
        text: &str,
        settings: &Settings,
        now: Time,
    ) -> Result<(u64, &Grant), Dead> {
        let token = self.tokens.get(&Hashed::of(text)).filter(|t| t.kind == TokenKind::Refresh);
        let token = token.ok_or(Dead::Unknown)?;
        let verdict = self.life(token, now);
        let in_grace = token.spent_at.is_some_and(|at| now - at < seconds(settings.refresh_grace_s));
        if verdict.is_err() && !(verdict == Err(Dead::Spent) && in_grace) {
            return Err(verdict.err().unwrap_or(Dead::Unknown));
        }
        let grant = self.grants.get(&token.grant).ok_or(Dead::Unknown)?;
        let last_used = grant.refreshed_at.unwrap_or(token.issued_at).max(token.issued_at);
        if settings.refresh_idle_s.is_some_and(|idle| now - last_used >= seconds(idle)) {
            return Err(Dead::Ended(Ending::Idle));
        }
        Ok((token.grant, grant))
    }

    /// Notes that a refresh token of this grant was used.
    pub(crate) fn note_refresh(&mut self, id: u64, now: Time) {
        if let Some(grant) = self.grants.get_mut(&id) {
            grant.refreshed_at = Some(now);
        }
    }

    /// Marks a refresh token as used up by a rotation. The first use counts: the grace does not grow.
    pub(crate) fn spend(&mut self, text: &str, now: Time) {
        if let Some(token) = self.tokens.get_mut(&Hashed::of(text)) {
            token.spent_at.get_or_insert(now);
        }
    }

    /// Takes one access token out of use.
    pub(crate) fn revoke_token(&mut self, text: &str) {
        if let Some(token) = self.tokens.get_mut(&Hashed::of(text)) {
            token.revoked = true;
        }
    }

    /// Takes a whole grant out of use. What ended it first counts.
    pub(crate) fn end_grant(&mut self, id: u64, ending: Ending) {
        if let Some(grant) = self.grants.get_mut(&id)
            && !grant.revoked
        {
            grant.revoked = true;
            grant.ending = Some(ending);
        }
    }

    /// Lets every token of a grant of one kind expire at `now`; gives how many worked until then.
    pub(crate) fn expire_tokens(&mut self, id: u64, kind: TokenKind, now: Time) -> usize {
        let Some(grant) = self.grants.get(&id) else { return 0 };
        let mut expired = 0;
        for hash in &grant.tokens {
            if let Some(token) = self.tokens.get_mut(hash)
                && token.kind == kind
                && token.spent_at.is_none()
                && token.expires_at.is_none_or(|at| at > now)
            {
                token.expires_at = Some(now - Duration::seconds(1));
                expired += 1;
            }
        }
        expired
    }

    /// Takes scopes away from a grant and all its tokens; says whether any was there.
    pub(crate) fn drop_scopes(&mut self, id: u64, scopes: &[String]) -> bool {
        let Some(grant) = self.grants.get_mut(&id) else { return false };
        let before = grant.scopes.len();
        grant.scopes.retain(|s| !scopes.contains(s));
        for hash in &grant.tokens {
            if let Some(token) = self.tokens.get_mut(hash) {
                token.scopes.retain(|s| !scopes.contains(s));
            }
        }
        grant.scopes.len() < before
    }
}

#[cfg(test)]
#[path = "grants_tests.rs"]
mod tests;
