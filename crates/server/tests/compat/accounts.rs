//! `ConnectedAccountService`, RPC by RPC.

use prost_types::{Struct, value::Kind};
use tonic::Code;
use valetkey_api::proto::connected_accounts::{
    AuthorizationDetails, ConnectorStatus, ConnectorType, CreateConnectedAccount,
    CreateConnectedAccountRequest, DeleteConnectedAccountRequest, DisconnectConnectedAccountRequest,
    GetConnectedAccountByIdentifierRequest, GetConnectedAccountRequest,
    GetMagicLinkForConnectedAccountRequest, ListConnectedAccountsRequest, OauthToken,
    SearchConnectedAccountsRequest, StaticAuth, UpdateConnectedAccount, UpdateConnectedAccountRequest,
    VerifyConnectedAccountUserRequest, authorization_details::Details,
};
use valetkey_domain::{Permission, Permissions};
use valetkey_testkit::app::{Tenant, TestApp};

use crate::support::{accounts, info, start};

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn create(connector: &str, identifier: &str, details: Option<Details>) -> CreateConnectedAccountRequest {
    CreateConnectedAccountRequest {
        connector: some(connector),
        identifier: some(identifier),
        connected_account: Some(CreateConnectedAccount {
            authorization_details: details.map(|details| AuthorizationDetails { details: Some(details) }),
            api_config: None,
        }),
        ..Default::default()
    }
}

fn oauth(access: &str, refresh: &str) -> Details {
    Details::OauthToken(OauthToken {
        access_token: access.to_owned(),
        refresh_token: refresh.to_owned(),
        scopes: vec!["profile".to_owned()],
        domain: String::new(),
    })
}

fn fields(pairs: &[(&str, &str)]) -> Struct {
    Struct { fields: pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned().into())).collect() }
}

fn by_name(connector: &str, identifier: &str) -> GetConnectedAccountByIdentifierRequest {
    GetConnectedAccountByIdentifierRequest {
        connector: some(connector),
        identifier: some(identifier),
        ..Default::default()
    }
}

async fn with_oauth() -> (TestApp, Tenant) {
    let (app, tenant) = start().await;
    app.oauth_connection(&tenant, "sandbox-1").await;
    (app, tenant)
}

/// What `get_or_create_connected_account` of the SDKs does.
#[tokio::test]
async fn account_missing_is_not_found_then_created_pending() {
    let (app, tenant) = with_oauth().await;
    let mut client = accounts(&app, &tenant.token);
    let missing = client.get_connected_account_auth(by_name("sandbox-1", "u1")).await.unwrap_err();
    assert_eq!(missing.code(), Code::NotFound);
    assert_eq!(info(&missing).error_code, "account_not_found");

    let created = client.create_connected_account(create("sandbox-1", "u1", None)).await.unwrap();
    let account = created.into_inner().connected_account.unwrap();
    assert_eq!(account.status(), ConnectorStatus::PendingAuth);
    assert_eq!(account.authorization_type(), ConnectorType::Oauth);
    assert_eq!((account.identifier.as_str(), account.connector.as_str()), ("u1", "sandbox-1"));
    assert_eq!(account.provider, "SANDBOX");
    assert!(account.id.starts_with("ca_") && account.connection_id.starts_with("conn_"));

    let found = client.get_connected_account_auth(by_name("sandbox-1", "u1")).await.unwrap().into_inner();
    assert_eq!(found.connected_account.unwrap().id, account.id);
    let again = client.create_connected_account(create("sandbox-1", "u1", None)).await.unwrap_err();
    assert_eq!(
        (again.code(), info(&again).error_code.as_str()),
        (Code::AlreadyExists, "account_already_exists")
    );
}

/// The Node SDK sends an empty token for "no details".
#[tokio::test]
async fn account_created_with_empty_token_stays_pending() {
    let (app, tenant) = with_oauth().await;
    let empty = Details::OauthToken(OauthToken::default());
    let created =
        accounts(&app, &tenant.token).create_connected_account(create("sandbox-1", "u1", Some(empty))).await;
    let account = created.unwrap().into_inner().connected_account.unwrap();
    assert_eq!(account.status(), ConnectorStatus::PendingAuth);
}

/// S27: a refresh token never leaves; an access token only with the permission.
#[tokio::test]
async fn tokens_imported_are_shown_only_with_permission() {
    let (app, tenant) = with_oauth().await;
    let mut client = accounts(&app, &tenant.token);
    let request = create("sandbox-1", "u1", Some(oauth("access-canary", "refresh-canary")));
    let created = client.create_connected_account(request).await.unwrap().into_inner();
    let account = created.connected_account.unwrap();
    assert_eq!(account.status(), ConnectorStatus::Active);
    assert_eq!(account.authorization_details, None);

    let shown = |response: tonic::Response<_>| {
        let response: valetkey_api::proto::connected_accounts::GetConnectedAccountByIdentifierResponse =
            response.into_inner();
        match response.connected_account.unwrap().authorization_details.unwrap().details.unwrap() {
            Details::OauthToken(token) => token,
            other => panic!("{other:?}"),
        }
    };
    let token = shown(client.get_connected_account_auth(by_name("sandbox-1", "u1")).await.unwrap());
    assert_eq!((token.access_token.as_str(), token.refresh_token.as_str()), ("", ""));
    assert_eq!(token.scopes, ["profile"]);

    let reader = app.token(&tenant, Permissions::all()).await;
    let mut reader = accounts(&app, &reader);
    let token = shown(reader.get_connected_account_auth(by_name("sandbox-1", "u1")).await.unwrap());
    assert_eq!((token.access_token.as_str(), token.refresh_token.as_str()), ("access-canary", ""));

    let details =
        reader.get_connected_account_details(by_name("sandbox-1", "u1")).await.unwrap().into_inner();
    assert_eq!(details.connected_account.unwrap().authorization_details, None);
}

#[tokio::test]
async fn static_credential_is_probed_and_shown_only_with_permission() {
    let (app, tenant) = start().await;
    app.stub_connection(&tenant, "stub").await;
    let mut client = accounts(&app, &tenant.token);
    let details = |token| Details::StaticAuth(StaticAuth { details: Some(fields(&[("token", token)])) });

    let refused =
        client.create_connected_account(create("stub", "u1", Some(details("wrong")))).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert_eq!(info(&refused).error_code, "credential_rejected");

    let created =
        client.create_connected_account(create("stub", "u1", Some(details("key-canary")))).await.unwrap();
    let account = created.into_inner().connected_account.unwrap();
    assert_eq!(account.status(), ConnectorStatus::Active);
    assert_eq!(account.authorization_type(), ConnectorType::BearerToken);

    let shown = async |token: &str| {
        let mut client = accounts(&app, token);
        let found = client.get_connected_account_auth(by_name("stub", "u1")).await.unwrap().into_inner();
        match found.connected_account.unwrap().authorization_details.unwrap().details.unwrap() {
            Details::StaticAuth(auth) => auth.details,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(shown(&tenant.token).await, None);
    let reader = app.token(&tenant, Permissions::all()).await;
    let kind = shown(&reader).await.unwrap().fields.remove("token").unwrap().kind;
    assert_eq!(kind, Some(Kind::StringValue("key-canary".into())));
}

#[tokio::test]
async fn credential_unfit_is_refused_naming_the_field() {
    let (app, tenant) = with_oauth().await;
    app.stub_connection(&tenant, "stub").await;
    let mut client = accounts(&app, &tenant.token);
    let details = "connected_account.authorization_details";
    let cases = [
        ("sandbox-1", oauth("", "refresh"), format!("{details}.oauth_token.access_token")),
        ("sandbox-1", oauth("a\nb", ""), format!("{details}.oauth_token.access_token")),
        ("stub", oauth("a", ""), details.to_owned()),
        (
            "stub",
            Details::StaticAuth(StaticAuth { details: Some(fields(&[("bogus", "x")])) }),
            format!("{details}.static_auth.details.bogus"),
        ),
        ("sandbox-1", Details::GoogleDwd(Default::default()), format!("{details}.google_dwd")),
        ("sandbox-1", Details::TrustedIdp(Default::default()), format!("{details}.trusted_idp")),
    ];
    for (connector, given, field) in cases {
        let error = client.create_connected_account(create(connector, "u1", Some(given))).await.unwrap_err();
        assert_eq!(error.code(), Code::InvalidArgument, "{field}: {error}");
        let violations = info(&error).validation_error_info.unwrap().field_violations;
        assert!(violations.iter().any(|v| v.field == field), "{field}: {violations:?}");
    }
}

#[tokio::test]
async fn accounts_are_listed_filtered_and_paged() {
    let (app, tenant) = with_oauth().await;
    app.stub_connection(&tenant, "stub").await;
    let mut client = accounts(&app, &tenant.token);
    for (connector, identifier, organization) in
        [("sandbox-1", "u1", "org_1"), ("sandbox-1", "u2", "org_2"), ("stub", "u1", "org_1")]
    {
        let request = CreateConnectedAccountRequest {
            organization_id: some(organization),
            user_id: some("usr_1"),
            ..create(connector, identifier, None)
        };
        client.create_connected_account(request).await.unwrap();
        app.clock.advance(time::Duration::seconds(1));
    }
    let mut count = async |request: ListConnectedAccountsRequest| {
        client.list_connected_accounts(request).await.unwrap().into_inner().total_size
    };
    let all = ListConnectedAccountsRequest::default;
    assert_eq!(count(all()).await, 3);
    assert_eq!(count(ListConnectedAccountsRequest { connector: some("sandbox-1"), ..all() }).await, 2);
    assert_eq!(count(ListConnectedAccountsRequest { identifier: some("u1"), ..all() }).await, 2);
    assert_eq!(count(ListConnectedAccountsRequest { organization_id: some("org_2"), ..all() }).await, 1);
    assert_eq!(count(ListConnectedAccountsRequest { user_id: some("usr_1"), ..all() }).await, 3);
    assert_eq!(count(ListConnectedAccountsRequest { provider: "STUB".into(), ..all() }).await, 1);
    assert_eq!(count(ListConnectedAccountsRequest { query: "u2".into(), ..all() }).await, 1);
    let names = vec!["stub".to_owned(), "sandbox-1".to_owned()];
    assert_eq!(count(ListConnectedAccountsRequest { connection_names: names, ..all() }).await, 3);
    assert_eq!(count(ListConnectedAccountsRequest { connector: some("bogus"), ..all() }).await, 0);
    assert_eq!(count(ListConnectedAccountsRequest { is_org_wide_credential: Some(true), ..all() }).await, 0);

    let first = client
        .list_connected_accounts(ListConnectedAccountsRequest { page_size: 2, ..all() })
        .await
        .unwrap()
        .into_inner();
    assert_eq!(first.connected_accounts.len(), 2);
    assert!((1..=32).contains(&first.next_page_token.len()), "{}", first.next_page_token);
    let second = ListConnectedAccountsRequest { page_size: 2, page_token: first.next_page_token, ..all() };
    let second = client.list_connected_accounts(second).await.unwrap().into_inner();
    assert_eq!(second.connected_accounts.len(), 1);
    assert!(second.next_page_token.is_empty());
    assert!((1..=32).contains(&second.prev_page_token.len()));
    let back = ListConnectedAccountsRequest { page_size: 2, page_token: second.prev_page_token, ..all() };
    let back = client.list_connected_accounts(back).await.unwrap().into_inner();
    assert_eq!(back.connected_accounts, first.connected_accounts);

    let found = SearchConnectedAccountsRequest { query: "org_1".into(), ..Default::default() };
    assert_eq!(client.search_connected_accounts(found).await.unwrap().into_inner().total_size, 2);
}

#[tokio::test]
async fn account_is_updated_by_name_and_by_id() {
    let (app, tenant) = with_oauth().await;
    let mut client = accounts(&app, &tenant.token);
    let created =
        client.create_connected_account(create("sandbox-1", "u1", None)).await.unwrap().into_inner();
    let id = created.connected_account.unwrap().id;

    let by_name = UpdateConnectedAccountRequest {
        connector: some("sandbox-1"),
        identifier: some("u1"),
        connected_account: Some(UpdateConnectedAccount {
            authorization_details: Some(AuthorizationDetails { details: Some(oauth("a", "r")) }),
            api_config: Some(fields(&[("region", "eu")])),
        }),
        ..Default::default()
    };
    let updated =
        client.update_connected_account(by_name).await.unwrap().into_inner().connected_account.unwrap();
    assert_eq!(updated.status(), ConnectorStatus::Active);
    assert_eq!(updated.api_config, Some(fields(&[("region", "eu")])));

    // What is given beside the identifier is stored, as the SDKs' upsert expects.
    let moved = UpdateConnectedAccountRequest {
        organization_id: some("org_2"),
        connector: some("sandbox-1"),
        identifier: some("u1"),
        connected_account: Some(UpdateConnectedAccount::default()),
        ..Default::default()
    };
    client.update_connected_account(moved).await.unwrap();
    let of_org = ListConnectedAccountsRequest { organization_id: some("org_2"), ..Default::default() };
    assert_eq!(client.list_connected_accounts(of_org).await.unwrap().into_inner().total_size, 1);

    let nothing = UpdateConnectedAccountRequest {
        id: Some(id.clone()),
        connected_account: Some(UpdateConnectedAccount::default()),
        ..Default::default()
    };
    let unchanged =
        client.update_connected_account(nothing).await.unwrap().into_inner().connected_account.unwrap();
    assert_eq!(unchanged.api_config, Some(fields(&[("region", "eu")])));
    let got = client.get_connected_account(GetConnectedAccountRequest { id }).await.unwrap().into_inner();
    assert_eq!(got.connected_account.unwrap().api_config, Some(fields(&[("region", "eu")])));
}

#[tokio::test]
async fn link_is_made_and_creates_the_account() {
    let (app, tenant) = with_oauth().await;
    let mut client = accounts(&app, &tenant.token);
    let request = GetMagicLinkForConnectedAccountRequest {
        connector: some("sandbox-1"),
        identifier: some("new-user"),
        state: some("st"),
        user_verify_url: some("https://app.test/verify"),
        ..Default::default()
    };
    let link = client.get_magic_link_for_connected_account(request).await.unwrap().into_inner();
    assert!(link.link.starts_with("https://valetkey.test/connect/"), "{}", link.link);
    let now = valetkey_domain::Clock::now(app.clock.as_ref()).unix_timestamp();
    assert!(link.expiry.unwrap().seconds > now);
    let account = client.get_connected_account_details(by_name("sandbox-1", "new-user")).await;
    assert_eq!(
        account.unwrap().into_inner().connected_account.unwrap().status(),
        ConnectorStatus::PendingAuth
    );
}

#[tokio::test]
async fn verification_of_an_unknown_attempt_is_not_found() {
    let (app, tenant) = with_oauth().await;
    let request = VerifyConnectedAccountUserRequest {
        auth_request_id: "ar_01k0p9zq3v8x6m5n4c2b1a0s9d".into(),
        identifier: "u1".into(),
    };
    let error = accounts(&app, &tenant.token).verify_connected_account_user(request).await.unwrap_err();
    assert_eq!((error.code(), info(&error).error_code.as_str()), (Code::NotFound, "auth_request_not_found"));
}

#[tokio::test]
async fn account_is_disconnected_and_deleted() {
    let (app, tenant) = with_oauth().await;
    let mut client = accounts(&app, &tenant.token);
    let request = create("sandbox-1", "u1", Some(oauth("a", "r")));
    let created = client.create_connected_account(request).await.unwrap().into_inner();
    let id = created.connected_account.unwrap().id;

    let request = DisconnectConnectedAccountRequest { id: id.clone() };
    let ended = client.disconnect_connected_account(request).await.unwrap().into_inner();
    assert_eq!(ended.connected_account.unwrap().status(), ConnectorStatus::Disconnected);

    let request = DeleteConnectedAccountRequest {
        connector: some("sandbox-1"),
        identifier: some("u1"),
        ..Default::default()
    };
    client.delete_connected_account(request.clone()).await.unwrap();
    let gone = client.delete_connected_account(request).await.unwrap_err();
    assert_eq!(gone.code(), Code::NotFound);
    let gone = client.get_connected_account(GetConnectedAccountRequest { id }).await.unwrap_err();
    assert_eq!(gone.code(), Code::NotFound);
}

#[tokio::test]
async fn permission_missing_is_denied_and_named() {
    let (app, tenant) = with_oauth().await;
    let token = app.token(&tenant, [Permission::AccountsAccess].into_iter().collect()).await;
    let mut client = accounts(&app, &token);
    let error = client.create_connected_account(create("sandbox-1", "u1", None)).await.unwrap_err();
    assert_eq!(error.code(), Code::PermissionDenied);
    let resource = info(&error).resource_info.unwrap();
    assert_eq!(resource.required_permissions, ["connected_accounts:write"]);
    // What the official API asks for this RPC is enough here too.
    let missing = client.get_connected_account_auth(by_name("sandbox-1", "u1")).await.unwrap_err();
    assert_eq!(missing.code(), Code::NotFound, "{missing}");
}
