//! Many accounts, written straight into storage, and an engine over them.

use std::sync::Arc;

use time::{Duration, macros::datetime};
use tokio::time::Instant;
use url::Url;
use valetkey_domain::{
    AccountId, Caller, Change, Changes, Clock, Credential, SecretString, Store as _, Time,
    connection::Overrides, credential::OAuthTokens, sealed::SealContext,
};
use valetkey_engine::{
    Engine, EngineParts, EngineSettings, NewAccount, NewConnection, NewCredential,
    keyring::{SealLimits, VaultKeeper},
};
use valetkey_store::SqliteStore;
use valetkey_testkit::seeded_entropy::SeededEntropy;
use valetkey_upstream::{
    connector::Connectors,
    http::{Egress, EgressSettings},
};
use valetkey_vault::MasterKey;

use crate::provider::Provider;

const CONNECTOR: &str = r"
slug: rush
display_name: Rush
description: The provider of a crowd.
auth:
  oauth:
    scopes: { default: [read] }
    authorize: { url: https://rush.invalid/authorize }
    token: { url: https://rush.invalid/token }
    refresh:
      margin_seconds: 120
      rotation: { single_use: true, reuse_kills_grant: true }
api:
  base_url: https://rush.invalid/api
tools:
  - name: rush_get_me
    title: Get me
    description: Tells that the call arrived at the provider. Takes no input.
    read_only: true
    scopes: [[read]]
    input: {}
    example: {}
    request: { path: /me }
";

/// How many accounts are written at once.
const BATCH: usize = 500;

/// Time that runs with the runtime's own, which does not run by itself.
struct PausedClock(Instant);

impl Clock for PausedClock {
    fn now(&self) -> Time {
        datetime!(2026-01-01 00:00 UTC) + self.0.elapsed()
    }
}

pub(crate) struct Crowd {
    pub(crate) engine: Engine,
    pub(crate) store: Arc<SqliteStore>,
    pub(crate) caller: Caller,
    pub(crate) accounts: Vec<AccountId>,
}

fn tokens(nth: usize, expires_at: Time) -> OAuthTokens {
    OAuthTokens {
        access_token: SecretString::from(format!("at-{nth}-0")),
        refresh_token: Some(SecretString::from(format!("rt-{nth}-0"))),
        token_type: None,
        expires_at: Some(expires_at),
        extra: std::collections::BTreeMap::new(),
    }
}

impl Crowd {
    /// `count` accounts that are due now; their access tokens live for `lives` more.
    pub(crate) async fn of(count: usize, lives: Duration, provider: &Provider) -> Self {
        let store = Arc::new(SqliteStore::in_step().unwrap());
        let clock = Arc::new(PausedClock(Instant::now()));
        let entropy = Arc::new(SeededEntropy::new(10));
        let master = MasterKey::generate().unwrap();
        let keeper = VaultKeeper::start(store.clone(), master, clock.clone(), SealLimits::default());
        let keeper = Arc::new(keeper.await.unwrap());
        let mut settings = EngineSettings::new(Url::parse("https://valetkey.example").unwrap());
        settings.allow_private_upstreams = true;
        let egress = EgressSettings { allow_private: true, ..EgressSettings::default() };
        let engine = Engine::new(EngineParts {
            store: store.clone(),
            keyring: keeper.clone(),
            connectors: Arc::new(
                Connectors::from_files([("rush.yaml".to_owned(), CONNECTOR.to_owned())]).unwrap(),
            ),
            egress: Egress::on_network(egress, Arc::new(provider.clone())).unwrap(),
            clock: clock.clone(),
            entropy: entropy.clone(),
            settings,
        });
        engine.join().await.unwrap();
        let caller = engine.operator(engine.default_environment().await.unwrap()).unwrap();
        let url = |path: &str| Some(Url::parse(&format!("http://127.0.0.1:9{path}")).unwrap());
        let connection = NewConnection {
            name: Some("rush".to_owned()),
            connector: "rush".to_owned(),
            client_id: Some("c".to_owned()),
            client_secret: Some(SecretString::from("s")),
            overrides: Overrides {
                authorize_url: url("/authorize"),
                token_url: url("/token"),
                revoke_url: None,
                userinfo_url: None,
                api_base_url: url("/api"),
            },
            ..NewConnection::default()
        };
        engine.create_connection(&caller, connection).await.unwrap();
        let expires_at = clock.now() + lives;
        let first = NewAccount {
            credential: Some(NewCredential::OAuth {
                access_token: "at-0-0".into(),
                refresh_token: Some("rt-0-0".into()),
                scopes: vec!["read".to_owned()],
                expires_at: Some(expires_at),
                domain: None,
            }),
            ..NewAccount::new("rush", "user-0")
        };
        let model = engine.create_account(&caller, first).await.unwrap().account;
        store.commit(Change::DeleteAccount(model.id.clone()).into()).await.unwrap();
        // All are like that one, without the work of making each by itself, and an hour old.
        let stored_at = clock.now() - Duration::HOUR;
        let mut accounts = Vec::new();
        while accounts.len() < count {
            let mut changes = Changes::new();
            for nth in accounts.len()..count.min(accounts.len() + BATCH) {
                let mut account = model.clone();
                account.id = AccountId::new(&*clock, &*entropy);
                account.identifier = format!("user-{nth}");
                account.refresh_at = Some(clock.now());
                let place = SealContext {
                    environment: account.environment.as_str(),
                    record: account.id.as_str(),
                    field: "credential",
                    generation: account.generation,
                };
                let clear = Credential::OAuth(tokens(nth, expires_at)).to_bytes();
                let sealed = keeper.seal(&place, &clear).await.unwrap();
                let put = Change::PutCredential {
                    account: account.id.clone(),
                    generation: account.generation,
                    sealed,
                    at: stored_at,
                };
                accounts.push(account.id.clone());
                changes = changes.and(Change::InsertAccount(account)).and(put);
            }
            store.commit(changes).await.unwrap();
        }
        Self { engine, store, caller, accounts }
    }
}
