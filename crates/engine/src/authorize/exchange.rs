//! The exchange of an authorization code, exactly once, and what follows it.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use valetkey_domain::{
    Account, AccountStatus, AuthPhase, Change, Error, ErrorCode, SecretString, error::ProviderEvidence,
};
use valetkey_upstream::oauth::{
    self, FailureClass, FollowUpFailure, PlaceRefusal, TokenFailure, requested_scopes,
};

use super::{
    CallbackOutcome,
    attempt::Scene,
    grant::{Obtained, Source},
    outcome::Ending,
};
use crate::{Engine, context::target};

/// Why an exchange brought no grant.
enum Unobtained {
    /// The provider's token endpoint said no, or could not be asked.
    Tokens(TokenFailure),
    /// The grant is good, and nothing says which place it is for. It may have to be given back.
    Place(PlaceRefusal, Box<Obtained>),
    /// Something else.
    Other(Error),
}

impl From<Error> for Unobtained {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

impl Engine {
    /// Takes the attempt and exchanges the code. Of several callbacks with one state, storage lets one through.
    pub(super) async fn redeem(
        &self,
        mut scene: Scene,
        code: SecretString,
        callback: BTreeMap<String, String>,
    ) -> Result<CallbackOutcome, Error> {
        scene.attempt.phase = AuthPhase::Exchanging;
        scene.attempt.version += 1;
        match self.commit(Change::UpdateAuthRequest(scene.attempt.clone())).await {
            Ok(()) => {}
            Err(error) if error.code() == ErrorCode::Conflict => {
                return Ok(self.failed(&scene, Error::new(ErrorCode::StateReused), None));
            }
            Err(error) => return Err(error),
        }
        let engine = self.clone();
        // In a task of its own: a user who closes the window does not lose the grant that is just being made.
        let work = self.0.tasks.spawn(async move { engine.redeemed(scene, code, callback).await });
        work.await.map_err(Error::internal)?
    }

    async fn redeemed(
        self,
        scene: Scene,
        code: SecretString,
        callback: BTreeMap<String, String>,
    ) -> Result<CallbackOutcome, Error> {
        match self.obtain(&scene, &code, &callback).await {
            Ok(obtained) => self.kept(scene, obtained).await,
            Err(Unobtained::Tokens(failure)) => {
                let ending = Ending::of_tokens(&failure);
                // Marks the connection if its client was refused. The attempt ends either way.
                if let Err(error) = self.refused_tokens(&scene.connection, failure).await {
                    tracing::error!(connection.id = %scene.connection.id, %error, "a refused client could not be noted");
                }
                self.end(scene, ending).await
            }
            Err(Unobtained::Place(refusal, obtained)) => {
                let mut ending = Ending::new(refusal.code, evidence_of_place(&refusal));
                let Obtained { grant, credential, .. } = &*obtained;
                let given_back =
                    self.give_stray_back(&scene.account, &scene.connection, grant, credential).await?;
                ending.evidence["given_back"] = json!(given_back);
                self.end(scene, ending).await
            }
            Err(Unobtained::Other(error)) => {
                tracing::error!(
                    account.id = %scene.account.id,
                    %error,
                    reason = error.details().internal.as_deref(),
                    "an authorization code could not be redeemed"
                );
                self.end(scene, Ending::of(&error)).await
            }
        }
    }

    /// Stores the grant. If the account was deleted meanwhile, nobody will ever use or end it: it is revoked at once.
    async fn kept(&self, scene: Scene, obtained: Obtained) -> Result<CallbackOutcome, Error> {
        let (account, connection) = (scene.account.clone(), scene.connection.clone());
        let credential = obtained.credential.clone();
        match self.finish(scene, obtained).await {
            Err(error) if error.code() == ErrorCode::AccountNotFound => {
                self.revoke_at_provider(&account, &connection, &credential).await;
                Err(error)
            }
            done => done,
        }
    }

    async fn obtain(
        &self,
        scene: &Scene,
        code: &SecretString,
        callback: &BTreeMap<String, String>,
    ) -> Result<Obtained, Unobtained> {
        let connector = self.connector_of(&scene.connection)?;
        let profile = connector
            .auth
            .oauth()
            .ok_or_else(|| Error::internal("a callback for a connector without OAuth"))?;
        let verifier = self.open_verifier(scene).await?;
        let client = self.oauth_client(&scene.connection).await?;
        // Facts of an earlier grant may name another tenant: this one starts from what the callback tells.
        let nothing = BTreeMap::new();
        let redirect_uri = self.redirect_uri(&scene.connection);
        let config = oauth::ClientConfig {
            target: target(connector, &scene.connection, &nothing),
            profile,
            client_id: &client.id,
            client_secret: client.secret.as_ref(),
            redirect_uri: &redirect_uri,
        };
        let reply =
            oauth::exchange_code(&self.0.egress, &config, code, verifier.as_ref(), callback, self.now())
                .await
                .map_err(Unobtained::Tokens)?;
        self.accepted_client(&scene.connection).await?;
        let requested = requested_scopes(profile, &scene.attempt.scopes);
        let obtained = Obtained::from_reply(reply, requested, Source::Authorization);
        self.completed(scene, obtained).await
    }

    /// Asks the provider what the token reply left open: facts for its URLs, and who the user is.
    async fn completed(&self, scene: &Scene, mut obtained: Obtained) -> Result<Obtained, Unobtained> {
        let connector = self.connector_of(&scene.connection)?;
        let egress = &self.0.egress;
        let facts = {
            let target = target(connector, &scene.connection, &obtained.grant.metadata);
            oauth::follow_up(egress, &target, &obtained.credential, before(&scene.account)).await
        };
        // Without these facts no call can be made: the authorization has not come to its end.
        match facts {
            Ok(facts) => obtained.grant.metadata.extend(facts),
            Err(FollowUpFailure::Call(error)) => return Err(Unobtained::Tokens(unfinished(&error))),
            Err(FollowUpFailure::Place(refusal)) => {
                return Err(Unobtained::Place(refusal, Box::new(obtained)));
            }
        }
        if obtained.grant.label.is_some() && obtained.grant.provider_subject.is_some() {
            return Ok(obtained);
        }
        let identity = {
            let target = target(connector, &scene.connection, &obtained.grant.metadata);
            oauth::identity(egress, &target, &obtained.credential).await
        };
        match identity {
            Ok(Some(identity)) => {
                let grant = &mut obtained.grant;
                grant.label = grant.label.take().or(identity.label);
                grant.provider_subject = grant.provider_subject.take().or(identity.subject);
                grant.metadata.extend(identity.metadata);
            }
            Ok(None) => {}
            // A name for people is a convenience: the grant is good without it.
            Err(error) => {
                tracing::warn!(account.id = %scene.account.id, %error, "the provider did not say who the user is");
            }
        }
        Ok(obtained)
    }
}

/// The facts of the grant that an account has or had last. An account that was disconnected may be anybody's again, and be
/// of any place.
fn before(account: &Account) -> &BTreeMap<String, String> {
    static NOTHING: BTreeMap<String, String> = BTreeMap::new();
    use AccountStatus as S;
    let standing = matches!(account.status(), S::Active | S::PendingVerification | S::Expired | S::Revoked);
    if standing || account.provider_subject.is_some() { &account.metadata } else { &NOTHING }
}

/// What is known of a place that could not be taken, for the event.
fn evidence_of_place(refusal: &PlaceRefusal) -> Value {
    let (chosen_by, wanted) = refusal.wanted.as_ref().map(|(by, text)| (by.as_str(), text)).unzip();
    json!({
        "variable": refusal.variable,
        "wanted": wanted,
        "chosen_by": chosen_by,
        "places": refusal.granted,
        "count": refusal.count,
    })
}

/// A follow-up call that failed, as a failure of the exchange.
fn unfinished(error: &Error) -> TokenFailure {
    let said = error.details().provider.clone();
    TokenFailure {
        class: FailureClass::Transient { retry_after: None },
        code: ErrorCode::ExchangeFailed,
        evidence: said.unwrap_or_else(|| ProviderEvidence {
            status: None,
            code: Some(error.code().as_str().to_owned()),
            message: Some(error.details().message.clone()),
            ..ProviderEvidence::default()
        }),
        death: None,
        outcome_unknown: false,
        note: None,
    }
}
