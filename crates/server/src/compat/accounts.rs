//! `ConnectedAccountService`.

use std::collections::BTreeMap;

use prost_types::{Struct, Timestamp, value::Kind};
use tonic::{Request, Response, Status, async_trait};
use valetkey_api::proto::connected_accounts::{
    AuthorizationDetails, ConnectedAccount, ConnectedAccountForList, ConnectorStatus, ConnectorType,
    CreateConnectedAccountRequest, CreateConnectedAccountResponse, DeleteConnectedAccountRequest,
    DeleteConnectedAccountResponse, DisconnectConnectedAccountRequest, DisconnectConnectedAccountResponse,
    GetConnectedAccountByIdentifierRequest, GetConnectedAccountByIdentifierResponse,
    GetConnectedAccountRequest, GetConnectedAccountResponse, GetMagicLinkForConnectedAccountRequest,
    GetMagicLinkForConnectedAccountResponse, ListConnectedAccountsRequest, ListConnectedAccountsResponse,
    OauthToken, SearchConnectedAccountsRequest, SearchConnectedAccountsResponse, StaticAuth,
    UpdateConnectedAccountRequest, UpdateConnectedAccountResponse, VerifyConnectedAccountUserRequest,
    VerifyConnectedAccountUserResponse, authorization_details::Details,
    connected_account_service_server::ConnectedAccountService,
};
use valetkey_domain::{
    AccountStatus, AuthType, Credential, Error, ExposeSecret, Page, PageRequest, SecretString, Time,
    store::AccountFilter,
};
use valetkey_engine::{
    AccountRef, AccountUpdate, AccountView, Engine, LinkOptions, NewAccount, NewCredential,
};

use super::{call::run, structs};

/// The service over the engine.
pub(super) struct Accounts {
    engine: Engine,
}

impl Accounts {
    pub(super) fn new(engine: Engine) -> Self {
        Self { engine }
    }
}

#[async_trait]
impl ConnectedAccountService for Accounts {
    async fn list_connected_accounts(
        &self,
        request: Request<ListConnectedAccountsRequest>,
    ) -> Result<Response<ListConnectedAccountsResponse>, Status> {
        run(request, async |call, message| {
            let size = PageRequest::from_wire(message.page_size, &message.page_token);
            // Credentials that a whole organization shares do not exist here: a list of them is empty.
            if message.is_org_wide_credential == Some(true) {
                return Ok(ListConnectedAccountsResponse::default());
            }
            let names: Vec<String> =
                given(message.connector).into_iter().chain(message.connection_names).collect();
            let filter = AccountFilter {
                identifier: given(message.identifier),
                organization_id: given(message.organization_id),
                user_id: given(message.user_id),
                connector: given(Some(message.provider)),
                query: given(Some(message.query)),
                ..AccountFilter::default()
            };
            let page = self.engine.list_accounts(&call.caller, &names, filter, &size).await?;
            let (connected_accounts, total_size, next_page_token, prev_page_token) = listed(page);
            Ok(ListConnectedAccountsResponse {
                connected_accounts,
                total_size,
                next_page_token,
                prev_page_token,
            })
        })
        .await
    }

    async fn search_connected_accounts(
        &self,
        request: Request<SearchConnectedAccountsRequest>,
    ) -> Result<Response<SearchConnectedAccountsResponse>, Status> {
        run(request, async |call, message| {
            let size = PageRequest::from_wire(message.page_size, &message.page_token);
            let connection = given(Some(message.connection_id));
            let found = self
                .engine
                .search_accounts(&call.caller, &message.query, connection.as_deref(), &size)
                .await?;
            let (connected_accounts, total_size, next_page_token, prev_page_token) = listed(found);
            Ok(SearchConnectedAccountsResponse {
                connected_accounts,
                total_size,
                next_page_token,
                prev_page_token,
            })
        })
        .await
    }

    async fn create_connected_account(
        &self,
        request: Request<CreateConnectedAccountRequest>,
    ) -> Result<Response<CreateConnectedAccountResponse>, Status> {
        run(request, async |call, message| {
            let connector =
                given(message.connector).ok_or_else(|| Error::invalid("connector", "is required"))?;
            let identifier =
                given(message.identifier).ok_or_else(|| Error::invalid("identifier", "is required"))?;
            let account = message.connected_account.unwrap_or_default();
            let new = NewAccount {
                organization_id: given(message.organization_id),
                user_id: given(message.user_id),
                api_config: config(account.api_config)?,
                credential: credential(account.authorization_details)?,
                ..NewAccount::new(connector, identifier)
            };
            let view = self.engine.create_account(&call.caller, new).await?;
            Ok(CreateConnectedAccountResponse { connected_account: Some(shown(view, None)) })
        })
        .await
    }

    async fn update_connected_account(
        &self,
        request: Request<UpdateConnectedAccountRequest>,
    ) -> Result<Response<UpdateConnectedAccountResponse>, Status> {
        run(request, async |call, message| {
            if message.scope_selection.is_some_and(|s| !s.scopes.is_empty() || !s.optional_scopes.is_empty()) {
                return Err(Error::invalid(
                    "scope_selection",
                    "is not available here: set the scopes on the connection and have the user authorize again",
                ));
            }
            let mut account = AccountRef {
                id: given(message.id),
                connection_name: given(message.connector),
                identifier: given(message.identifier),
                organization_id: given(message.organization_id),
                user_id: given(message.user_id),
            };
            let change = message.connected_account.unwrap_or_default();
            let mut update = AccountUpdate {
                api_config: config(change.api_config)?,
                credential: credential(change.authorization_details)?,
                ..AccountUpdate::default()
            };
            // Beside an id or identifier they do not say which account, but what it shall have.
            if account.id.is_some() || account.identifier.is_some() {
                update.organization_id = account.organization_id.take().map(Some);
                update.user_id = account.user_id.take().map(Some);
            }
            let view = self.engine.update_account(&call.caller, &account, update).await?;
            Ok(UpdateConnectedAccountResponse { connected_account: Some(shown(view, None)) })
        })
        .await
    }

    async fn delete_connected_account(
        &self,
        request: Request<DeleteConnectedAccountRequest>,
    ) -> Result<Response<DeleteConnectedAccountResponse>, Status> {
        run(request, async |call, message| {
            let account = AccountRef {
                id: given(message.id),
                connection_name: given(message.connector),
                identifier: given(message.identifier),
                organization_id: given(message.organization_id),
                user_id: given(message.user_id),
            };
            self.engine.delete_account(&call.caller, &account).await?;
            Ok(DeleteConnectedAccountResponse {})
        })
        .await
    }

    async fn disconnect_connected_account(
        &self,
        request: Request<DisconnectConnectedAccountRequest>,
    ) -> Result<Response<DisconnectConnectedAccountResponse>, Status> {
        run(request, async |call, message| {
            let view = self.engine.disconnect_account(&call.caller, &by_id(message.id)?).await?;
            Ok(DisconnectConnectedAccountResponse { connected_account: Some(shown(view, None)) })
        })
        .await
    }

    async fn get_magic_link_for_connected_account(
        &self,
        request: Request<GetMagicLinkForConnectedAccountRequest>,
    ) -> Result<Response<GetMagicLinkForConnectedAccountResponse>, Status> {
        run(request, async |call, message| {
            let account = AccountRef {
                id: given(message.id),
                connection_name: given(message.connector),
                identifier: given(message.identifier),
                organization_id: given(message.organization_id),
                user_id: given(message.user_id),
            };
            let options = LinkOptions {
                state: given(message.state),
                user_verify_url: given(message.user_verify_url),
                scopes: Vec::new(),
            };
            let link = self.engine.authorization_link(&call.caller, &account, options).await?;
            Ok(GetMagicLinkForConnectedAccountResponse {
                link: link.url.to_string(),
                expiry: Some(timestamp(link.expires_at)),
            })
        })
        .await
    }

    async fn verify_connected_account_user(
        &self,
        request: Request<VerifyConnectedAccountUserRequest>,
    ) -> Result<Response<VerifyConnectedAccountUserResponse>, Status> {
        run(request, async |call, message| {
            let verified =
                self.engine.verify_user(&call.caller, &message.auth_request_id, &message.identifier).await?;
            Ok(VerifyConnectedAccountUserResponse {
                post_user_verify_redirect_url: verified.post_user_verify_redirect_url.to_string(),
            })
        })
        .await
    }

    async fn get_connected_account(
        &self,
        request: Request<GetConnectedAccountRequest>,
    ) -> Result<Response<GetConnectedAccountResponse>, Status> {
        run(request, async |call, message| {
            let view = self.engine.find_account(&call.caller, &by_id(message.id)?).await?;
            Ok(GetConnectedAccountResponse { connected_account: Some(shown(view, None)) })
        })
        .await
    }

    async fn get_connected_account_auth(
        &self,
        request: Request<GetConnectedAccountByIdentifierRequest>,
    ) -> Result<Response<GetConnectedAccountByIdentifierResponse>, Status> {
        run(request, async |call, message| {
            let (view, credential) =
                self.engine.read_credential(&call.caller, &by_identifier(message)).await?;
            let details = authorization_details(&view, credential.as_ref());
            Ok(GetConnectedAccountByIdentifierResponse { connected_account: Some(shown(view, details)) })
        })
        .await
    }

    async fn get_connected_account_details(
        &self,
        request: Request<GetConnectedAccountByIdentifierRequest>,
    ) -> Result<Response<GetConnectedAccountByIdentifierResponse>, Status> {
        run(request, async |call, message| {
            let view = self.engine.find_account(&call.caller, &by_identifier(message)).await?;
            Ok(GetConnectedAccountByIdentifierResponse { connected_account: Some(shown(view, None)) })
        })
        .await
    }
}

/// A text that is there and not empty: clients send empty texts for what is not given.
pub(super) fn given(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

fn by_id(id: String) -> Result<AccountRef, Error> {
    if id.is_empty() { Err(Error::invalid("id", "is required")) } else { Ok(AccountRef::id(id)) }
}

fn by_identifier(message: GetConnectedAccountByIdentifierRequest) -> AccountRef {
    AccountRef {
        id: given(message.id),
        connection_name: given(message.connector),
        identifier: given(message.identifier),
        organization_id: given(message.organization_id),
        user_id: given(message.user_id),
    }
}

fn config(api_config: Option<Struct>) -> Result<Option<serde_json::Value>, Error> {
    api_config.map(|config| structs::to_json("api_config", config)).transpose()
}

/// The credential that the caller brings along, if there is any: the SDKs send empty details for "none".
fn credential(details: Option<AuthorizationDetails>) -> Result<Option<NewCredential>, Error> {
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
fn authorization_details(
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

fn shown(view: AccountView, details: Option<AuthorizationDetails>) -> ConnectedAccount {
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
fn listed(page: Page<AccountView>) -> (Vec<ConnectedAccountForList>, u32, String, String) {
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

/// A count as the wire has it.
pub(super) fn size(total: u64) -> u32 {
    u32::try_from(total).unwrap_or(u32::MAX)
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

fn timestamp(time: Time) -> Timestamp {
    Timestamp { seconds: time.unix_timestamp(), nanos: i32::try_from(time.nanosecond()).unwrap_or(0) }
}
