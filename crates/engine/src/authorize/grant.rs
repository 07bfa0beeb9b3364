//! From what a provider gave to a stored grant: one transition, one sealed credential, one commit.

use serde_json::{Value, json};
use valetkey_domain::{
    Account, AuthRequestId, Change, Connection, Credential, Error, ErrorCode,
    account::Grant,
    event::{EventKind, NewEvent},
};
use valetkey_upstream::oauth::{TokenFailure, TokenReply};

use crate::{
    Engine,
    identity::{Identity, changed_event},
    refresh::schedule,
    scopes,
};

/// Where a grant came from; written into the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// The authorization code flow.
    Authorization,
    /// A form that the user filled in.
    Form,
    /// The caller brought it along.
    Imported,
    /// The client credentials of the connection.
    ClientCredentials,
    /// The connector needs no credential.
    NothingNeeded,
}

impl Source {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Authorization => "authorization",
            Self::Form => "form",
            Self::Imported => "imported",
            Self::ClientCredentials => "client_credentials",
            Self::NothingNeeded => "nothing_needed",
        }
    }
}

/// A grant with its credential, not stored yet.
#[derive(Debug, Clone)]
pub(crate) struct Obtained {
    pub(crate) grant: Grant,
    pub(crate) credential: Credential,
    /// The scopes that were asked for.
    pub(crate) requested: Vec<String>,
    pub(crate) source: Source,
    /// The attempt that brought it, if one did.
    pub(crate) auth_request: Option<AuthRequestId>,
}

impl Obtained {
    /// A grant that is nothing but its credential.
    pub(crate) fn plain(credential: Credential, source: Source) -> Self {
        Self { grant: Grant::default(), credential, requested: Vec::new(), source, auth_request: None }
    }

    /// What a token endpoint gave. Scopes that it does not mention are the requested ones (RFC 6749 §5.1).
    pub(crate) fn from_reply(reply: TokenReply, requested: Vec<String>, source: Source) -> Self {
        let identity = reply.identity.unwrap_or_default();
        let mut metadata = reply.metadata;
        metadata.extend(identity.metadata);
        let grant = Grant {
            scopes: reply.scopes.unwrap_or_else(|| requested.clone()),
            token_expires_at: reply.tokens.expires_at,
            provider_subject: identity.subject,
            label: identity.label,
            metadata,
        };
        Self { grant, credential: Credential::OAuth(reply.tokens), requested, source, auth_request: None }
    }
}

/// An account with its new grant and everything that must be committed beside the account itself.
pub(crate) struct StoredGrant {
    pub(crate) account: Account,
    pub(crate) changes: Vec<Change>,
    pub(crate) missing_scopes: Vec<String>,
}

impl Engine {
    /// Moves `account` on with a new grant and seals the credential for it. Commits nothing: the caller adds the
    /// insert or update of the account (whose version it has counted up) and commits all of it together.
    pub(crate) async fn store_grant(
        &self,
        account: Account,
        connection: &Connection,
        obtained: Obtained,
        await_verification: bool,
        actor: &str,
    ) -> Result<StoredGrant, Error> {
        let Obtained { grant, credential, requested, source, auth_request } = obtained;
        let now = self.now();
        let (had_grant, scopes_before) = (account.generation > 0, account.scopes.clone());
        let identity = Identity::of(&account, &grant);
        let changed = (identity == Identity::Other).then(|| changed_event(&account, &grant).by(actor));
        let transition = match await_verification {
            true => account.await_verification(grant, now)?,
            false => account.activate(grant, now)?,
        };
        let (mut account, mut event) = (transition.account, transition.event.by(actor));
        // What a caller brings along may be anybody's: the name of before must not stay on it.
        if source == Source::Imported && identity == Identity::Unknown {
            account.provider_subject = None;
            account.label = None;
            event.data["label"] = Value::Null;
        }
        if let Value::Object(fields) = &mut event.data {
            fields.insert("source".into(), json!(source.as_str()));
            if let Some(id) = &auth_request {
                fields.insert("auth_request_id".into(), json!(id.as_str()));
            }
            if changed.is_some() {
                fields.insert("provider_account_changed".into(), json!(true));
            }
        }
        let connector = self.connector_of(connection)?;
        if let Credential::OAuth(tokens) = &credential {
            account.refresh_at = schedule::refresh_at(connector, tokens, &account, now, now);
        }
        let sealed = self.seal_credential(&account, &credential).await?;
        let put = Change::PutCredential {
            account: account.id.clone(),
            generation: account.generation,
            sealed,
            at: now,
        };
        // The grant of before is replaced for good: nothing may bring it back.
        let drop = Change::DropPreviousCredentials { account: account.id.clone(), keep: account.generation };
        let mut changes = vec![put, drop, self.event(event)];
        changes.extend(changed.map(|event| self.event(event)));

        // S09: what was granted counts, not what was asked for; a difference is told.
        let missing_scopes =
            connector.auth.oauth().map_or_else(Vec::new, |p| scopes::missing(p, &requested, &account.scopes));
        let others_than_before = had_grant && !same_set(&scopes_before, &account.scopes);
        if !missing_scopes.is_empty() || others_than_before {
            let event = NewEvent::of_account(&account, EventKind::ScopesChanged).by(actor).data(json!({
                "requested": requested,
                "granted": account.scopes,
                "missing": missing_scopes,
                "before": scopes_before,
            }));
            changes.push(self.event(event));
        }
        Ok(StoredGrant { account, changes, missing_scopes })
    }

    /// The provider accepted the connection's client: a fault noted earlier is over.
    pub(crate) async fn accepted_client(&self, connection: &Connection) -> Result<(), Error> {
        match connection.fault {
            Some(_) => self.clear_fault(&connection.id).await,
            None => Ok(()),
        }
    }

    /// A refused token request as an error; if it is the client that was refused, the connection is marked, once.
    pub(crate) async fn refused_tokens(
        &self,
        connection: &Connection,
        failure: TokenFailure,
    ) -> Result<Error, Error> {
        if is_about_the_connection(failure.code) {
            let evidence = evidence_of(&failure);
            self.mark_fault(&connection.id, failure.code, evidence).await?;
        }
        Ok(Error::from(failure).connection(&connection.id))
    }
}

/// What a provider said about a failed token request, for an event. It was bounded and redacted where it was made.
pub(crate) fn evidence_of(failure: &TokenFailure) -> Value {
    json!({
        "status": failure.evidence.status,
        "code": failure.evidence.code,
        "message": failure.evidence.message,
        "note": failure.note,
    })
}

/// Whether a failure is the connection's for all its accounts. An invalid scope or redirect URI is told in the account's
/// events only: it may be the doing of one link.
fn is_about_the_connection(code: ErrorCode) -> bool {
    matches!(code, ErrorCode::InvalidClient | ErrorCode::UnauthorizedClient)
}

fn same_set(a: &[String], b: &[String]) -> bool {
    a.iter().all(|x| b.contains(x)) && b.iter().all(|x| a.contains(x))
}
