//! Environments, connections, accounts, credentials and auth requests.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::json;
use time::Duration;
use valetkey_domain::{
    Account, AccountStatus, AuthPhase, AuthType, Change, Changes, Connection, EnvironmentId, ErrorCode,
    PageRequest, SealedBlob, Store,
    account::Grant,
    connection::{ConnectionFault, IdentityPolicy, Overrides},
    store::{AccountFilter, ConnectionFilter, EventFilter, ExecutionFilter},
    webhook::WebhookEvent,
};

use super::fixture::{Fixture, assert_conflict, with};

/// An environment that exists is left alone; its name belongs to it.
pub async fn environments_inserted_again_stay_as_they_are(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    for name in ["default", "renamed"] {
        f.commit(f.insert_environment(f.env.clone(), name)).await.unwrap();
    }
    assert_eq!(f.store.environments().await.unwrap(), [(f.env.clone(), "default".to_owned())]);
    let other = f.other_environment().await;
    let found = f.store.environments().await.unwrap();
    assert_eq!(found, [(f.env.clone(), "default".to_owned()), (other, "other".to_owned())]);
    let third: EnvironmentId = format!("env_{}", "0".repeat(26)).parse().unwrap();
    assert_conflict(f.commit(f.insert_environment(third, "default")).await, "environment.name");
}

fn full(mut connection: Connection) -> Connection {
    connection.client_id = Some("id".into());
    connection.client_secret = Some(SealedBlob(vec![0, 255, 1]));
    connection.client_secret_expires_at = Some(connection.created_at + 90 * Duration::DAY);
    connection.use_shared_credentials = true;
    connection.scopes = vec!["https://mail.google.com/".into(), "é \"quoted\"".into()];
    connection.overrides =
        Overrides { token_url: Some("https://example.com/token".parse().unwrap()), ..Overrides::default() };
    connection.variables = BTreeMap::from([("tenant".into(), "acme".into())]);
    connection.identity_policy = IdentityPolicy::Refuse;
    connection.call_timeout_ms = Some(u32::MAX);
    connection.enabled = false;
    connection.fault = Some(ConnectionFault {
        code: ErrorCode::InvalidClient,
        since: connection.created_at + Duration::HOUR,
    });
    connection
}

/// Every field of a connection survives, on insert and on update.
pub async fn connections_written_read_back_whole(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let plain = f.stored_connection("gmail").await;
    assert_eq!(f.store.connection(&plain.id).await.unwrap().as_ref(), Some(&plain));
    let mut changed = full(plain.clone());
    changed.name = "gmail two".into();
    changed.version = 2;
    changed.updated_at = f.now();
    f.commit(Change::UpdateConnection(changed.clone())).await.unwrap();
    assert_eq!(f.store.connection(&plain.id).await.unwrap().as_ref(), Some(&changed));
    assert_eq!(f.store.connection_by_name(&f.env, "gmail two").await.unwrap().as_ref(), Some(&changed));
    assert_eq!(f.store.connection_by_name(&f.env, "GMAIL TWO").await.unwrap(), None);
    assert_eq!(f.store.connection_by_name(&f.env, "gmail").await.unwrap(), None);
    f.commit(Change::DeleteConnection(plain.id.clone())).await.unwrap();
    assert_eq!(f.store.connection(&plain.id).await.unwrap(), None);
    assert_conflict(f.commit(Change::DeleteConnection(plain.id)).await, "connection");
}

/// Optimistic locking and unique names.
pub async fn connections_stale_or_doubled_are_conflicts(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let one = f.stored_connection("one").await;
    let two = f.stored_connection("two").await;
    assert_conflict(f.commit(Change::InsertConnection(f.connection("one"))).await, "connection.name");
    let mut same_id = f.connection("three");
    same_id.id = one.id.clone();
    assert_conflict(f.commit(Change::InsertConnection(same_id)).await, "connection");
    for version in [0, 1, 3] {
        let stale = Connection { version, ..one.clone() };
        assert_conflict(f.commit(Change::UpdateConnection(stale)).await, "connection");
    }
    let renamed = Connection { name: "one".into(), version: 2, ..two.clone() };
    assert_conflict(f.commit(Change::UpdateConnection(renamed)).await, "connection.name");
    let mut elsewhere = f.connection("four");
    elsewhere.environment = format!("env_{}", "9".repeat(26)).parse().unwrap();
    assert_conflict(f.commit(Change::InsertConnection(elsewhere)).await, "connection.environment");
    assert_eq!(f.store.connection(&two.id).await.unwrap(), Some(two));
}

/// A connection goes only after its accounts, and an account never comes without its connection.
pub async fn connections_with_accounts_are_not_deleted(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let connection = f.stored_connection("gmail").await;
    let account = f.stored_account(&connection, "user_1").await;
    assert_conflict(f.commit(Change::DeleteConnection(connection.id.clone())).await, "connection.accounts");
    let both = Changes::new()
        .and(Change::DeleteAccount(account.id.clone()))
        .and(Change::DeleteConnection(connection.id.clone()));
    f.commit(both).await.unwrap();
    let late = f.account(&connection, "user_2");
    assert_conflict(f.commit(Change::InsertAccount(late)).await, "account.connection");
}

/// Filters of connections.
pub async fn connections_filtered_by_connector_and_name(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    for (name, connector) in
        [("GMAIL", "gmail"), ("gmail-eu", "gmail"), ("my slack", "slack"), ("100%_x", "slack")]
    {
        let connection = Connection { connector: connector.into(), ..f.connection(name) };
        f.commit(Change::InsertConnection(connection)).await.unwrap();
    }
    let names = async |connector: Option<&str>, query: Option<&str>| {
        let filter = ConnectionFilter { connector: connector.map(Into::into), query: query.map(Into::into) };
        let page = f.store.connections(&f.env, &filter, &PageRequest::default()).await.unwrap();
        assert_eq!(page.total, page.items.len() as u64);
        page.items.into_iter().map(|c| c.name).collect::<Vec<_>>()
    };
    assert_eq!(names(None, None).await, ["100%_x", "my slack", "gmail-eu", "GMAIL"]);
    assert_eq!(names(Some("gmail"), None).await, ["gmail-eu", "GMAIL"]);
    assert_eq!(names(None, Some("mAi")).await, ["gmail-eu", "GMAIL"]);
    assert_eq!(names(Some("slack"), Some("K")).await, ["my slack"]);
    assert_eq!(names(None, Some("%")).await, ["100%_x"], "a wildcard is a character like any other");
    assert_eq!(names(None, Some("_")).await, ["100%_x"]);
    assert!(names(Some("Gmail"), None).await.is_empty());
}

/// Every field of an account survives, on insert and on update.
pub async fn accounts_written_read_back_whole(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let connection = f.stored_connection("gmail").await;
    let plain = f.stored_account(&connection, "user_1").await;
    assert_eq!(f.store.account(&plain.id).await.unwrap().as_ref(), Some(&plain));
    for (auth_type, version) in
        [AuthType::ClientCredentials, AuthType::ApiKey, AuthType::Basic, AuthType::Bearer, AuthType::None]
            .into_iter()
            .zip(2..)
    {
        let changed = with(&plain, |a| {
            a.auth_type = auth_type;
            a.version = version;
        });
        f.commit(Change::UpdateAccount(changed.clone())).await.unwrap();
        assert_eq!(f.store.account(&plain.id).await.unwrap(), Some(changed));
    }
    let grant = Grant {
        scopes: vec!["a".into(), "b c".into()],
        token_expires_at: Some(f.now()),
        provider_subject: Some("sub".into()),
        label: Some("Jürgen <j@example.com>".into()),
        metadata: BTreeMap::from([("instance_url".into(), "https://x.example".into())]),
    };
    let mut account = plain.clone().activate(grant, f.now()).unwrap().account;
    account.organization_id = Some("org".into());
    account.user_id = Some("usr".into());
    account.api_config = json!({"nested": [1, null, "x"]});
    account.name = "Work \"é\"".into();
    account.refresh_at = Some(f.now());
    account.degraded = Some(f.degraded(3));
    account.last_used_at = Some(f.now());
    account.version = 7;
    f.commit(Change::UpdateAccount(account.clone())).await.unwrap();
    assert_eq!(f.store.accounts_of_identifier(&connection.id, "user_1").await.unwrap(), [account.clone()]);
    for (status, version) in AccountStatus::ALL.into_iter().zip(8..) {
        let changed = with(&account, |a| {
            a.version = version;
            a.cause = status.refusal();
        })
        .restored(status);
        f.commit(Change::UpdateAccount(changed.clone())).await.unwrap();
        assert_eq!(f.store.account(&plain.id).await.unwrap(), Some(changed));
    }
    assert!(f.store.accounts_of_identifier(&connection.id, "USER_1").await.unwrap().is_empty());
}

/// Optimistic locking and unique identifiers.
pub async fn accounts_stale_or_doubled_are_conflicts(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let (gmail, slack) = (f.stored_connection("gmail").await, f.stored_connection("slack").await);
    let account = f.stored_account(&gmail, "user_1").await;
    assert_conflict(f.commit(Change::InsertAccount(f.account(&gmail, "user_1"))).await, "account.identifier");
    f.stored_account(&slack, "user_1").await;
    let same_id = with(&f.account(&gmail, "user_2"), |a| a.id = account.id.clone());
    assert_conflict(f.commit(Change::InsertAccount(same_id)).await, "account");
    for version in [0, 1, 3, u64::from(u32::MAX)] {
        let stale = with(&account, |a| a.version = version);
        assert_conflict(f.commit(Change::UpdateAccount(stale)).await, "account");
    }
    let unknown = with(&f.account(&gmail, "user_3"), |a| a.version = 2);
    assert_conflict(f.commit(Change::UpdateAccount(unknown.clone())).await, "account");
    assert_conflict(f.commit(Change::DeleteAccount(unknown.id)).await, "account");
    let other = f.other_environment().await;
    let torn = with(&f.account(&gmail, "user_4"), |a| a.environment = other);
    assert_conflict(f.commit(Change::InsertAccount(torn)).await, "account.connection");
}

/// Several accounts of one identifier on one connection, told apart by name.
pub async fn accounts_of_one_identifier_are_told_apart_by_name(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let (gmail, slack) = (f.stored_connection("gmail").await, f.stored_connection("slack").await);
    let named = |name: &str| with(&f.account(&gmail, "user_1"), |a| a.name = name.into());
    let accounts = [named("work"), named(""), named("Home"), named("Ärger")];
    for account in &accounts {
        f.commit(Change::InsertAccount(account.clone())).await.unwrap();
    }
    f.stored_account(&slack, "user_1").await;
    f.stored_account(&gmail, "user_2").await;
    let found = f.store.accounts_of_identifier(&gmail.id, "user_1").await.unwrap();
    let [work, unnamed, home, other] = accounts;
    assert_eq!(found, [unnamed.clone(), home, work.clone(), other], "by the bytes of the name");
    assert_conflict(f.commit(Change::InsertAccount(named("work"))).await, "account.identifier");
    let renamed = with(&unnamed, |a| {
        a.name = "work".into();
        a.version = 2;
    });
    assert_conflict(f.commit(Change::UpdateAccount(renamed)).await, "account.identifier");
    f.commit(Change::DeleteAccount(work.id)).await.unwrap();
    let renamed = with(&unnamed, |a| {
        a.name = "work".into();
        a.version = 2;
    });
    f.commit(Change::UpdateAccount(renamed.clone())).await.unwrap();
    assert_eq!(f.store.account(&unnamed.id).await.unwrap(), Some(renamed));
}

/// A use is noted beside the version, and an update that did not know of it does not undo it.
pub async fn accounts_touched_keep_their_version(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let connection = f.stored_connection("gmail").await;
    let account = f.stored_account(&connection, "user_1").await;
    let (earlier, later) = (f.now(), f.now());
    for at in [later, earlier] {
        f.commit(Change::TouchAccount { id: account.id.clone(), at }).await.unwrap();
        let expected = with(&account, |a| a.last_used_at = Some(later));
        assert_eq!(f.store.account(&account.id).await.unwrap(), Some(expected));
    }
    let changed = with(&account, |a| {
        a.version = 2;
        a.user_id = Some("u".into());
    });
    f.commit(Change::UpdateAccount(changed.clone())).await.unwrap();
    let expected = with(&changed, |a| a.last_used_at = Some(later));
    assert_eq!(f.store.account(&account.id).await.unwrap(), Some(expected));
    let gone = f.account(&connection, "user_2");
    f.commit(Change::TouchAccount { id: gone.id, at: later }).await.unwrap();
}

/// What is deleted with an account and what outlives it.
pub async fn accounts_deleted_take_secrets_along_and_leave_their_history(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let connection = f.stored_connection("gmail").await;
    let account = f.stored_account(&connection, "user_1").await;
    let neighbour = f.stored_account(&connection, "user_2").await;
    let (request, event, execution) = (f.auth_request(&account), f.event(&account), f.execution(&account));
    let changes = Changes::new()
        .and(f.credential(&account, 1))
        .and(f.credential(&account, 2))
        .and(f.credential(&neighbour, 1))
        .and(Change::InsertAuthRequest(request.clone()))
        .and(Change::AppendEvent(event.clone()))
        .and(Change::InsertExecution(execution.clone()));
    f.commit(changes).await.unwrap();
    f.commit(Change::DeleteAccount(account.id.clone())).await.unwrap();
    assert_eq!(f.store.account(&account.id).await.unwrap(), None);
    assert_eq!(f.store.credential(&account.id).await.unwrap(), None);
    assert_eq!(f.store.auth_request(&request.id).await.unwrap(), None);
    assert!(f.store.credential(&neighbour.id).await.unwrap().is_some());
    assert_eq!(f.store.execution(&execution.id).await.unwrap(), Some(execution));
    let of_account = EventFilter { account: Some(account.id.clone()), ..EventFilter::default() };
    let events = f.store.events(&f.env, &of_account, &PageRequest::default()).await.unwrap();
    assert_eq!((events.items, events.total), (vec![event], 1));
    assert_conflict(f.commit(f.credential(&account, 3)).await, "credential.account");
    let late = f.auth_request(&account);
    assert_conflict(f.commit(Change::InsertAuthRequest(late)).await, "auth_request.account");
}

/// Every field of the filter, alone and together.
pub async fn accounts_filtered_by_every_field(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let gmail = f.stored_connection("gmail").await;
    let slack = Connection { connector: "slack".into(), ..f.connection("slack") };
    let third = Connection { connector: "slack".into(), ..f.connection("third") };
    f.commit(
        Changes::from(Change::InsertConnection(slack.clone())).and(Change::InsertConnection(third.clone())),
    )
    .await
    .unwrap();
    let mut stored = Vec::new();
    for (n, connection) in [&gmail, &slack, &gmail, &third, &slack, &gmail].into_iter().enumerate() {
        let mut account = f.account(connection, &format!("User_{}", n / 2));
        account.organization_id = (n % 2 == 0).then(|| "org_A".into());
        account.user_id = (n > 2).then(|| "usr_1".into());
        account.label = (n == 5).then(|| "ÄRGER@Example.com".into());
        account.provider_subject = (n != 1).then(|| format!("Sub|{}", n % 2));
        account.name = if n == 3 { "work".into() } else { String::new() };
        let status = if n % 3 == 0 { AccountStatus::Active } else { AccountStatus::Expired };
        stored.push(account.restored(status));
        f.commit(Change::InsertAccount(stored[n].clone())).await.unwrap();
    }
    let found = async |filter: AccountFilter| {
        let page = f.store.accounts(&f.env, &filter, &PageRequest::default()).await.unwrap();
        assert_eq!(page.total, page.items.len() as u64, "{filter:?}");
        let position = |a: &Account| stored.iter().position(|s| s == a).unwrap();
        page.items.iter().map(position).collect::<Vec<_>>()
    };
    let all = AccountFilter::default;
    let some = |text: &str| Some(text.to_owned());
    let cases: Vec<(AccountFilter, &[usize])> = vec![
        (all(), &[5, 4, 3, 2, 1, 0]),
        (AccountFilter { connections: vec![gmail.id.clone()], ..all() }, &[5, 2, 0]),
        (AccountFilter { connections: vec![third.id.clone(), gmail.id.clone()], ..all() }, &[5, 3, 2, 0]),
        (AccountFilter { connections: vec![gmail.id.clone(), gmail.id.clone()], ..all() }, &[5, 2, 0]),
        (AccountFilter { identifier: some("User_1"), ..all() }, &[3, 2]),
        (AccountFilter { identifier: some("user_1"), ..all() }, &[]),
        (AccountFilter { name: some("work"), ..all() }, &[3]),
        (AccountFilter { name: some("Work"), identifier: some("User_1"), ..all() }, &[]),
        (AccountFilter { provider_subject: some("Sub|1"), ..all() }, &[5, 3]),
        (AccountFilter { provider_subject: some("sub|1"), ..all() }, &[]),
        (AccountFilter { provider_subject: some("Sub|0"), connector: some("slack"), ..all() }, &[4]),
        (AccountFilter { organization_id: some("org_A"), ..all() }, &[4, 2, 0]),
        (AccountFilter { user_id: some("usr_1"), ..all() }, &[5, 4, 3]),
        (AccountFilter { user_id: some("usr_1"), organization_id: some("org_A"), ..all() }, &[4]),
        (AccountFilter { status: Some(AccountStatus::Active), ..all() }, &[3, 0]),
        (AccountFilter { status: Some(AccountStatus::Revoked), ..all() }, &[]),
        (AccountFilter { connector: some("slack"), ..all() }, &[4, 3, 1]),
        (AccountFilter { connector: some("slack"), connections: vec![slack.id.clone()], ..all() }, &[4, 1]),
        (AccountFilter { connector: some("slack"), connections: vec![gmail.id.clone()], ..all() }, &[]),
        (AccountFilter { connector: some("nothing"), ..all() }, &[]),
        (AccountFilter { query: some("uSEr_2"), ..all() }, &[5, 4]),
        (AccountFilter { query: some("ärger@EXAMPLE"), ..all() }, &[5]),
        (AccountFilter { query: some("ORG_a"), ..all() }, &[4, 2, 0]),
        (AccountFilter { query: some("sr_1"), ..all() }, &[5, 4, 3]),
        (AccountFilter { query: Some(stored[1].id.as_str()[5..].to_uppercase()), ..all() }, &[1]),
        (AccountFilter { query: some("%"), ..all() }, &[]),
        (
            AccountFilter {
                connections: vec![gmail.id.clone(), slack.id.clone()],
                user_id: some("usr_1"),
                status: Some(AccountStatus::Expired),
                ..all()
            },
            &[5, 4],
        ),
        (
            AccountFilter {
                connections: vec![gmail.id.clone()],
                identifier: some("User_0"),
                organization_id: some("org_A"),
                status: Some(AccountStatus::Active),
                ..all()
            },
            &[0],
        ),
    ];
    for (filter, expected) in cases {
        assert_eq!(found(filter.clone()).await, expected, "{filter:?}");
    }
}

/// Lists stay inside their environment, whatever the filter names.
pub async fn records_of_another_environment_are_not_listed(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let connection = f.stored_connection("gmail").await;
    let account = f.stored_account(&connection, "user_1").await;
    let client = f.api_client("agent");
    let changes = Changes::new()
        .and(Change::AppendEvent(f.event(&account)))
        .and(Change::InsertExecution(f.execution(&account)))
        .and(Change::InsertApiClient(client.clone()))
        .and(Change::InsertApiToken(f.api_token(&client)));
    f.commit(changes).await.unwrap();
    let other = f.other_environment().await;
    let page = PageRequest::default();
    let same_name = Connection { environment: other.clone(), ..f.connection("gmail") };
    f.commit(Change::InsertConnection(same_name.clone())).await.unwrap();
    assert_eq!(f.store.connection_by_name(&other, "gmail").await.unwrap(), Some(same_name.clone()));
    let listed = f.store.connections(&other, &ConnectionFilter::default(), &page).await.unwrap();
    assert_eq!(listed.items, [same_name]);
    let filters = [
        AccountFilter::default(),
        AccountFilter { connections: vec![connection.id.clone()], ..AccountFilter::default() },
        AccountFilter { identifier: Some("user_1".into()), ..AccountFilter::default() },
        AccountFilter { connector: Some("gmail".into()), ..AccountFilter::default() },
        AccountFilter { query: Some("user".into()), ..AccountFilter::default() },
    ];
    for filter in filters {
        let found = f.store.accounts(&other, &filter, &page).await.unwrap();
        assert_eq!((found.items, found.total), (vec![], 0), "{filter:?}");
    }
    let (of_account, of_connection) = (Some(account.id.clone()), Some(connection.id.clone()));
    for (account, connection) in [(None, None), (of_account, None), (None, of_connection)] {
        let filter = EventFilter {
            account: account.clone(),
            connection: connection.clone(),
            ..EventFilter::default()
        };
        assert_eq!(f.store.events(&other, &filter, &page).await.unwrap().total, 0);
        let filter = ExecutionFilter { account, connection, ..ExecutionFilter::default() };
        assert_eq!(f.store.executions(&other, &filter, &page).await.unwrap().total, 0);
    }
    assert!(f.store.api_clients(&other).await.unwrap().is_empty());
    assert!(f.store.api_tokens(&other).await.unwrap().is_empty());
}

/// S39: what a caller names by its id is read in the caller's environment and nowhere else.
pub async fn records_named_by_id_are_of_their_environment_only(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let connection = f.stored_connection("gmail").await;
    let account = f.stored_account(&connection, "user_1").await;
    let (execution, client) = (f.execution(&account), f.api_client("agent"));
    let token = f.api_token(&client);
    let webhook = f.stored_webhook(&[WebhookEvent::AccountError]).await;
    let work = f.bulk("work", "user:a");
    let changes = Changes::new()
        .and(Change::InsertExecution(execution.clone()))
        .and(Change::InsertApiClient(client.clone()))
        .and(Change::InsertApiToken(token.clone()))
        .and(Change::InsertBulk(work.clone()));
    f.commit(changes).await.unwrap();
    let other = f.other_environment().await;
    for (env, here) in [(&account.environment, true), (&other, false)] {
        let s = &f.store;
        let found = s.connection_in(env, &connection.id).await.unwrap();
        assert_eq!(found, here.then(|| connection.clone()));
        let found = s.account_in(env, &account.id).await.unwrap();
        assert_eq!(found, here.then(|| account.clone()));
        let found = s.execution_in(env, &execution.id).await.unwrap();
        assert_eq!(found, here.then(|| execution.clone()));
        let found = s.api_client_in(env, &client.id).await.unwrap();
        assert_eq!(found, here.then(|| client.clone()));
        let found = s.api_token_in(env, &token.id).await.unwrap();
        assert_eq!(found, here.then(|| token.clone()));
        let found = s.webhook_in(env, &webhook.id).await.unwrap();
        assert_eq!(found, here.then(|| webhook.clone()));
        let found = s.bulk_in(env, &work.id).await.unwrap();
        assert_eq!(found, here.then(|| work.clone()));
        let found = s.bulks_of(env, &work.actor, 9).await.unwrap();
        assert_eq!(found, here.then(|| work.clone()).into_iter().collect::<Vec<_>>());
    }
}

/// The newest generation is the current one; an older one never comes after it.
pub async fn credentials_go_up_in_generation_only(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let connection = f.stored_connection("gmail").await;
    let account = f.stored_account(&connection, "user_1").await;
    let id = &account.id;
    assert_eq!(f.store.credential(id).await.unwrap(), None);
    for generation in [1, 2, 5] {
        let change = f.credential(&account, generation);
        f.commit(change.clone()).await.unwrap();
        let stored = f.store.credential(id).await.unwrap().unwrap();
        let again = Change::PutCredential {
            account: stored.account,
            generation: stored.generation,
            sealed: stored.sealed,
            at: stored.created_at,
        };
        assert_eq!(again, change);
    }
    for generation in [5, 3, 1] {
        assert_conflict(f.commit(f.credential(&account, generation)).await, "credential");
    }
    let previous = async || f.store.previous_credential(id).await.unwrap().map(|c| c.generation);
    assert_eq!(previous().await, Some(2));
    for (keep, kept) in [(1, Some(2)), (2, Some(2)), (5, None)] {
        f.commit(Change::DropPreviousCredentials { account: id.clone(), keep }).await.unwrap();
        assert_eq!(previous().await, kept, "{keep}");
        assert_eq!(f.store.credential(id).await.unwrap().map(|c| c.generation), Some(5));
    }
    f.commit(Change::EraseCredentials(id.clone())).await.unwrap();
    assert_eq!(f.store.credential(id).await.unwrap(), None);
    f.commit(Change::EraseCredentials(id.clone())).await.unwrap();
}

/// Lookups by id, link and state; a state or a link is taken once.
pub async fn auth_requests_move_on_once(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let connection = f.stored_connection("gmail").await;
    let account = f.stored_account(&connection, "user_1").await;
    let (first, second) = (f.auth_request(&account), f.auth_request(&account));
    for request in [&first, &second] {
        f.commit(Change::InsertAuthRequest(request.clone())).await.unwrap();
        assert_eq!(f.store.auth_request(&request.id).await.unwrap().as_ref(), Some(request));
        assert_eq!(f.store.auth_request_by_link(&request.link_hash).await.unwrap().as_ref(), Some(request));
    }
    let mut moved = first.clone();
    moved.state_hash = Some(f.hash());
    moved.browser_hash = Some(f.hash());
    moved.code_verifier = Some(SealedBlob(vec![1; 100]));
    moved.caller_state = Some("their state".into());
    moved.user_verify_url = Some("https://app.example/verify".into());
    moved.phase = AuthPhase::Redirected;
    moved.failure = Some(ErrorCode::AccessDenied);
    moved.generation = 3;
    moved.redirected_at = Some(f.now());
    moved.version = 2;
    f.commit(Change::UpdateAuthRequest(moved.clone())).await.unwrap();
    assert_conflict(f.commit(Change::UpdateAuthRequest(moved.clone())).await, "auth_request");
    let state = moved.state_hash.unwrap();
    assert_eq!(f.store.auth_request_by_state(&state).await.unwrap(), Some(moved.clone()));
    assert_eq!(f.store.auth_request_by_state(&f.hash()).await.unwrap(), None);
    assert_eq!(f.store.auth_request_by_link(&f.hash()).await.unwrap(), None);
    let mut thief = second.clone();
    thief.state_hash = Some(state);
    thief.version = 2;
    assert_conflict(f.commit(Change::UpdateAuthRequest(thief)).await, "auth_request");
    let mut doubled = f.auth_request(&account);
    doubled.link_hash = first.link_hash;
    assert_conflict(f.commit(Change::InsertAuthRequest(doubled)).await, "auth_request");
    for phase in [AuthPhase::Exchanging, AuthPhase::AwaitingVerification, AuthPhase::Completed] {
        moved.phase = phase;
        moved.version += 1;
        f.commit(Change::UpdateAuthRequest(moved.clone())).await.unwrap();
        assert_eq!(f.store.auth_request(&moved.id).await.unwrap(), Some(moved.clone()));
    }
}
