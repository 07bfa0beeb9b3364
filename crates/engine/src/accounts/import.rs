//! Credentials that a caller brings along, or that need no user.

use std::collections::{BTreeMap, BTreeSet};

use valetkey_domain::{
    Account, AuthType, Connection, Credential, Error, ExposeSecret, SecretString, account::Grant,
    credential::OAuthTokens,
};
use valetkey_upstream::{
    connector::{Auth, Connector, StaticAuth},
    oauth::{self, requested_scopes},
};

use super::{NewCredential, check};
use crate::{
    Engine,
    authorize::{Obtained, Source},
    connections::check::scopes as checked_scopes,
};

impl Engine {
    /// Turns a brought-along credential into a grant, tried out if it is a static one and `probe` says so.
    ///
    /// # Errors
    /// `invalid_argument` naming the field below `credential`, `credential_rejected`, `upstream_…`.
    pub(super) async fn imported(
        &self,
        connection: &Connection,
        account: &Account,
        credential: NewCredential,
        probe: bool,
    ) -> Result<Obtained, Error> {
        let connector = self.connector_of(connection)?;
        match credential {
            NewCredential::OAuth { access_token, refresh_token, scopes, expires_at, domain } => {
                let profile = connector.auth.oauth().ok_or_else(|| wrong_kind(connector))?;
                check::token("credential.access_token", &access_token)?;
                if let Some(token) = &refresh_token {
                    check::token("credential.refresh_token", token)?;
                }
                check::optional_id("credential.domain", domain.as_deref())?;
                let requested = requested_scopes(profile, &connection.scopes);
                // What is not said is taken to be what the connection asks for, as RFC 6749 §5.1 does.
                let scopes = match scopes.is_empty() {
                    true => requested.clone(),
                    false => checked_scopes(profile, scopes)?,
                };
                let metadata = domain.map(|domain| ("domain".to_owned(), domain)).into_iter().collect();
                let grant = Grant { scopes, token_expires_at: expires_at, metadata, ..Grant::default() };
                let extra = BTreeMap::new();
                let tokens = OAuthTokens { access_token, refresh_token, token_type: None, expires_at, extra };
                Ok(Obtained {
                    grant,
                    credential: Credential::OAuth(tokens),
                    requested,
                    source: Source::Imported,
                    auth_request: None,
                })
            }
            NewCredential::Static(fields) => {
                let form = connector.auth.form().ok_or_else(|| wrong_kind(connector))?;
                let fields = checked_fields(form, fields, "credential.")?;
                let credential = Credential::Static(fields);
                if probe {
                    self.probe(connection, account, &credential).await?;
                }
                Ok(Obtained::plain(credential, Source::Imported))
            }
        }
    }

    /// The grant of a connector that needs nobody: client credentials, or nothing at all. `None` if it needs a user.
    ///
    /// # Errors
    /// What the token endpoint answers; a refused client marks the connection.
    pub(crate) async fn userless(&self, connection: &Connection) -> Result<Option<Obtained>, Error> {
        let connector = self.connector_of(connection)?;
        match &connector.auth {
            Auth::None => Ok(Some(Obtained::plain(Credential::None, Source::NothingNeeded))),
            Auth::ClientCredentials(profile) => {
                let requested = requested_scopes(profile, &connection.scopes);
                let client = self.oauth_client(connection).await?;
                let metadata = BTreeMap::new();
                let redirect_uri = self.redirect_uri(connection);
                let config = oauth::ClientConfig {
                    target: crate::context::target(connector, connection, &metadata),
                    profile,
                    client_id: &client.id,
                    client_secret: client.secret.as_ref(),
                    redirect_uri: &redirect_uri,
                };
                let scopes = &connection.scopes;
                let deadline = oauth::LIMITS.deadline;
                match oauth::client_credentials(&self.0.egress, &config, scopes, deadline, self.now()).await {
                    Ok(reply) => {
                        self.accepted_client(connection).await?;
                        Ok(Some(Obtained::from_reply(reply, requested, Source::ClientCredentials)))
                    }
                    Err(failure) => Err(self.refused_tokens(connection, failure).await?),
                }
            }
            Auth::OAuth(_) | Auth::Static(..) => Ok(None),
        }
    }
}

fn wrong_kind(connector: &Connector) -> Error {
    let wanted = match connector.auth.auth_type() {
        AuthType::OAuth | AuthType::ClientCredentials => "OAuth tokens",
        AuthType::ApiKey | AuthType::Basic | AuthType::Bearer => "the fields of a static credential",
        AuthType::None => "no credential at all",
    };
    Error::invalid("credential", format!("does not fit: the connector \"{}\" takes {wanted}", connector.slug))
}

/// The fields of a form, checked against the connector's. `prefix` goes before the field's name in errors. Optional
/// fields left empty are dropped.
pub(crate) fn checked_fields(
    form: &StaticAuth,
    mut given: BTreeMap<String, SecretString>,
    prefix: &str,
) -> Result<BTreeMap<String, SecretString>, Error> {
    let mut fields = BTreeMap::new();
    let mut faults = Vec::new();
    for field in &form.fields {
        let value = given.remove(&field.name).unwrap_or_default();
        // Copied keys come with a line break or a space at the end.
        let trimmed = value.expose_secret().trim();
        match field.check(trimmed) {
            Err(message) => faults.push((format!("{prefix}{}", field.name), message)),
            Ok(()) if trimmed.is_empty() => {}
            Ok(()) => {
                fields.insert(field.name.clone(), SecretString::from(trimmed));
            }
        }
    }
    let known: BTreeSet<_> = form.fields.iter().map(|field| field.name.as_str()).collect();
    for name in given.keys() {
        let shown: String = name.chars().filter(|c| !c.is_control()).take(60).collect();
        let known = known.iter().copied().collect::<Vec<_>>().join(", ");
        faults
            .push((format!("{prefix}{shown}"), format!("is not a field of this connector; it has {known}")));
    }
    let mut faults = faults.into_iter();
    match faults.next() {
        None => Ok(fields),
        Some((field, message)) => {
            let first = Error::invalid(field, message);
            Err(faults.fold(first, |error, (field, message)| error.field(field, message)))
        }
    }
}
