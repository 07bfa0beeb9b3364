//! The step from the hosted page to the provider.

use serde_json::json;
use url::Url;
use valetkey_domain::{
    AuthPhase, AuthRequest, Change, Changes, Error, ErrorCode, ExposeSecret, Language, SealedBlob,
    SecretString,
    event::{EventKind, NewEvent},
    sealed::SealContext,
};
use valetkey_upstream::{
    connector::{Auth, OAuthProfile, Pkce},
    oauth::{self, pkce},
};

use super::{
    CallbackOutcome,
    agent::browser_name,
    attempt::{Scene, browser_hash, check_form, cookie_word},
    outcome::Ending,
};
use crate::{
    Engine,
    clients::{random_text, sha256},
    context::target,
};

/// The field that a code verifier is sealed for.
pub(crate) const PKCE_VERIFIER: &str = "pkce_verifier";
/// Who acts when an end user does.
pub(super) const END_USER: &str = "end_user";

/// What is known of who reads the page of a link.
#[derive(Debug, Clone, Copy, Default)]
pub struct Reader<'a> {
    /// The browser's `User-Agent`, for the history: family and system are kept.
    pub user_agent: Option<&'a str>,
    /// The language that they or their browser named: the provider is told it where it can be.
    pub language: Option<Language>,
}

/// Where the browser goes after *Continue*.
#[derive(Debug)]
pub enum StartOutcome {
    /// To the provider. The URL holds the state: send it in a redirect and write it nowhere else.
    Redirect(Url),
    /// Nowhere: there was nothing to ask the user (client credentials, or no authentication at all).
    Ended(Box<CallbackOutcome>),
}

impl Engine {
    /// Binds the link to the browser and sends it to the provider. May be repeated in the same browser until a grant
    /// has arrived; the state of the time before stops working.
    ///
    /// # Errors
    /// As [`Engine::open_link`]; `form_expired` when cookie and form token do not belong together;
    /// `connection_not_configured`, `shared_credentials_unavailable`.
    pub async fn start_authorization(
        &self,
        token: &str,
        browser: Option<&SecretString>,
        form_token: &str,
    ) -> Result<StartOutcome, Error> {
        self.start_authorization_in(token, browser, form_token, Reader::default()).await
    }

    /// The same with what is known of who reads the page.
    ///
    /// # Errors
    /// As [`Engine::start_authorization`].
    pub async fn start_authorization_in(
        &self,
        token: &str,
        browser: Option<&SecretString>,
        form_token: &str,
        reader: Reader<'_>,
    ) -> Result<StartOutcome, Error> {
        let agent = browser_name(reader.user_agent);
        let cookie = match check_form(token, browser, form_token) {
            Ok(cookie) => cookie,
            Err(refused) => {
                if let Ok(scene) = self.scene_of_link(token).await {
                    self.note_refused_form(&scene, browser, agent, refused.code()).await;
                }
                return Err(refused);
            }
        };
        let scene = self.scene_of_link(token).await?;
        if let Err(refused) = self.require_usable(&scene, Some(cookie)).await {
            self.note_refused_form(&scene, browser, agent, refused.code()).await;
            return Err(refused);
        }
        let browser = cookie;
        let connector = self.connector_of(&scene.connection)?.clone();
        match &connector.auth {
            Auth::OAuth(profile) => {
                let mut url = self.redirect(&scene, browser, profile, agent).await?;
                if let Some(language) = reader.language {
                    oauth::ask_in(&mut url, profile, language);
                }
                Ok(StartOutcome::Redirect(url))
            }
            Auth::ClientCredentials(_) | Auth::None => {
                let outcome = self.without_user(scene, browser).await?;
                Ok(StartOutcome::Ended(Box::new(outcome)))
            }
            Auth::Static(..) => {
                Err(Error::new(ErrorCode::InvalidRequest).message("This link asks for a filled-in form."))
            }
        }
    }

    async fn redirect(
        &self,
        scene: &Scene,
        browser: [u8; 32],
        profile: &OAuthProfile,
        agent: Option<String>,
    ) -> Result<Url, Error> {
        let (mut attempt, mut changes) = self.next_attempt(scene)?;
        let first = scene.attempt.browser_hash.is_none();
        // S01, S02: both 256 bits, fresh with every start.
        let state = SecretString::from(random_text(&*self.0.entropy).as_str());
        let verifier = profile
            .authorize
            .as_ref()
            .filter(|authorize| authorize.pkce == Pkce::S256)
            .map(|_| pkce::verifier(&*self.0.entropy));
        let url = self.authorize_url(scene, profile, &state, verifier.as_ref()).await?;

        attempt.code_verifier = match &verifier {
            Some(verifier) => Some(self.seal_verifier(&attempt, verifier).await?),
            None => None,
        };
        attempt.state_hash = Some(sha256(state.expose_secret().as_bytes()));
        attempt.browser_hash = Some(browser);
        attempt.phase = AuthPhase::Redirected;
        attempt.redirected_at = Some(self.now());
        if first {
            changes = changes.and(self.event(self.opened_event(scene)));
        }
        let event =
            NewEvent::of_account(&scene.account, EventKind::AuthorizationStarted).by(END_USER).data(json!({
                "auth_request_id": attempt.id.as_str(),
                "scopes": attempt.scopes,
                "pkce": verifier.is_some(),
                "provider": url.host_str(),
                "browser": agent,
            }));
        changes = changes.and(self.event(event));
        let write = match attempt.id == scene.attempt.id {
            true => Change::UpdateAuthRequest(attempt),
            false => Change::InsertAuthRequest(attempt),
        };
        self.commit(Changes::from(write).with(changes)).await.map_err(lost_race)?;
        Ok(url)
    }

    /// The attempt to go on with: the link's own, or a repetition of it if that one has ended.
    fn next_attempt(&self, scene: &Scene) -> Result<(AuthRequest, Changes), Error> {
        let mut old = scene.attempt.clone();
        old.version += 1;
        match old.phase {
            AuthPhase::Failed => Ok((self.repeated(scene)?.0, Changes::new())),
            AuthPhase::Exchanging => {
                // Nobody knows what became of the exchange; the history shall say so.
                old.phase = AuthPhase::Failed;
                old.failure = Some(ErrorCode::ExchangeFailed);
                old.code_verifier = None;
                let event = NewEvent::of_account(&scene.account, EventKind::AuthorizationFailed)
                    .code(ErrorCode::ExchangeFailed)
                    .data(json!({ "auth_request_id": old.id.as_str(), "outcome": "unknown" }));
                let changes = Changes::from(Change::UpdateAuthRequest(old)).and(self.event(event));
                Ok((self.repeated(scene)?.0, changes))
            }
            _ => Ok((old, Changes::new())),
        }
    }

    async fn authorize_url(
        &self,
        scene: &Scene,
        profile: &OAuthProfile,
        state: &SecretString,
        verifier: Option<&SecretString>,
    ) -> Result<Url, Error> {
        let connector = self.connector_of(&scene.connection)?;
        let client = self.oauth_client(&scene.connection).await?;
        let config = oauth::ClientConfig {
            target: target(connector, &scene.connection, &scene.account.metadata),
            profile,
            client_id: &client.id,
            client_secret: None,
            redirect_uri: &self.redirect_uri(&scene.connection),
        };
        let challenge = verifier.map(pkce::challenge);
        oauth::authorize_url(&config, &scene.attempt.scopes, state, challenge.as_deref())
    }

    /// Authorizes where there is nothing to ask the user.
    async fn without_user(&self, mut scene: Scene, browser: [u8; 32]) -> Result<CallbackOutcome, Error> {
        let (mut attempt, changes) = self.next_attempt(&scene)?;
        let first = scene.attempt.browser_hash.is_none();
        attempt.phase = AuthPhase::Exchanging;
        attempt.browser_hash = Some(browser);
        attempt.redirected_at = Some(self.now());
        let write = match attempt.id == scene.attempt.id {
            true => Change::UpdateAuthRequest(attempt.clone()),
            false => Change::InsertAuthRequest(attempt.clone()),
        };
        let opened = first.then(|| self.event(self.opened_event(&scene)));
        self.commit(Changes::from(write).with(changes).and_maybe(opened)).await.map_err(lost_race)?;
        scene.attempt = attempt;
        let engine = self.clone();
        // Not cancelled by a user who leaves: what the provider gives must be stored.
        let work = self.0.tasks.spawn(async move {
            match engine.userless(&scene.connection).await {
                Ok(Some(obtained)) => engine.finish(scene, obtained).await,
                Ok(None) => Err(Error::internal("a connector that needs a user was not asked for one")),
                Err(error) => engine.end(scene, Ending::of(&error)).await,
            }
        });
        work.await.map_err(Error::internal)?
    }

    /// The event of a link that was opened for good: *Continue* was pressed.
    pub(super) fn opened_event(&self, scene: &Scene) -> NewEvent {
        NewEvent::of_account(&scene.account, EventKind::LinkOpened)
            .by(END_USER)
            .data(json!({ "auth_request_id": scene.attempt.id.as_str() }))
    }

    /// Keeps why *Continue* did nothing: a browser without our cookie is one that does not keep cookies, since the page
    /// had just handed it one. Once per attempt and reason.
    pub(super) async fn note_refused_form(
        &self,
        scene: &Scene,
        browser: Option<&SecretString>,
        agent: Option<String>,
        code: ErrorCode,
    ) {
        if !self.0.calls.is_news(&format!("form:{}:{}", scene.attempt.id, code.as_str())) {
            return;
        }
        let event = NewEvent::of_account(&scene.account, EventKind::FormRefused)
            .by(END_USER)
            .code(code)
            .data(json!({
                "auth_request_id": scene.attempt.id.as_str(),
                "cookie": cookie_word(&scene.attempt, browser_hash(browser)),
                "browser": agent,
            }));
        if let Err(error) = self.commit(self.event(event)).await {
            tracing::warn!(%error, account = %scene.account.id, "a refused form could not be noted");
        }
    }

    async fn seal_verifier(
        &self,
        attempt: &AuthRequest,
        verifier: &SecretString,
    ) -> Result<SealedBlob, Error> {
        self.0.keyring.seal(verifier_context(attempt), verifier.expose_secret().as_bytes()).await
    }

    /// The PKCE verifier of an attempt that was started with one.
    ///
    /// # Errors
    /// `seal_refused`, with an event and an alarm, if it is not this attempt's own (S29).
    pub(super) async fn open_verifier(&self, scene: &Scene) -> Result<Option<SecretString>, Error> {
        let Some(sealed) = &scene.attempt.code_verifier else { return Ok(None) };
        let opened = self.0.keyring.open(verifier_context(&scene.attempt), sealed).await;
        let text = opened.and_then(|bytes| {
            let text = std::str::from_utf8(&bytes).map_err(|_| Error::new(ErrorCode::SealRefused))?;
            Ok(SecretString::from(text))
        });
        if let Err(refused) = &text
            && refused.code() == ErrorCode::SealRefused
        {
            let event = NewEvent::of_account(&scene.account, EventKind::SealRefused);
            self.raise_alarm(event, PKCE_VERIFIER, 0, refused).await;
        }
        text.map(Some)
    }
}

fn verifier_context(attempt: &AuthRequest) -> SealContext<'_> {
    SealContext {
        environment: attempt.environment.as_str(),
        record: attempt.id.as_str(),
        field: PKCE_VERIFIER,
        generation: 0,
    }
}

/// Somebody else went on with the same attempt at the same moment: another tab, or another browser.
pub(super) fn lost_race(error: Error) -> Error {
    match error.code() {
        ErrorCode::Conflict => Error::new(ErrorCode::LinkUsed).message(
            "This link was used in another window at the same moment. Go on there, or reload this page.",
        ),
        _ => error,
    }
}
