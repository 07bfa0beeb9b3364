//! An attempt as its link, its browser and its account see it.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use url::Url;
use valetkey_domain::{
    Account, AuthPhase, AuthRequest, Connection, Error, ErrorCode, ExposeSecret, PageRequest, SecretString,
    event::EventKind, store::EventFilter,
};

use crate::{
    Engine,
    clients::{random_text, same_hash, sha256},
    links::NewAttempt,
};

/// Characters of 256 bits in unpadded base64url: of a link's token, a browser's cookie and a state.
const SECRET_LENGTH: usize = 43;

/// An attempt with everything around it.
pub(super) struct Scene {
    pub(super) attempt: AuthRequest,
    pub(super) account: Account,
    pub(super) connection: Connection,
}

/// Whether `text` can be one of our secrets at all.
pub(super) fn well_formed(text: &str) -> bool {
    text.len() == SECRET_LENGTH && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// The hash of a browser's cookie; `None` without one.
pub(super) fn browser_hash(browser: Option<&SecretString>) -> Option<[u8; 32]> {
    let cookie = browser?.expose_secret();
    well_formed(cookie).then(|| sha256(cookie.as_bytes()))
}

/// Whether an attempt is bound to this browser.
pub(super) fn is_bound_to(attempt: &AuthRequest, browser: Option<[u8; 32]>) -> bool {
    match (&attempt.browser_hash, &browser) {
        (Some(bound), Some(present)) => same_hash(bound, present),
        _ => false,
    }
}

/// Whose cookie a browser brought, for the history.
pub(super) fn cookie_word(attempt: &AuthRequest, browser: Option<[u8; 32]>) -> &'static str {
    match browser {
        None => "none",
        Some(_) if attempt.browser_hash.is_none() || is_bound_to(attempt, browser) => "ours",
        Some(_) => "another",
    }
}

/// Ties a form to the page it was served with: only who has the cookie and the link can make it.
pub(super) fn form_token(browser: &SecretString, link_token: &str) -> String {
    let mut text = zeroize::Zeroizing::new(String::with_capacity(128));
    text.push_str("valetkey form\0");
    text.push_str(browser.expose_secret());
    text.push('\0');
    text.push_str(link_token);
    URL_SAFE_NO_PAD.encode(sha256(text.as_bytes()))
}

/// Checks the form token of a `POST`. Without it a foreign page could press *Continue* in a user's browser and skip
/// our page, which says who asks for what (S03).
pub(super) fn check_form(
    link_token: &str,
    browser: Option<&SecretString>,
    given: &str,
) -> Result<[u8; 32], Error> {
    let Some(hash) = browser_hash(browser) else {
        return Err(Error::new(ErrorCode::BrowserMismatch)
            .message("Your browser did not send the cookie that this page needs."));
    };
    let expected = browser.map(|browser| form_token(browser, link_token)).unwrap_or_default();
    if same_hash(&sha256(expected.as_bytes()), &sha256(given.as_bytes())) {
        Ok(hash)
    } else {
        Err(Error::new(ErrorCode::FormExpired))
    }
}

impl Engine {
    /// A fresh cookie value.
    pub(super) fn new_browser(&self) -> SecretString {
        SecretString::from(random_text(&*self.0.entropy).as_str())
    }

    /// The attempt behind a link's token, with its account and connection.
    ///
    /// # Errors
    /// `link_invalid`.
    pub(super) async fn scene_of_link(&self, token: &str) -> Result<Scene, Error> {
        let invalid = || Error::new(ErrorCode::LinkInvalid);
        if !well_formed(token) {
            return Err(invalid());
        }
        let hash = sha256(token.as_bytes());
        let attempt = self.0.store.auth_request_by_link(&hash).await?.ok_or_else(invalid)?;
        self.scene(attempt).await?.ok_or_else(invalid)
    }

    /// The attempt with its account and connection; `None` if they are gone.
    pub(super) async fn scene(&self, attempt: AuthRequest) -> Result<Option<Scene>, Error> {
        let account = self.0.store.account(&attempt.account).await?;
        let connection = self.0.store.connection(&attempt.connection).await?;
        Ok(account.zip(connection).map(|(account, connection)| Scene { attempt, account, connection }))
    }

    /// Whether this browser may go on with the attempt by its link.
    ///
    /// # Errors
    /// `link_used`, `link_other_browser`, `link_expired`, `link_withdrawn`, `connection_disabled`.
    pub(super) async fn require_usable(&self, scene: &Scene, browser: Option<[u8; 32]>) -> Result<(), Error> {
        let attempt = &scene.attempt;
        let ours = is_bound_to(attempt, browser);
        let usable = match attempt.phase {
            AuthPhase::Created | AuthPhase::Opened | AuthPhase::Redirected => true,
            // The user may have declined by mistake. What failed for another browser's or the link's sake has no
            // browser any more.
            AuthPhase::Failed => ours,
            // An exchange that a crash interrupted stays in this phase: its code is lost, the user may begin anew.
            AuthPhase::Exchanging => self.exchange_is_over(attempt),
            AuthPhase::AwaitingVerification | AuthPhase::Completed => false,
        };
        if !usable {
            return Err(Error::new(ErrorCode::LinkUsed));
        }
        // S02: a link works in the browser that started it, and in no other.
        if attempt.browser_hash.is_some() && !ours {
            return Err(Error::new(ErrorCode::LinkOtherBrowser));
        }
        if attempt.expires_at <= self.now() {
            return Err(Error::new(ErrorCode::LinkExpired));
        }
        if self.is_withdrawn(scene).await? {
            return Err(Error::new(ErrorCode::LinkWithdrawn));
        }
        self.require_enabled(&scene.connection)
    }

    /// Whether the account was disconnected after the link was made: a link that is still out there must not connect it
    /// again behind the back of whoever ended it. The history knows; an account may have been connected again since.
    pub(super) async fn is_withdrawn(&self, scene: &Scene) -> Result<bool, Error> {
        let made = scene.attempt.created_at;
        let filter = EventFilter {
            account: Some(scene.account.id.clone()),
            kinds: vec![EventKind::AccountDisconnected],
            since: Some(made),
            ..EventFilter::default()
        };
        let page = PageRequest { size: 1, cursor: None };
        let found = self.0.store.events(&scene.account.environment, &filter, &page).await?;
        Ok(found.items.iter().any(|event| event.at > made))
    }

    /// Whether no exchange of this attempt can still be under way.
    fn exchange_is_over(&self, attempt: &AuthRequest) -> bool {
        // State lifetime until the callback, then a handful of bounded calls.
        let longest = self.0.settings.state_ttl + self.0.settings.call_deadline * 4;
        attempt.redirected_at.is_none_or(|at| at + longest <= self.now())
    }

    /// An attempt that repeats `attempt` in the same browser: same account, same wishes, same expiry, new secrets.
    /// The address of its page works in that browser only.
    pub(super) fn repeated(&self, scene: &Scene) -> Result<(AuthRequest, Url), Error> {
        let attempt = &scene.attempt;
        self.new_attempt(NewAttempt {
            account: &scene.account,
            scopes: attempt.scopes.clone(),
            caller_state: attempt.caller_state.clone(),
            user_verify_url: attempt.user_verify_url.clone(),
            expires_at: attempt.expires_at,
            created_at: attempt.created_at,
            browser_hash: attempt.browser_hash,
        })
    }
}
