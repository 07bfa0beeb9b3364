//! Forms for static credentials.

use std::collections::BTreeMap;

use serde_json::json;
use valetkey_domain::{
    AuthPhase, Change, Changes, Credential, Error, ErrorCode, SecretString,
    event::{EventKind, NewEvent},
};
use valetkey_upstream::connector::StaticAuth;

use super::{
    CallbackOutcome, LinkPage,
    agent::browser_name,
    attempt::{Scene, check_form},
    grant::{Obtained, Source},
    outcome::Ending,
    start::{END_USER, lost_race},
};
use crate::{Engine, accounts::checked_fields};

/// After so many refused credentials a link is used up: it is no place to try out keys.
const MAX_REJECTIONS: u32 = 10;

/// What came of a form.
#[derive(Debug)]
pub enum SubmitOutcome {
    /// The attempt is over.
    Ended(Box<CallbackOutcome>),
    /// Something is wrong with what was entered; show the form again, empty, with the error. Nothing was stored.
    Again {
        /// The page of the form.
        page: Box<LinkPage>,
        /// What is wrong; names fields where it can.
        error: Box<Error>,
    },
}

impl Engine {
    /// Takes the fields of a link's form, tries them out with the connector's cheapest read call and stores them. The
    /// first submission binds the link to the browser.
    ///
    /// # Errors
    /// As [`Engine::start_authorization`].
    pub async fn submit_credentials(
        &self,
        token: &str,
        browser: Option<&SecretString>,
        form_token: &str,
        fields: BTreeMap<String, SecretString>,
    ) -> Result<SubmitOutcome, Error> {
        self.submit_credentials_in(token, browser, form_token, fields, None).await
    }

    /// The same with the browser's `User-Agent`, for the history: family and system are kept.
    ///
    /// # Errors
    /// As [`Engine::start_authorization`].
    pub async fn submit_credentials_in(
        &self,
        token: &str,
        browser: Option<&SecretString>,
        form_token: &str,
        fields: BTreeMap<String, SecretString>,
        user_agent: Option<&str>,
    ) -> Result<SubmitOutcome, Error> {
        let agent = browser_name(user_agent);
        let hash = match check_form(token, browser, form_token) {
            Ok(hash) => hash,
            Err(refused) => {
                if let Ok(scene) = self.scene_of_link(token).await {
                    self.note_refused_form(&scene, browser, agent, refused.code()).await;
                }
                return Err(refused);
            }
        };
        let scene = self.scene_of_link(token).await?;
        if let Err(refused) = self.require_usable(&scene, Some(hash)).await {
            self.note_refused_form(&scene, browser, agent, refused.code()).await;
            return Err(refused);
        }
        let connector = self.connector_of(&scene.connection)?.clone();
        let Some(form) = connector.auth.form() else {
            return Err(Error::new(ErrorCode::InvalidRequest).message("This link has no form to fill in."));
        };
        let scene = self.bound(scene, hash).await?;
        let error = match self.tried(&scene, form, fields).await {
            Ok(credential) => {
                let outcome = self.finish(scene, Obtained::plain(credential, Source::Form)).await?;
                return Ok(SubmitOutcome::Ended(Box::new(outcome)));
            }
            Err(error) => error,
        };
        if error.code() == ErrorCode::CredentialRejected {
            if self.count_rejection(&scene) >= MAX_REJECTIONS {
                let outcome = self.used_up(scene, &error).await?;
                return Ok(SubmitOutcome::Ended(Box::new(outcome)));
            }
            self.note_rejection(&scene, &error).await?;
        } else {
            self.note_untried(&scene, form, &error).await;
        }
        let page = self.link_page(&scene, token, browser)?;
        Ok(SubmitOutcome::Again { page: Box::new(page), error: Box::new(error) })
    }

    /// The credential that was entered, tried out.
    async fn tried(
        &self,
        scene: &Scene,
        form: &StaticAuth,
        fields: BTreeMap<String, SecretString>,
    ) -> Result<Credential, Error> {
        let credential = Credential::Static(checked_fields(form, fields, "")?);
        self.probe(&scene.connection, &scene.account, &credential).await?;
        Ok(credential)
    }

    /// The attempt, bound to the browser of the form.
    async fn bound(&self, mut scene: Scene, browser: [u8; 32]) -> Result<Scene, Error> {
        if scene.attempt.browser_hash.is_some() && scene.attempt.phase != AuthPhase::Created {
            return Ok(scene);
        }
        let first = scene.attempt.browser_hash.is_none();
        scene.attempt.browser_hash = Some(browser);
        scene.attempt.phase = AuthPhase::Opened;
        scene.attempt.version += 1;
        let opened = first.then(|| self.event(self.opened_event(&scene)));
        let changes = Changes::from(Change::UpdateAuthRequest(scene.attempt.clone())).and_maybe(opened);
        self.commit(changes).await.map_err(lost_race)?;
        Ok(scene)
    }

    /// How often the form of this attempt was refused, this time included. Forgotten at a restart.
    fn count_rejection(&self, scene: &Scene) -> u32 {
        let count = self.0.rejections.get(&scene.attempt.id).unwrap_or(0) + 1;
        self.0.rejections.insert(scene.attempt.id.clone(), count);
        count
    }

    async fn note_rejection(&self, scene: &Scene, error: &Error) -> Result<(), Error> {
        let event = NewEvent::of_account(&scene.account, EventKind::AuthorizationFailed)
            .by(END_USER)
            .code(error.code())
            .data(json!({
                "auth_request_id": scene.attempt.id.as_str(),
                "evidence": Ending::of(error).evidence,
            }));
        self.commit(self.event(event)).await
    }

    /// Keeps that something was entered which could not be tried out: it does not look like a credential, or the provider
    /// did not answer. Names of fields, never what was in them. Once per attempt and reason within a few minutes.
    async fn note_untried(&self, scene: &Scene, form: &StaticAuth, error: &Error) {
        if !self.0.calls.is_news(&format!("untried:{}:{}", scene.attempt.id, error.code().as_str())) {
            return;
        }
        // Other names than the form's own are the sender's words.
        let wrong = &error.details().fields;
        let named = form.fields.iter().filter(|field| wrong.iter().any(|wrong| wrong.field == field.name));
        let event = NewEvent::of_account(&scene.account, EventKind::FormRefused)
            .by(END_USER)
            .code(error.code())
            .data(json!({
                "auth_request_id": scene.attempt.id.as_str(),
                "form": "credential",
                "fields": named.map(|field| field.name.as_str()).collect::<Vec<_>>(),
                "evidence": Ending::of(error).evidence,
            }));
        if let Err(error) = self.commit(self.event(event)).await {
            tracing::warn!(%error, account = %scene.account.id, "a refused form could not be noted");
        }
    }

    /// Ends an attempt that was refused too often, without a way to try again.
    async fn used_up(&self, mut scene: Scene, error: &Error) -> Result<CallbackOutcome, Error> {
        // An attempt of no browser has no repetition.
        scene.attempt.browser_hash = None;
        self.end(scene, Ending::of(error)).await
    }
}
