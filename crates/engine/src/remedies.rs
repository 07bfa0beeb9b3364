//! Remedies with what their reader needs filled in: the redirect URI to paste, the command with the connection's name
//! in it, the page of the provider's console.

use valetkey_domain::{Account, Connection, Error, ErrorCode, Remedy, catalogue::RemedyAction};
use valetkey_upstream::{connector::Connector, oauth};

use crate::Engine;

/// Where the words of an account that failed for another reason come from.
fn subject(error: &Error, account: Option<&Account>) -> ErrorCode {
    match error.code() {
        ErrorCode::AccountError => {
            account.and_then(|account| account.cause).unwrap_or(ErrorCode::AccountError)
        }
        code => code,
    }
}

impl Engine {
    /// The same error with the remedies of its configuration filled in, if it has none of its own. An error about an
    /// account that could not be authorized gets those of the cause, and the new link as the last step.
    pub(crate) async fn filled(&self, account: &Account, error: Error) -> Error {
        if !error.details().remedies.is_empty() || !is_configuration(subject(&error, Some(account))) {
            return error;
        }
        match self.0.store.connection(&account.connection).await {
            Ok(Some(connection)) => self.fill(&connection, Some(account), error),
            // The error itself matters more than its remedies.
            Ok(None) | Err(_) => error,
        }
    }

    /// The same for a connection that is at hand.
    pub(crate) fn fill(&self, connection: &Connection, account: Option<&Account>, error: Error) -> Error {
        if !error.details().remedies.is_empty() {
            return error;
        }
        let about = subject(&error, account);
        let connector = self.connector_of(connection).ok();
        let Some((action, text)) = self.step(about, connection, connector.map(|connector| &**connector))
        else {
            return error;
        };
        let console = connector.and_then(|connector| connector.links.console.clone());
        let at_console =
            !matches!(about, ErrorCode::ConnectionDisabled | ErrorCode::SharedCredentialsUnavailable);
        let mut remedies = vec![Remedy { action, text, url: console.filter(|_| at_console) }];
        if error.code() == ErrorCode::AccountError {
            let text = "Then send the user a new authorization link.".to_owned();
            remedies.push(Remedy { action: RemedyAction::Reauthorize, text, url: None });
        }
        error.with_remedies(remedies)
    }

    fn step(
        &self,
        about: ErrorCode,
        connection: &Connection,
        connector: Option<&Connector>,
    ) -> Option<(RemedyAction, String)> {
        let name = &connection.name;
        let store_client =
            format!("`valetkey connection update {name} --client-id ID --client-secret-stdin`");
        let text = match about {
            ErrorCode::RedirectUriMismatch => {
                let uri = self.redirect_uri(connection);
                let text = format!("Register exactly {uri} as a redirect URI in the provider's console.");
                return Some((RemedyAction::RegisterRedirectUri, text));
            }
            ErrorCode::InvalidClient => format!(
                "Copy client id and secret of the OAuth app again from the provider's console and store them: {store_client}."
            ),
            ErrorCode::ConnectionNotConfigured => {
                format!("Make an OAuth client in the provider's console and store it: {store_client}.")
            }
            ErrorCode::UnauthorizedClient => format!(
                "See in the provider's console that the OAuth app is enabled and of the type for web servers; if it is another app than the connection \"{name}\" has, store it: {store_client}."
            ),
            ErrorCode::InvalidScope => {
                let asked = connector.and_then(|connector| connector.auth.oauth());
                let asked =
                    asked.map(|profile| oauth::requested_scopes(profile, &connection.scopes).join(" "));
                format!(
                    "The connection \"{name}\" asks for: {}. Enable these in the provider's console, or name others: `valetkey connection update {name} --scope SCOPE`.",
                    asked.filter(|asked| !asked.is_empty()).unwrap_or_else(|| "no scope".to_owned())
                )
            }
            ErrorCode::ProviderInvalidRequest => format!(
                "Compare the connection \"{name}\" with the provider's console: its scopes, its overrides, and the redirect URI {}.",
                self.redirect_uri(connection)
            ),
            ErrorCode::ConnectionDisabled => {
                format!("Switch it on: `valetkey connection update {name} --enabled true`.")
            }
            ErrorCode::SharedCredentialsUnavailable => format!(
                "Give the connection an OAuth client of its own: {store_client}; or set shared_credentials.{} in the server's settings.",
                connection.connector
            ),
            _ => return None,
        };
        Some((RemedyAction::ConfigureConnection, text))
    }
}

/// Whether the remedies hang on how the connection is configured.
fn is_configuration(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::RedirectUriMismatch
            | ErrorCode::InvalidClient
            | ErrorCode::ConnectionNotConfigured
            | ErrorCode::UnauthorizedClient
            | ErrorCode::InvalidScope
            | ErrorCode::ProviderInvalidRequest
            | ErrorCode::ConnectionDisabled
            | ErrorCode::SharedCredentialsUnavailable
    )
}
