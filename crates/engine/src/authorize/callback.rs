//! The way back from the provider.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};
use valetkey_domain::{
    AuthPhase, AuthRequest, Connection, ConnectionId, Error, ErrorCode, ExposeSecret, SecretString,
    event::{EventKind, NewEvent},
};
use valetkey_upstream::{
    connector::{Connector, Place},
    oauth,
};

use super::{
    CallbackOutcome, FailurePage,
    agent::browser_name,
    attempt::{Scene, browser_hash, cookie_word, is_bound_to, well_formed},
    outcome::Ending,
};
use crate::{Engine, clients::sha256, context::target};

/// The longest time between redirect and callback.
const LONGEST_STATE_TTL: Duration = Duration::from_secs(600);

/// The query (or form) parameters of a callback, as they came. A parameter that came twice is not here: name it in
/// `repeated`.
#[derive(Clone, Default)]
pub struct CallbackParams {
    /// Name to value. Values may be secrets.
    pub values: BTreeMap<String, SecretString>,
    /// Names that came more than once (RFC 6749 §3.1 forbids that).
    pub repeated: Vec<String>,
    /// The browser's `User-Agent`, for the history: family and system are kept.
    pub user_agent: Option<String>,
}

impl CallbackParams {
    /// A parameter that came exactly once and is not empty.
    fn one(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(|value| value.expose_secret()).filter(|value| !value.is_empty())
    }

    fn is_repeated(&self, name: &str) -> bool {
        self.repeated.iter().any(|repeated| repeated == name)
    }

    /// The provider's words for an event: one line, bounded, without the secrets of this very callback.
    fn quoted(&self, name: &str, names: &ParamNames, limit: usize) -> Option<String> {
        let mut text = self.one(name)?.to_owned();
        for secret in [self.one(&names.state), self.one(&names.code)].into_iter().flatten() {
            text = text.replace(secret, "[redacted]");
        }
        let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(limit).collect();
        Some(line)
    }

    /// The query as the token exchange may read it. A repeated parameter is in none of it.
    fn plain(&self) -> BTreeMap<String, String> {
        let pairs = self.values.iter().filter(|(name, _)| !self.is_repeated(name));
        pairs.map(|(name, value)| (name.clone(), value.expose_secret().to_owned())).collect()
    }
}

/// Prints names only: the values are codes and states.
impl std::fmt::Debug for CallbackParams {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CallbackParams")
            .field("names", &self.values.keys().collect::<Vec<_>>())
            .field("repeated", &self.repeated)
            .finish()
    }
}

/// What the provider calls its parameters.
struct ParamNames {
    state: String,
    code: String,
}

impl ParamNames {
    fn of(connector: Option<&Connector>) -> Self {
        let authorize = connector.and_then(|c| c.auth.oauth()).and_then(|profile| profile.authorize.as_ref());
        Self {
            state: authorize.map_or_else(|| "state".to_owned(), |a| a.state_param.clone()),
            code: authorize.map_or_else(|| "code".to_owned(), |a| a.code_param.clone()),
        }
    }
}

impl Engine {
    /// Handles the provider's answer at `/oauth/callback/{connection_id}`. Every failure is an outcome with a page.
    ///
    /// The checks have a fixed order, from "whose is this" to "what does it say". Whoever is not the browser that
    /// started the attempt cannot use it up; a state that came back from the right browser is used up whatever it
    /// brought, and its code goes to the token endpoint at most once.
    pub async fn handle_callback(
        &self,
        connection_id: &str,
        params: CallbackParams,
        browser: Option<&SecretString>,
    ) -> CallbackOutcome {
        match self.callback(connection_id, &params, browser).await {
            Ok(outcome) => outcome,
            Err(error) => {
                if error.code().entry().http_status >= 500 {
                    let reason = error.details().internal.as_deref();
                    tracing::error!(connection_id, %error, reason, "a callback could not be handled");
                }
                CallbackOutcome::Failed(Box::new(FailurePage::bare(error)))
            }
        }
    }

    async fn callback(
        &self,
        connection_id: &str,
        params: &CallbackParams,
        browser: Option<&SecretString>,
    ) -> Result<CallbackOutcome, Error> {
        let path = connection_id.parse::<ConnectionId>().ok();
        let addressed = match &path {
            Some(id) => self.0.store.connection(id).await?,
            None => None,
        };
        let connector = addressed.as_ref().and_then(|c| self.connector_of(c).ok());
        let names = ParamNames::of(connector.map(|connector| &**connector));
        let scene = match self.scene_of_state(params, &names).await {
            Ok(scene) => scene,
            Err(stray) => {
                if let Some(connection) = &addressed {
                    self.note_stray(connection, params, &names, stray.code()).await;
                }
                return Err(stray);
            }
        };
        let browser = browser_hash(browser);
        let ours = is_bound_to(&scene.attempt, browser);
        let seen = self.seen(&scene.attempt, browser, params);

        if scene.attempt.phase != AuthPhase::Redirected {
            return self.refuse(&scene, ErrorCode::StateReused, seen).await;
        }
        if self.state_is_expired(&scene.attempt) {
            return match ours {
                true => {
                    let ending = Ending { evidence: seen, ..Ending::refused(ErrorCode::StateExpired) };
                    self.end(scene, ending).await
                }
                false => self.refuse(&scene, ErrorCode::StateExpired, seen).await,
            };
        }
        if !ours {
            return self.refuse(&scene, ErrorCode::BrowserMismatch, seen).await;
        }
        // RFC 9700 §4.4.2.2: each connection has its own redirect URI; an answer at another one comes from another
        // authorization server (S04).
        if path.as_ref() != Some(&scene.attempt.connection) {
            return self.end(scene, Ending::refused(ErrorCode::IssuerMismatch)).await;
        }
        self.answer(scene, params, &names).await
    }

    /// What the provider says, once it is known to be the provider's answer to this attempt.
    async fn answer(
        &self,
        scene: Scene,
        params: &CallbackParams,
        names: &ParamNames,
    ) -> Result<CallbackOutcome, Error> {
        let connector = self.connector_of(&scene.connection)?;
        let issuer = target(connector, &scene.connection, &scene.account.metadata).issuer()?;
        // RFC 9207 §2.4; S05: after a mismatch nothing else of the answer counts, its error least of all.
        let iss = params.values.get("iss").map(|iss| iss.expose_secret());
        if params.is_repeated("iss") || oauth::check_issuer(&issuer, iss).is_err() {
            return self.end(scene, Ending::refused(ErrorCode::IssuerMismatch)).await;
        }
        if let Err(disabled) = self.require_enabled(&scene.connection) {
            return self.end(scene, Ending::of(&disabled)).await;
        }
        if self.is_withdrawn(&scene).await? {
            return self.end(scene, Ending::new(ErrorCode::LinkWithdrawn, json!({}))).await;
        }
        if params.is_repeated("error") || params.one("error").is_some() {
            let ending = refusal(connector, params, names);
            return self.end(scene, ending).await;
        }
        let code = params.one(&names.code).filter(|_| !params.is_repeated(&names.code));
        let Some(code) = code.map(SecretString::from) else {
            return self.end(scene, Ending::new(ErrorCode::CodeMissing, json!({}))).await;
        };
        self.redeem(scene, code, params.plain()).await
    }

    async fn scene_of_state(&self, params: &CallbackParams, names: &ParamNames) -> Result<Scene, Error> {
        let unknown = || Error::new(ErrorCode::StateUnknown);
        if params.is_repeated(&names.state) {
            return Err(unknown());
        }
        let state = params.one(&names.state).ok_or_else(|| Error::new(ErrorCode::StateMissing))?;
        if !well_formed(state) {
            return Err(unknown());
        }
        let hash = sha256(state.as_bytes());
        let attempt = self.0.store.auth_request_by_state(&hash).await?.ok_or_else(unknown)?;
        self.scene(attempt).await?.ok_or_else(unknown)
    }

    /// S02: ten minutes at most, whatever the settings say.
    fn state_is_expired(&self, attempt: &AuthRequest) -> bool {
        let ttl = self.0.settings.state_ttl.min(LONGEST_STATE_TTL);
        attempt.redirected_at.is_none_or(|at| at + ttl <= self.now())
    }

    /// Refuses a callback without touching the attempt. The event is written once per attempt and reason: whoever
    /// repeats a stolen address fills no history.
    async fn refuse(&self, scene: &Scene, code: ErrorCode, seen: Value) -> Result<CallbackOutcome, Error> {
        if self.0.calls.is_news(&format!("callback:{}:{}", scene.attempt.id, code.as_str())) {
            let event = NewEvent::of_account(&scene.account, EventKind::CallbackRefused)
                .code(code)
                .data(json!({ "auth_request_id": scene.attempt.id.as_str(), "evidence": seen }));
            self.commit(self.event(event)).await?;
        }
        Ok(self.failed(scene, Error::new(code), None))
    }

    /// What tells apart why an answer does not fit its attempt: whose cookie came, which browser it was, and how much
    /// time passed by our clock. A time that ran backwards is a clock that does.
    fn seen(&self, attempt: &AuthRequest, browser: Option<[u8; 32]>, params: &CallbackParams) -> Value {
        let elapsed = attempt.redirected_at.map(|at| (self.now() - at).whole_seconds());
        json!({
            "cookie": cookie_word(attempt, browser),
            "browser": browser_name(params.user_agent.as_deref()),
            "elapsed_seconds": elapsed,
            "phase": attempt.phase.as_str(),
        })
    }

    /// An answer that belongs to no attempt: whose it is nobody knows, but at which connection it came in is known. Told
    /// once in a while, whatever comes.
    async fn note_stray(
        &self,
        connection: &Connection,
        params: &CallbackParams,
        names: &ParamNames,
        code: ErrorCode,
    ) {
        if !self.0.calls.is_news(&format!("stray:{}:{}", connection.id, code.as_str())) {
            return;
        }
        let state = params.one(&names.state);
        let event = NewEvent::of_connection(connection, EventKind::CallbackRefused).code(code).data(json!({
            "evidence": {
                "state": match state {
                    None => "none",
                    Some(state) if well_formed(state) => "of the right form",
                    Some(_) => "not one of ours",
                },
                "browser": browser_name(params.user_agent.as_deref()),
                "has_code": params.one(&names.code).is_some(),
                "error": params.quoted("error", names, 100),
            },
        }));
        if let Err(error) = self.commit(self.event(event)).await {
            tracing::warn!(%error, connection = %connection.id, "a stray callback could not be noted");
        }
    }
}

/// The provider's refusal (RFC 6749 §4.1.2.1) as an ending.
fn refusal(connector: &Connector, params: &CallbackParams, names: &ParamNames) -> Ending {
    let error = params.quoted("error", names, 100);
    let description = params.quoted("error_description", names, 500);
    let evidence = json!({ "code": error, "message": description });
    let about_redirect = description
        .as_deref()
        .map(str::to_ascii_lowercase)
        .is_some_and(|text| text.contains("redirect_uri") || text.contains("redirect uri"));
    let reason = connector.reasons.find(Place::Callback, error.as_deref(), description.as_deref());
    // What the provider's own table knows to be somebody else's move is not told as the user's refusal.
    if let Some(code) = reason.and_then(|reason| page_code(reason.means)) {
        return Ending::new(code, evidence);
    }
    let code = match error.as_deref().unwrap_or_default() {
        "access_denied" | "user_denied" | "user_cancelled_login" | "user_cancelled_authorize" => {
            ErrorCode::AccessDenied
        }
        "redirect_uri_mismatch" => ErrorCode::RedirectUriMismatch,
        "invalid_request" if about_redirect => ErrorCode::RedirectUriMismatch,
        "invalid_request" => ErrorCode::ProviderInvalidRequest,
        "unauthorized_client" => ErrorCode::UnauthorizedClient,
        "invalid_client" => ErrorCode::InvalidClient,
        "invalid_scope" => ErrorCode::InvalidScope,
        "server_error" => ErrorCode::ProviderServerError,
        "temporarily_unavailable" => ErrorCode::ProviderTemporarilyUnavailable,
        // OpenID Connect Core 1.0 §3.1.2.6.
        "consent_required" => ErrorCode::ProviderConsentRequired,
        "interaction_required" | "login_required" | "account_selection_required" => {
            ErrorCode::ProviderSignInRequired
        }
        "admin_consent_required" => ErrorCode::ProviderAdminRequired,
        _ => ErrorCode::ProviderRefusedAuthorization,
    };
    Ending::new(code, evidence)
}

/// How a page says what the provider's table knows.
fn page_code(means: ErrorCode) -> Option<ErrorCode> {
    match means {
        ErrorCode::ConsentRequired => Some(ErrorCode::ProviderConsentRequired),
        ErrorCode::AdminConsentRequired | ErrorCode::AppApprovalRequired | ErrorCode::AdminPolicy => {
            Some(ErrorCode::ProviderAdminRequired)
        }
        ErrorCode::SignInRequired => Some(ErrorCode::ProviderSignInRequired),
        _ => None,
    }
}
