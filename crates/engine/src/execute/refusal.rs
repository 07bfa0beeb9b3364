//! Errors of accounts that cannot be used now, with remedies that can be followed at once.

use valetkey_domain::{Account, Caller, Connection, Error, Permission, Remedy, catalogue::RemedyAction};

use super::resolve::described;
use crate::{AccountRef, Engine};

fn asks_for_a_link(remedy: &Remedy) -> bool {
    remedy.url.is_none() && matches!(remedy.action, RemedyAction::Authorize | RemedyAction::Reauthorize)
}

/// The error of an account's status; `None` if the account can be used.
pub(crate) fn refusal(account: &Account, connection: &Connection) -> Option<Error> {
    let code = account.status().refusal()?;
    let error = Error::new(code)
        .message(format!(
            "{} It is the account of {} on the connection \"{}\".",
            code.entry().meaning,
            described(account),
            connection.name
        ))
        .account(&account.id)
        .connection(&connection.id);
    Some(match account.cause {
        Some(cause) if cause != code => {
            error.cause(format!("{} ({}) {}", cause.entry().meaning, cause.as_str(), code.entry().cause))
        }
        _ => error,
    })
}

impl Engine {
    /// The same error with its remedies filled in: what to change in the connection, and an authorization link in those
    /// that ask for one, if the caller may make links. A link is made only here, when somebody needs it, and serves
    /// repeated calls for a few minutes: an agent that tries again and again makes one link, not hundreds.
    pub(crate) async fn with_link(&self, caller: &Caller, account: &Account, error: Error) -> Error {
        let error = self.filled(account, error).await;
        let remedies = error.remedies();
        // A link made before the connection is mended would not ask for what is missing.
        if remedies.iter().any(|remedy| remedy.action == RemedyAction::ConfigureConnection) {
            return error;
        }
        if !caller.permissions.allows(Permission::AccountsAccess) || !remedies.iter().any(asks_for_a_link) {
            return error;
        }
        let Some(url) = self.link_for(caller, account).await else { return error };
        let filled = remedies.into_iter().map(|remedy| {
            if asks_for_a_link(&remedy) { Remedy { url: Some(url.clone()), ..remedy } } else { remedy }
        });
        error.with_remedies(filled.collect())
    }

    /// A link for a remedy, made at most once in a few minutes.
    pub(crate) async fn link_for(&self, caller: &Caller, account: &Account) -> Option<String> {
        // A link is good for the state of the account it was made in: a later grant or failure gets a new one.
        let key = (account.id.clone(), account.version);
        let make = async {
            let wanted = AccountRef::id(account.id.as_str());
            match self.remedy_link(caller, &wanted).await {
                Ok(link) => Some(link.url.to_string()),
                Err(error) => {
                    tracing::debug!(%error, account = %account.id, "no authorization link for a remedy");
                    None
                }
            }
        };
        self.0.calls.link(key, Box::pin(make)).await
    }
}
