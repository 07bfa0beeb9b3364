//! The keyring over a real database: S28, S29, S31 and S34.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::{collections::BTreeMap, path::Path, sync::Arc};

use secrecy::ExposeSecret as _;
use valetkey_domain::{
    Account, AccountId, AuthType, Change, Changes, Clock, Connection, ConnectionId, EnvironmentId, ErrorCode,
    ManualClock, SealedBlob, Store, sealed::SealContext,
};
use valetkey_engine::keyring::{KeyringError, SealLimits, VaultKeeper};
use valetkey_store::SqliteStore;
use valetkey_vault::{MasterKey, SystemEntropy};

const KEY: &str = "9f1b0c5e77d24a8830e1f6a2b4c8d93e5a6f7182c3d4e5f60718293a4b5c6d7e";
const PLACE: SealContext<'static> =
    SealContext { environment: "env_1", record: "ca_1", field: "credential", generation: 1 };

fn key() -> MasterKey {
    MasterKey::from_text(KEY).unwrap()
}

async fn start(
    store: &Arc<dyn Store>,
    key: MasterKey,
    limits: SealLimits,
) -> Result<VaultKeeper, KeyringError> {
    VaultKeeper::start(store.clone(), key, Arc::new(ManualClock::default()), limits).await
}

fn memory() -> Arc<dyn Store> {
    Arc::new(SqliteStore::in_memory().unwrap())
}

/// The term a blob names: bytes 1 to 4.
fn term(sealed: &SealedBlob) -> u32 {
    u32::from_be_bytes(sealed.0[1..5].try_into().unwrap())
}

#[tokio::test]
async fn keyring_of_an_empty_store_begins_with_term_one_and_stays() {
    let store = memory();
    let limits = SealLimits::default();
    let keeper = start(&store, key(), limits).await.unwrap();
    let sealed = keeper.seal(&PLACE, b"secret").await.unwrap();
    let stats = keeper.stats();
    assert_eq!((stats.active_term, stats.terms, stats.seals, stats.reserved), (1, 1, 1, limits.block));
    drop(keeper);

    let keeper = start(&store, key(), limits).await.unwrap();
    assert_eq!(&**keeper.open(&PLACE, &sealed).unwrap(), b"secret");
    keeper.seal(&PLACE, b"secret").await.unwrap();
    // What the first process had reserved and not used is not used by anyone.
    let terms = store.key_terms().await.unwrap();
    assert_eq!((terms.len(), terms[0].seals_reserved), (1, 2 * limits.block));
}

/// S34: another key is refused before anything is written.
#[tokio::test]
async fn keyring_with_another_master_key_is_refused_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("valetkey.db");
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&path).unwrap());
    let keeper = start(&store, key(), SealLimits::default()).await.unwrap();
    keeper.seal(&PLACE, b"secret").await.unwrap();
    let before = store.key_terms().await.unwrap();
    drop((keeper, store));

    let opened = Arc::new(SqliteStore::open(&path).unwrap());
    let store: Arc<dyn Store> = opened.clone();
    let refusal = start(&store, MasterKey::generate().unwrap(), SealLimits::default()).await.unwrap_err();
    assert_eq!(refusal, KeyringError::WrongMasterKey { term: 1 });
    let text = refusal.to_string();
    assert!(
        text.contains("master_key") && text.contains("Nothing was changed") && !text.contains(KEY),
        "{text}"
    );
    assert_eq!(opened.commit_stats().batches, 0);
    assert_eq!(store.key_terms().await.unwrap(), before);
}

/// S34: one term of several is enough to refuse.
#[tokio::test]
async fn keyring_with_one_foreign_term_is_refused() {
    let store = memory();
    let limits = SealLimits { per_term: 1, block: 1, ..SealLimits::default() };
    let keeper = start(&store, key(), limits).await.unwrap();
    keeper.seal(&PLACE, b"x").await.unwrap();
    let mut foreign = store.key_terms().await.unwrap()[0].clone();
    foreign.term = 2;
    store.commit(Change::InsertKeyTerm(foreign).into()).await.unwrap();
    assert_eq!(start(&store, key(), limits).await.unwrap_err(), KeyringError::WrongMasterKey { term: 2 });
    // A running process does not go on with it either.
    assert_eq!(keeper.seal(&PLACE, b"x").await.unwrap_err().code(), ErrorCode::Internal);
}

#[tokio::test]
async fn keyring_with_senseless_limits_is_refused() {
    for limits in [
        SealLimits { per_term: 10, block: 0, ..SealLimits::default() },
        SealLimits { per_term: 10, block: 11, ..SealLimits::default() },
    ] {
        assert_eq!(start(&memory(), key(), limits).await.unwrap_err(), KeyringError::Limits);
    }
}

/// S31: a forced low limit makes terms follow each other; no term seals more than the limit; all stay readable.
#[tokio::test]
async fn keyring_at_its_limit_goes_on_with_the_next_term() {
    let store = memory();
    let limits = SealLimits { per_term: 10, block: 4, ..SealLimits::default() };
    let mut sealed = Vec::new();
    // Three lives of the process: each forgets what it had reserved.
    for life in 0..3 {
        let keeper = start(&store, key(), limits).await.unwrap();
        for n in 0..17 {
            let value = format!("value {life} {n}");
            sealed.push((value.clone(), keeper.seal(&PLACE, value.as_bytes()).await.unwrap()));
        }
        assert_eq!(keeper.stats().seals, 17);
    }
    let mut per_term = BTreeMap::<u32, u64>::new();
    for (_, blob) in &sealed {
        *per_term.entry(term(blob)).or_default() += 1;
    }
    let terms = store.key_terms().await.unwrap();
    assert!(terms.len() >= 6, "{} seals of 10 per term need at least six terms", sealed.len());
    for stored in terms {
        let made = per_term.get(&stored.term).copied().unwrap_or(0);
        assert!(
            made <= stored.seals_reserved && stored.seals_reserved <= limits.per_term,
            "{stored:?}: {made}"
        );
    }
    let keeper = start(&store, key(), limits).await.unwrap();
    for (value, blob) in &sealed {
        assert_eq!(&**keeper.open(&PLACE, blob).unwrap(), value.as_bytes());
    }
}

/// S31 with two processes on one database, each with many tasks: the bound holds for their sum.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keyrings_of_two_processes_share_one_bound() {
    const TASKS: usize = 16;
    const EACH: usize = 30;
    let folder = tempfile::tempdir().unwrap();
    let limits = SealLimits { per_term: 100, block: 8, ..SealLimits::default() };
    let mut keepers = Vec::new();
    for _ in 0..2 {
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(folder.path().join("valetkey.db")).unwrap());
        keepers.push(Arc::new(start(&store, key(), limits).await.unwrap()));
    }
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let keeper = keepers[task % 2].clone();
            tokio::spawn(async move {
                let mut sealed = Vec::new();
                for _ in 0..EACH {
                    sealed.push(keeper.seal(&PLACE, b"secret").await.unwrap());
                }
                sealed
            })
        })
        .collect();
    let mut per_term = BTreeMap::<u32, u64>::new();
    for task in tasks {
        for blob in task.await.unwrap() {
            *per_term.entry(term(&blob)).or_default() += 1;
            // Also in the process that has not heard of the term yet.
            for keeper in &keepers {
                assert_eq!(&**keeper.open_latest(&PLACE, &blob).await.unwrap(), b"secret");
            }
        }
    }
    assert_eq!(per_term.values().sum::<u64>(), (TASKS * EACH) as u64);
    assert!(per_term.values().all(|made| *made <= limits.per_term), "{per_term:?}");
}

/// A process that cannot reserve seals nothing, rather than sealing beyond what is written down.
#[tokio::test]
async fn keyring_without_storage_seals_nothing() {
    let opened = Arc::new(SqliteStore::in_memory().unwrap());
    let store: Arc<dyn Store> = opened.clone();
    let keeper =
        start(&store, key(), SealLimits { per_term: 100, block: 2, ..SealLimits::default() }).await.unwrap();
    for _ in 0..2 {
        keeper.seal(&PLACE, b"x").await.unwrap();
    }
    opened.close().await.unwrap();
    assert_eq!(keeper.seal(&PLACE, b"x").await.unwrap_err().code(), ErrorCode::StorageUnavailable);
}

/// S29: what was moved is refused under the catalogue's code.
#[tokio::test]
async fn seal_moved_to_another_place_is_refused_by_code() {
    let keeper = start(&memory(), key(), SealLimits::default()).await.unwrap();
    let sealed = keeper.seal(&PLACE, b"secret").await.unwrap();
    let elsewhere = [
        SealContext { environment: "env_2", ..PLACE },
        SealContext { record: "ca_2", ..PLACE },
        SealContext { field: "client_secret", ..PLACE },
        SealContext { generation: 2, ..PLACE },
    ];
    for place in elsewhere {
        assert_eq!(keeper.open(&place, &sealed).unwrap_err().code(), ErrorCode::SealRefused);
    }
    for broken in [SealedBlob(vec![]), SealedBlob(vec![1; 500])] {
        assert_eq!(keeper.open_latest(&PLACE, &broken).await.unwrap_err().code(), ErrorCode::SealRefused);
    }
}

fn holds(folder: &Path, needle: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if std::fs::read(&path).unwrap().windows(needle.len()).any(|w| w == needle) {
            found.push(path.display().to_string());
        }
    }
    found
}

/// S28: canaries are sealed and stored in every place that holds secrets; no file of the database shows one, nor a
/// key, neither while it is open nor after it was closed.
#[tokio::test]
async fn secrets_stored_are_in_no_file_in_the_clear() {
    const CANARY: &str = "canary-7f3a-secret-value";
    let folder = tempfile::tempdir().unwrap();
    let opened = Arc::new(SqliteStore::open(folder.path().join("valetkey.db")).unwrap());
    let store: Arc<dyn Store> = opened.clone();
    let clock = ManualClock::default();
    let keeper = start(&store, key(), SealLimits::default()).await.unwrap();
    let environment = EnvironmentId::new(&clock, &SystemEntropy);
    let connection_id = ConnectionId::new(&clock, &SystemEntropy);
    let at = clock.now();
    let place = SealContext { record: connection_id.as_str(), field: "client_secret", ..PLACE };
    let connection = Connection {
        id: connection_id.clone(),
        environment: environment.clone(),
        name: "gmail".into(),
        connector: "gmail".into(),
        client_id: Some("public-client-id".into()),
        client_secret: Some(keeper.seal(&place, CANARY.as_bytes()).await.unwrap()),
        use_shared_credentials: false,
        scopes: Vec::new(),
        overrides: valetkey_domain::connection::Overrides::default(),
        variables: BTreeMap::new(),
        identity_policy: valetkey_domain::connection::IdentityPolicy::default(),
        call_timeout_ms: None,
        client_secret_expires_at: None,
        enabled: true,
        fault: None,
        version: 1,
        created_at: at,
        updated_at: at,
    };
    let insert = Change::InsertEnvironment { id: environment.clone(), name: "default".into(), at };
    store.commit(Changes::from(insert).and(Change::InsertConnection(connection))).await.unwrap();
    for n in 0..200 {
        let id = AccountId::new(&clock, &SystemEntropy);
        let place = SealContext { record: id.as_str(), ..PLACE };
        let sealed = keeper.seal(&place, CANARY.repeat(1 + n % 40).as_bytes()).await.unwrap();
        let identifier = format!("user_{n}");
        let account = Account::pending(
            id.clone(),
            environment.clone(),
            connection_id.clone(),
            identifier,
            AuthType::OAuth,
            at,
        );
        let put = Change::PutCredential { account: id, generation: 1, sealed, at };
        store.commit(Changes::from(Change::InsertAccount(account)).and(put)).await.unwrap();
    }
    let key_text = key().to_text();
    let needles = [CANARY.as_bytes(), key_text.expose_secret().as_bytes(), KEY.as_bytes()];
    for needle in needles {
        assert_eq!(holds(folder.path(), needle), Vec::<String>::new());
    }
    assert!(!holds(folder.path(), b"public-client-id").is_empty(), "the search itself works");
    opened.close().await.unwrap();
    for needle in needles {
        assert_eq!(holds(folder.path(), needle), Vec::<String>::new());
    }
}
