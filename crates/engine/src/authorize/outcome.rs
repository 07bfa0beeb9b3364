//! How an attempt ended, as the end user's page shows it.

use serde_json::{Value, json};
use url::Url;
use valetkey_domain::{
    Account, AccountStatus, AuthPhase, Change, Changes, Credential, Error, ErrorCode, Time,
    event::{EventKind, NewEvent},
};
use valetkey_upstream::oauth::TokenFailure;

use super::{
    attempt::Scene,
    grant::{Obtained, Source, evidence_of},
    start::END_USER,
};
use crate::{
    Engine,
    identity::{self, Identity},
    status_page,
};

/// A commit that meets another change of the account is repeated on the newer state this often.
const ATTEMPTS: usize = 5;

/// How an attempt ended.
#[derive(Debug)]
pub enum CallbackOutcome {
    /// The account is `ACTIVE`: show the page.
    Connected(Box<DonePage>),
    /// The account is `PENDING_VERIFICATION`: redirect to the app's `user_verify_url`, to which `auth_request_id` and
    /// `state` have been added.
    Verify(Url),
    /// It failed: show the page with the error's HTTP status.
    Failed(Box<FailurePage>),
}

/// What the page of a finished attempt shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DonePage {
    /// The connector's name for people.
    pub connector_name: Option<String>,
    /// The account at the provider: an e-mail address or user name, if known.
    pub label: Option<String>,
    /// Scopes that were asked for and not granted.
    pub missing_scopes: Vec<String>,
}

/// What the page of a failed attempt shows. The error's message, cause and remedies are ours and safe to show; the
/// provider's own words are in the account's events only.
#[derive(Debug, Clone)]
pub struct FailurePage {
    /// What went wrong.
    pub error: Error,
    /// The connector's name for people, if the attempt is known.
    pub connector_name: Option<String>,
    /// Where *Try again* leads: the page of a fresh attempt that works in this browser only. `None` where trying
    /// again cannot help or is not this browser's to do.
    pub retry_url: Option<Url>,
    /// Whether the account still works with the credential of before.
    pub still_connected: bool,
    /// The account at the provider that is still connected, if its name is known.
    pub label: Option<String>,
    /// The provider's status page, if an outage of the provider may be the cause.
    pub status_page: Option<String>,
}

impl FailurePage {
    /// The page of a failure about which nothing else is known.
    #[must_use]
    pub fn bare(error: Error) -> Self {
        Self {
            error,
            connector_name: None,
            retry_url: None,
            still_connected: false,
            label: None,
            status_page: None,
        }
    }
}

/// How an attempt ends without a grant.
pub(super) struct Ending {
    pub(super) code: ErrorCode,
    /// What is known, bounded and redacted, for the event.
    pub(super) evidence: Value,
    /// The connector's own words about the case; ours, so a page may show them.
    pub(super) note: Option<String>,
    pub(super) kind: EventKind,
}

impl Ending {
    pub(super) fn new(code: ErrorCode, evidence: Value) -> Self {
        Self { code, evidence, note: None, kind: EventKind::AuthorizationFailed }
    }

    /// The callback was refused for what it is, not for what it says.
    pub(super) fn refused(code: ErrorCode) -> Self {
        Self { kind: EventKind::CallbackRefused, ..Self::new(code, json!({})) }
    }

    pub(super) fn of_tokens(failure: &TokenFailure) -> Self {
        Self { note: failure.note.clone(), ..Self::new(failure.code, evidence_of(failure)) }
    }

    pub(super) fn of(error: &Error) -> Self {
        let provider = error.details().provider.as_ref();
        Self::new(
            error.code(),
            json!({
                "status": provider.and_then(|p| p.status),
                "code": provider.and_then(|p| p.code.as_deref()),
                "message": provider.and_then(|p| p.message.as_deref()),
                "detail": error.details().message,
            }),
        )
    }

    /// The error for the page: the catalogue's words, never the provider's.
    fn error(&self) -> Error {
        let error = Error::new(self.code);
        match &self.note {
            Some(note) => error.cause(note),
            None => error,
        }
    }
}

/// What a failed authorization says about the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Blame {
    /// Nothing: the user declined, took too long, or the callback was not to be believed.
    Nobody,
    /// The provider had trouble, or this one exchange went wrong. An account that once worked keeps the status that says
    /// why it stopped.
    Moment,
    /// The connection or its app at the provider must be mended before it can work.
    Configuration,
}

fn blame(code: ErrorCode) -> Blame {
    use ErrorCode as C;
    match code {
        C::ProviderInvalidRequest
        | C::UnauthorizedClient
        | C::InvalidClient
        | C::InvalidScope
        | C::RedirectUriMismatch
        | C::ProviderRefusedAuthorization
        | C::PlaceNotChosen
        | C::ConnectionNotConfigured
        | C::SharedCredentialsUnavailable => Blame::Configuration,
        C::ProviderServerError
        | C::ProviderTemporarilyUnavailable
        | C::ExchangeRefused
        | C::ExchangeFailed
        | C::CodeMissing => Blame::Moment,
        code if code.as_str().starts_with("upstream_") => Blame::Moment,
        _ => Blame::Nobody,
    }
}

/// The account after a failed authorization, if it changes, and the event that tells of it.
fn after_failure(
    account: &Account,
    ending: &Ending,
    now: Time,
) -> Result<(Option<Account>, NewEvent), Error> {
    use AccountStatus as S;
    let moves = match (account.status(), blame(ending.code)) {
        (_, Blame::Nobody) => false,
        // A credential that works, or waits for its confirmation, is not lost by a failed repetition.
        (S::Active | S::PendingVerification, _) => false,
        (S::Expired | S::Revoked | S::Disconnected, blame) => blame == Blame::Configuration,
        (S::Pending | S::Error, _) => true,
    };
    if moves {
        let mut transition = account.clone().fail(ending.code, ending.evidence.clone(), now)?;
        transition.account.version += 1;
        transition.event.kind = ending.kind;
        return Ok((Some(transition.account), transition.event));
    }
    let event = NewEvent::of_account(account, ending.kind)
        .code(ending.code)
        .data(json!({ "evidence": ending.evidence, "status": account.status().as_str() }));
    let event = if ending.code == ErrorCode::AccessDenied { event.by(END_USER) } else { event };
    if account.status() != S::Pending {
        return Ok((None, event));
    }
    // Still waiting for its user; the cause tells the app why.
    let mut account = account.clone();
    account.cause = Some(ending.code);
    account.version += 1;
    account.updated_at = now;
    Ok((Some(account), event))
}

impl Engine {
    /// Ends the attempt without a grant: attempt, account, event and the attempt that *Try again* leads to in one
    /// commit.
    pub(super) async fn end(&self, mut scene: Scene, ending: Ending) -> Result<CallbackOutcome, Error> {
        for _ in 0..ATTEMPTS {
            let now = self.now();
            let mut attempt = scene.attempt.clone();
            attempt.phase = AuthPhase::Failed;
            attempt.failure = Some(ending.code);
            attempt.code_verifier = None;
            attempt.version += 1;
            let (account, mut event) = after_failure(&scene.account, &ending, now)?;
            if let Value::Object(fields) = &mut event.data {
                fields.insert("auth_request_id".into(), json!(attempt.id.as_str()));
            }
            let may_repeat = scene.connection.enabled
                && now < attempt.expires_at
                && attempt.browser_hash.is_some()
                && ending.code != ErrorCode::LinkWithdrawn;
            let (next, retry_url) = match may_repeat {
                true => self.repeated(&scene).map(|(next, url)| (Some(next), Some(url)))?,
                false => (None, None),
            };
            let changes = Changes::from(Change::UpdateAuthRequest(attempt))
                .and_maybe(account.map(Change::UpdateAccount))
                .and(self.event(event))
                .and_maybe(next.map(Change::InsertAuthRequest));
            match self.commit(changes).await {
                Ok(()) => {
                    let mut outcome = self.failed(&scene, ending.error(), retry_url);
                    // An attempt that ends is this browser's own: it may see whose account goes on working.
                    if let CallbackOutcome::Failed(page) = &mut outcome
                        && page.still_connected
                    {
                        page.label.clone_from(&scene.account.label);
                    }
                    return Ok(outcome);
                }
                Err(error) if error.code() == ErrorCode::Conflict => scene = self.scene_again(scene).await?,
                Err(error) => return Err(error),
            }
        }
        Err(Error::new(ErrorCode::Conflict))
    }

    /// Stores a grant: attempt, account, credential and events in one commit.
    pub(super) async fn finish(
        &self,
        mut scene: Scene,
        obtained: Obtained,
    ) -> Result<CallbackOutcome, Error> {
        let verify = scene.attempt.user_verify_url.is_some();
        for _ in 0..ATTEMPTS {
            if let Some(ending) = self.not_let_in(&scene, &obtained).await? {
                return self.end(scene, ending).await;
            }
            let mut account = scene.account.clone();
            account.version += 1;
            let mut obtained = obtained.clone();
            obtained.auth_request = Some(scene.attempt.id.clone());
            let stored = self.store_grant(account, &scene.connection, obtained, verify, END_USER).await?;
            let mut attempt = scene.attempt.clone();
            attempt.phase = if verify { AuthPhase::AwaitingVerification } else { AuthPhase::Completed };
            attempt.code_verifier = None;
            attempt.generation = stored.account.generation;
            attempt.version += 1;
            let changes = Changes::from(Change::UpdateAuthRequest(attempt))
                .and(Change::UpdateAccount(stored.account.clone()))
                .with(Changes(stored.changes));
            match self.commit(changes).await {
                Ok(()) if verify => return verify_redirect(&scene).map(CallbackOutcome::Verify),
                Ok(()) => {
                    return Ok(CallbackOutcome::Connected(Box::new(DonePage {
                        connector_name: self.connector_name(&scene),
                        label: stored.account.label,
                        missing_scopes: stored.missing_scopes,
                    })));
                }
                Err(error) if error.code() == ErrorCode::Conflict => scene = self.scene_again(scene).await?,
                Err(error) => return Err(error),
            }
        }
        Err(Error::new(ErrorCode::Conflict))
    }

    /// Why a grant must not become the account's, if so. Its tokens have been given back by then.
    async fn not_let_in(&self, scene: &Scene, obtained: &Obtained) -> Result<Option<Ending>, Error> {
        let Obtained { grant, credential, source, .. } = obtained;
        let code = if self.is_withdrawn(scene).await? {
            ErrorCode::LinkWithdrawn
        } else {
            let identity = Identity::of(&scene.account, grant);
            if *source != Source::Authorization || identity.is_accepted(scene.connection.identity_policy) {
                return Ok(None);
            }
            match identity {
                // It may well be the right user; only, nobody knows.
                Identity::Unknown => ErrorCode::ExchangeFailed,
                _ => ErrorCode::ProviderIdentityChanged,
            }
        };
        let mut evidence = identity::evidence(&scene.account, grant);
        if matches!(credential, Credential::OAuth(_)) {
            let given_back =
                self.give_stray_back(&scene.account, &scene.connection, grant, credential).await?;
            evidence["given_back"] = json!(given_back);
        }
        Ok(Some(Ending::new(code, evidence)))
    }

    /// The scene after a lost race over the account. The attempt itself must be as it was.
    async fn scene_again(&self, scene: Scene) -> Result<Scene, Error> {
        // An account takes its attempts with it when it is deleted.
        let gone = || Error::new(ErrorCode::AccountNotFound);
        let attempt = self.0.store.auth_request(&scene.attempt.id).await?.ok_or_else(gone)?;
        if attempt.version != scene.attempt.version {
            return Err(Error::new(ErrorCode::StateReused));
        }
        self.scene(attempt).await?.ok_or_else(gone)
    }

    /// The page of a failure on a known attempt.
    pub(super) fn failed(&self, scene: &Scene, error: Error, retry_url: Option<Url>) -> CallbackOutcome {
        let still_connected = scene.account.status() == AccountStatus::Active;
        let connector = self.connector_of(&scene.connection).ok();
        let remedy = connector.and_then(|connector| status_page::remedy(connector, error.code()));
        let status_page = remedy.and_then(|remedy| remedy.url);
        CallbackOutcome::Failed(Box::new(FailurePage {
            error,
            connector_name: self.connector_name(scene),
            retry_url,
            still_connected,
            label: None,
            status_page,
        }))
    }

    pub(super) fn connector_name(&self, scene: &Scene) -> Option<String> {
        self.connector_of(&scene.connection).ok().map(|connector| connector.display_name.clone())
    }
}

/// The app's own page, with what it needs to confirm the user. The URL was checked when the link was made; nothing of
/// the callback goes into it (S06).
fn verify_redirect(scene: &Scene) -> Result<Url, Error> {
    let text = scene.attempt.user_verify_url.as_deref().unwrap_or_default();
    let mut url = Url::parse(text).map_err(|_| Error::internal("a stored user_verify_url is no URL"))?;
    {
        let mut query = url.query_pairs_mut();
        query.append_pair("auth_request_id", scene.attempt.id.as_str());
        if let Some(state) = &scene.attempt.caller_state {
            query.append_pair("state", state);
        }
    }
    Ok(url)
}
