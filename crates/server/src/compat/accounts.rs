//! `ConnectedAccountService`.

use tonic::{Request, Response, Status, async_trait};
use valetkey_api::proto::connected_accounts::{
    CreateConnectedAccountRequest, CreateConnectedAccountResponse, DeleteConnectedAccountRequest,
    DeleteConnectedAccountResponse, DisconnectConnectedAccountRequest, DisconnectConnectedAccountResponse,
    GetConnectedAccountByIdentifierRequest, GetConnectedAccountByIdentifierResponse,
    GetConnectedAccountRequest, GetConnectedAccountResponse, GetMagicLinkForConnectedAccountRequest,
    GetMagicLinkForConnectedAccountResponse, ListConnectedAccountsRequest, ListConnectedAccountsResponse,
    SearchConnectedAccountsRequest, SearchConnectedAccountsResponse, UpdateConnectedAccountRequest,
    UpdateConnectedAccountResponse, VerifyConnectedAccountUserRequest, VerifyConnectedAccountUserResponse,
    connected_account_service_server::ConnectedAccountService,
};
use valetkey_domain::{Error, PageRequest, store::AccountFilter};
use valetkey_engine::{AccountRef, AccountUpdate, End, Engine, LinkOptions, NewAccount, Siblings};

use super::{
    account_wire::{authorization_details, config, credential, listed, shown},
    call::run,
    wire::{COUNTED, SEARCHED, given, timestamp},
};

/// This API has no way to ask what shall become of other accounts that a revocation would end: the grant stays alive at
/// the provider then, and the receipt in the history says so.
const SIBLINGS: Siblings = Siblings::Keep;

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
            let query = given(Some(message.query));
            let filter = AccountFilter {
                identifier: given(message.identifier),
                organization_id: given(message.organization_id),
                user_id: given(message.user_id),
                connector: given(Some(message.provider)),
                count_at_most: Some(if query.is_some() { SEARCHED } else { COUNTED }),
                query,
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
                .search_accounts(&call.caller, &message.query, connection.as_deref(), Some(SEARCHED), &size)
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
                ..AccountRef::default()
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
                ..AccountRef::default()
            };
            self.engine.end_account(&call.caller, &account, End::Delete, SIBLINGS).await?;
            Ok(DeleteConnectedAccountResponse {})
        })
        .await
    }

    async fn disconnect_connected_account(
        &self,
        request: Request<DisconnectConnectedAccountRequest>,
    ) -> Result<Response<DisconnectConnectedAccountResponse>, Status> {
        run(request, async |call, message| {
            let account = by_id(message.id)?;
            let ended = self.engine.end_account(&call.caller, &account, End::Disconnect, SIBLINGS).await?;
            Ok(DisconnectConnectedAccountResponse { connected_account: Some(shown(ended.account, None)) })
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
                ..AccountRef::default()
            };
            let options = LinkOptions {
                state: given(message.state),
                user_verify_url: given(message.user_verify_url),
                ..LinkOptions::default()
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
        ..AccountRef::default()
    }
}
