//! Accounts and credentials between the engine and the wire.

use std::collections::BTreeMap;

use prost_types::{Struct, value::Kind};
use valetkey_api::proto::connected_accounts::{
    AuthorizationDetails, ConnectedAccount, ConnectedAccountForList, ConnectorStatus, ConnectorType,
    OauthToken, StaticAuth, authorization_details::Details,
};
use valetkey_domain::{AccountStatus, AuthType, Credential, Error, ExposeSecret, Page, SecretString};
use valetkey_engine::{AccountView, NewCredential};

use super::{
    structs,
    wire::{given, size, timestamp},
};

/// Free settings as the engine takes them.
///
/// # Errors
/// `invalid_argument` for numbers that JSON does not have.
pub(super) fn config(api_config: Option<Struct>) -> Result<Option<serde_json::Value>, Error> {
    api_config.map(|config| structs::to_json("api_config", config)).transpose()
}

/// The credential that the caller brings along, if there is any: the SDKs send empty details for "none".
pub(super) fn credential(details: Option<AuthorizationDetails>) -> Result<Option<NewCredential>, Error> {
    const FIELD: &str = "connected_account.authorization_details";
    match details.and_then(|details| details.details) {
        None => Ok(None),
        Some(Details::OauthToken(token)) => oauth_credential(token),
        Some(Details::StaticAuth(auth)) => static_credential(auth),
        Some(Details::GoogleDwd(_)) => {
            Err(Error::invalid(format!("{FIELD}.google_dwd"), "is not available here"))
        }
        Some(Details::TrustedIdp(_)) => {
            Err(Error::invalid(format!("{FIELD}.trusted_idp"), "is not available here"))
        }
    }
}

fn oauth_credential(token: OauthToken) -> Result<Option<NewCredential>, Error> {
    let access_token = given(Some(token.access_token));
    let refresh_token = given(Some(token.refresh_token));
    if access_token.is_none() && refresh_token.is_none() {
        return Ok(None);
    }
    let access_token =
        access_token.ok_or_else(|| Error::invalid("credential.access_token", "is required"))?;
    Ok(Some(NewCredential::OAuth {
        access_token: access_token.into(),
        refresh_token: refresh_token.map(SecretString::from),
        scopes: token.scopes,
        expires_at: None,
        domain: given(Some(token.domain)),
    }))
}

fn static_credential(auth: StaticAuth) -> Result<Option<NewCredential>, Error> {
    let mut fields = BTreeMap::new();
    for (name, value) in auth.details.unwrap_or_default().fields {
        let text = match value.kind {
            Some(Kind::StringValue(text)) => text,
            Some(Kind::NumberValue(number)) => {
                structs::whole(number).map_or_else(|| number.to_string(), |whole| whole.to_string())
            }
            Some(Kind::BoolValue(flag)) => flag.to_string(),
            None | Some(Kind::NullValue(_)) => continue,
            Some(Kind::StructValue(_) | Kind::ListValue(_)) => {
                return Err(Error::invalid(
                    format!("credential.{name}"),
                    "must be a text, a number or a boolean",
                ));
            }
        };
        fields.insert(name, SecretString::from(text));
    }
    Ok((!fields.is_empty()).then_some(NewCredential::Static(fields)))
}

/// What may be shown of an account's credential. Without `credential` that is its scopes; a refresh token is never
/// shown (S27).
pub(super) fn authorization_details(
    view: &AccountView,
    credential: Option<&Credential>,
) -> Option<AuthorizationDetails> {
    let details = match (view.account.auth_type, credential) {
        (AuthType::OAuth | AuthType::ClientCredentials, credential) => Details::OauthToken(OauthToken {
            access_token: match credential {
                Some(Credential::OAuth(tokens)) => tokens.access_token.expose_secret().to_owned(),
                _ => String::new(),
            },
            refresh_token: String::new(),
            scopes: view.account.scopes.clone(),
            domain: view.account.metadata.get("domain").cloned().unwrap_or_default(),
        }),
        (AuthType::ApiKey | AuthType::Basic | AuthType::Bearer, credential) => {
            Details::StaticAuth(StaticAuth {
                details: match credential {
                    Some(Credential::Static(fields)) => Some(Struct {
                        fields: fields
                            .iter()
                            .map(|(name, value)| (name.clone(), value.expose_secret().to_owned().into()))
                            .collect(),
                    }),
                    _ => None,
                },
            })
        }
        (AuthType::None, _) => return None,
    };
    Some(AuthorizationDetails { details: Some(details) })
}

/// An account with what is shown of its credential.
pub(super) fn shown(view: AccountView, details: Option<AuthorizationDetails>) -> ConnectedAccount {
    let AccountView { account, connection_name, provider, .. } = view;
    ConnectedAccount {
        status: status(account.status()).into(),
        authorization_type: kind(account.auth_type).into(),
        authorization_details: details,
        token_expires_at: account.token_expires_at.map(timestamp),
        updated_at: Some(timestamp(account.updated_at)),
        last_used_at: account.last_used_at.map(timestamp),
        id: account.id.to_string(),
        connection_id: account.connection.to_string(),
        api_config: match account.api_config {
            serde_json::Value::Object(fields) if !fields.is_empty() => Some(structs::to_struct(fields)),
            _ => None,
        },
        identifier: account.identifier,
        provider,
        connector: connection_name,
        is_org_wide_credential: false,
    }
}

/// The rows, total size, next and previous token of a page.
pub(super) fn listed(page: Page<AccountView>) -> (Vec<ConnectedAccountForList>, u32, String, String) {
    let Page { items, next, previous, total } = page;
    let rows = items.into_iter().map(|view| {
        let AccountView { account, connection_name, provider, .. } = view;
        ConnectedAccountForList {
            status: status(account.status()).into(),
            authorization_type: kind(account.auth_type).into(),
            token_expires_at: account.token_expires_at.map(timestamp),
            updated_at: Some(timestamp(account.updated_at)),
            last_used_at: account.last_used_at.map(timestamp),
            id: account.id.to_string(),
            connection_id: account.connection.to_string(),
            identifier: account.identifier,
            provider,
            connector: connection_name,
            is_org_wide_credential: false,
        }
    });
    (rows.collect(), size(total), next.unwrap_or_default(), previous.unwrap_or_default())
}

/// The wire knows fewer states: what ended without the user's doing is, there, expired; the events tell it apart.
fn status(status: AccountStatus) -> ConnectorStatus {
    match status {
        AccountStatus::Pending => ConnectorStatus::PendingAuth,
        AccountStatus::PendingVerification => ConnectorStatus::PendingVerification,
        AccountStatus::Active => ConnectorStatus::Active,
        AccountStatus::Expired | AccountStatus::Revoked | AccountStatus::Error => ConnectorStatus::Expired,
        AccountStatus::Disconnected => ConnectorStatus::Disconnected,
    }
}

fn kind(auth_type: AuthType) -> ConnectorType {
    match auth_type {
        AuthType::OAuth => ConnectorType::Oauth,
        AuthType::ClientCredentials => ConnectorType::OauthM2m,
        AuthType::ApiKey => ConnectorType::ApiKey,
        AuthType::Basic => ConnectorType::BasicAuth,
        AuthType::Bearer => ConnectorType::BearerToken,
        AuthType::None => ConnectorType::NoAuth,
    }
}
