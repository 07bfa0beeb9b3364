//! Logging in and out, and who is behind a session.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::json;
use time::Duration;
use valetkey_domain::{
    Caller, Change, Changes, Error, ErrorCode, ExposeSecret, RequestId, SecretString, Session, SessionId,
    User, audit::AuditOutcome,
};

use super::{DASHBOARD_CLIENT, MAX_EMAIL, folded};
use crate::{
    Engine,
    clients::{random_text, same_hash, sha256},
};

/// The use of a session is noted at most this often.
const TOUCH_AFTER: Duration = Duration::minutes(1);
/// How somebody signed in who came through the identity provider.
pub(super) const SSO: &str = "sso";
/// How much of what a browser calls itself is kept, in characters.
const MAX_BROWSER: usize = 200;

/// A session that was just begun.
#[derive(Debug, Clone)]
pub struct LoggedIn {
    /// The token for the cookie, shown this once.
    pub token: SecretString,
    /// The user.
    pub user: User,
    /// The session.
    pub session: Session,
}

/// Who uses the dashboard right now.
#[derive(Debug, Clone)]
pub struct Visitor {
    /// The user.
    pub user: User,
    /// The session.
    pub session: Session,
    /// The same as a caller of use cases: in the default environment, with the permissions of the role.
    pub caller: Caller,
    /// What every form of this session carries: another site cannot know it.
    pub form_token: String,
}

impl Visitor {
    /// Whether a form came from a page of this session.
    #[must_use]
    pub fn sent(&self, form_token: &str) -> bool {
        same_hash(&sha256(form_token.as_bytes()), &sha256(self.form_token.as_bytes()))
    }
}

/// A session as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionView {
    /// The session.
    pub session: Session,
    /// Whether it is the one that asks.
    pub own: bool,
}

impl Engine {
    /// Logs a user in by address and password.
    ///
    /// # Errors
    /// `login_refused`, which does not say what was wrong; `login_too_often`; `overloaded`; `password_login_off`.
    pub async fn log_in(
        &self,
        email: &str,
        password: &SecretString,
        browser: &str,
        request: Option<&RequestId>,
    ) -> Result<LoggedIn, Error> {
        self.require_passwords()?;
        let email = folded(email);
        let who = sha256(email.as_bytes());
        self.0.attempts.begin(who, self.now())?;
        let known = match email.len() <= MAX_EMAIL {
            true => self.0.store.user_by_email(&email).await?,
            false => None,
        };
        let user = known.filter(|user| user.disabled_at.is_none());
        let stored = user.as_ref().and_then(|user| user.password_hash.as_deref());
        let fits = self.0.passwords.matches(password, stored).await?;
        let Some(user) = user.filter(|_| fits) else {
            // The address as it was typed may hold a password typed into the wrong field: it is not written down.
            let mut entry = self.audit_of("nobody", "user.login", None);
            entry.0.outcome = AuditOutcome::Refused;
            entry.0.request_id = request.map(ToString::to_string);
            self.commit(Changes::from(Change::from(entry))).await?;
            return Err(Error::new(ErrorCode::LoginRefused));
        };
        self.0.attempts.succeeded(&who);
        self.begin_session(user, browser, "password", request).await
    }

    /// Begins a session for somebody who has shown who they are.
    ///
    /// # Errors
    /// `storage_unavailable`.
    pub async fn begin_session(
        &self,
        user: User,
        browser: &str,
        method: &str,
        request: Option<&RequestId>,
    ) -> Result<LoggedIn, Error> {
        let token = random_text(&*self.0.entropy);
        let now = self.now();
        let printable = browser.chars().filter(|c| !c.is_control());
        let session = Session {
            id: SessionId::new(&*self.0.clock, &*self.0.entropy),
            user: user.id.clone(),
            token_hash: sha256(token.as_bytes()),
            browser: printable.take(MAX_BROWSER).collect(),
            created_at: now,
            seen_at: now,
            expires_at: now + self.session_life(method),
        };
        let mut entry = self.audit_of(&format!("user:{}", user.id), "user.login", Some(user.id.as_str()));
        entry.0.request_id = request.map(ToString::to_string);
        let entry = entry.data(json!({ "method": method, "session": session.id.as_str() }));
        self.commit(Changes::from(Change::InsertSession(session.clone())).and(entry.into())).await?;
        Ok(LoggedIn { token: SecretString::from(token.as_str().to_owned()), user, session })
    }

    /// How long a session goes on that was begun by `method`. Who is disabled at the identity provider is not known here
    /// before the next sign-in, so a session that began there has to come back to it soon.
    fn session_life(&self, method: &str) -> std::time::Duration {
        let life = self.0.settings.session_life;
        match &self.0.settings.sso {
            Some(sso) if method == SSO => life.min(sso.session_life),
            _ => life,
        }
    }

    /// Who is behind the token of a cookie, if the session goes on. Its use is noted.
    ///
    /// # Errors
    /// `storage_unavailable`.
    pub async fn visitor(
        &self,
        token: &SecretString,
        request: Option<&RequestId>,
    ) -> Result<Option<Visitor>, Error> {
        let hash = sha256(token.expose_secret().as_bytes());
        let found = self.0.store.session_by_token(&hash).await?;
        let Some(session) = found.filter(|session| same_hash(&session.token_hash, &hash)) else {
            return Ok(None);
        };
        let now = self.now();
        if session.expires_at <= now || session.seen_at + self.0.settings.session_idle <= now {
            self.commit(Change::DeleteSession(session.id)).await?;
            return Ok(None);
        }
        let user = self.0.store.user(&session.user).await?;
        let Some(user) = user.filter(|user| user.disabled_at.is_none()) else { return Ok(None) };
        if session.seen_at + TOUCH_AFTER <= now {
            self.commit(Change::TouchSession { id: session.id.clone(), at: now }).await?;
        }
        let caller = Caller {
            environment: self.default_environment().await?,
            client: DASHBOARD_CLIENT.parse().map_err(Error::internal)?,
            token: None,
            user: Some(user.id.clone()),
            request: request.cloned(),
            bounds: None,
            permissions: user.role.permissions(),
        };
        let form_token = form_token(token);
        Ok(Some(Visitor { user, session, caller, form_token }))
    }

    /// Ends the visitor's own session.
    ///
    /// # Errors
    /// `storage_unavailable`.
    pub async fn log_out(&self, visitor: &Visitor) -> Result<(), Error> {
        let entry = self.audit_entry(&visitor.caller, "user.logout", Some(visitor.user.id.as_str()));
        let changes = Changes::from(Change::DeleteSession(visitor.session.id.clone())).and(entry.into());
        self.commit(changes).await
    }

    /// The visitor's sessions that go on, newest first.
    ///
    /// # Errors
    /// `storage_unavailable`.
    pub async fn own_sessions(&self, visitor: &Visitor) -> Result<Vec<SessionView>, Error> {
        let now = self.now();
        let idle = self.0.settings.session_idle;
        let mut sessions = self.0.store.sessions(&visitor.user.id).await?;
        sessions.retain(|session| session.expires_at > now && session.seen_at + idle > now);
        sessions.reverse();
        let view = |session: Session| SessionView { own: session.id == visitor.session.id, session };
        Ok(sessions.into_iter().map(view).collect())
    }

    /// Ends one of the visitor's sessions, or all others when none is named.
    ///
    /// # Errors
    /// `storage_unavailable`. An unknown session has ended already.
    pub async fn end_own_sessions(&self, visitor: &Visitor, id: Option<&str>) -> Result<(), Error> {
        let user = &visitor.user.id;
        let change = match id {
            None => Change::DeleteSessionsOf { user: user.clone(), except: Some(visitor.session.id.clone()) },
            Some(id) => {
                let own = self.0.store.sessions(user).await?;
                let Some(session) = own.into_iter().find(|session| session.id.as_str() == id) else {
                    return Ok(());
                };
                Change::DeleteSession(session.id)
            }
        };
        let entry = self.audit_entry(&visitor.caller, "session.ended", Some(user.as_str()));
        let entry = entry.data(json!({ "session": id.unwrap_or("all others") }));
        self.commit(Changes::from(change).and(entry.into())).await
    }
}

/// The token of a session's forms. It follows from the token of the session and leads back to nothing.
fn form_token(session: &SecretString) -> String {
    let mut text = zeroize::Zeroizing::new(String::from("form of "));
    text.push_str(session.expose_secret());
    URL_SAFE_NO_PAD.encode(sha256(text.as_bytes()))
}
