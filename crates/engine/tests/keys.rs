//! Rotation of the keyring over a whole engine: S31, S32, S34 and the part of R17 that needs no process to be killed.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use valetkey_domain::{
    AccountId, Change, Changes, ErrorCode, PendingRevocation, Permission, Permissions, RevocationId,
    SealedBlob, Store,
    event::EventKind,
    sealed::SealContext,
    store::{EventFilter, SealedPlace, SealedRecord},
};
use valetkey_engine::{
    AccountRef, AccountUpdate, Engine, ExecuteTool, NewAccount, NewCredential, NewWebhook, SecretKind,
    keyring::{KeyringError, MasterKeys, SealLimits, TermUse, VaultKeeper},
};
use valetkey_testkit::engine_fixture::{Browser, EngineFixture};
use valetkey_vault::{MasterKey, term_of};

const DEADLINE: Duration = Duration::from_secs(30);

/// Processes look often here and agree soon.
const QUICK: SealLimits = SealLimits {
    per_term: 1 << 31,
    block: 1 << 16,
    confirm: Duration::from_millis(20),
    settle: Duration::from_millis(100),
};

async fn fixture() -> EngineFixture {
    EngineFixture::with_seals(QUICK, |_| {}).await
}

/// Everything sealed, in the order of storage.
async fn sealed(store: &dyn Store) -> Vec<SealedRecord> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = store.sealed_records(after.as_ref(), 500).await.unwrap();
        let Some(last) = page.last() else { return all };
        after = Some(last.place.clone());
        all.extend(page);
    }
}

async fn per_term(store: &dyn Store) -> BTreeMap<u32, usize> {
    let mut counted = BTreeMap::new();
    for record in sealed(store).await {
        *counted.entry(term_of(&record.sealed).unwrap()).or_default() += 1;
    }
    counted
}

/// The account's credential as a static key, imported.
async fn key_account(fixture: &EngineFixture, engine: &Engine, identifier: &str, key: &str) -> AccountId {
    let fields = [("api_key".to_owned(), key.to_owned().into())].into();
    let new = NewAccount {
        credential: Some(NewCredential::Static(fields)),
        probe: false,
        ..NewAccount::new("keyed", identifier)
    };
    engine.create_account(&fixture.caller, new).await.unwrap().account.id
}

/// The key that an account's credential holds now.
async fn key_of(fixture: &EngineFixture, engine: &Engine, identifier: &str) -> String {
    let account = AccountRef::named("keyed", identifier);
    let (_, credential) = engine.read_credential(&fixture.caller, &account).await.unwrap();
    String::from_utf8(credential.unwrap().to_bytes().to_vec()).unwrap()
}

/// One secret of every kind, two generations of a credential among them.
async fn every_kind(fixture: &EngineFixture) -> AccountId {
    // Nobody listens there: what the message says is sealed before it is sent.
    let webhook = NewWebhook { url: "http://127.0.0.1:1/hooks".into(), ..NewWebhook::default() };
    let made = fixture.engine.create_webhook(&fixture.caller, webhook).await.unwrap();
    fixture.engine.test_webhook(&fixture.caller, made.webhook.id.as_str()).await.unwrap();
    let (engine, store) = (&fixture.engine, &fixture.store);
    fixture.connection("notes", "acme").await;
    fixture.connection("keyed", "acmekey").await;
    let account = fixture.authorize("notes", "user_1").await.account;
    let keyed = key_account(fixture, engine, "user_k", "key-number-one").await;
    let before = store.credential(&account.id).await.unwrap().unwrap();
    // What a call brought, for who asks again.
    let user = AccountRef::named("notes", "user_1");
    let mut call = ExecuteTool::new(user, "acme_get_profile", serde_json::json!({}));
    call.idempotency_key = Some("once".into());
    engine.execute_tool(&fixture.caller, call).await.unwrap();
    engine.refresh_account(&fixture.caller, &AccountRef::named("notes", "user_1")).await.unwrap();
    // The one before is dropped once the new one has worked; a process that died between the two leaves it.
    if store.previous_credential(&account.id).await.unwrap().is_none() {
        let now = store.credential(&account.id).await.unwrap().unwrap();
        assert!(now.generation > before.generation);
        let keeper = fixture.keyring(QUICK).await;
        let place = SealContext {
            environment: account.environment.as_str(),
            record: account.id.as_str(),
            field: "credential",
            generation: now.generation + 1,
        };
        let sealed = keeper.seal(&place, b"{}").await.unwrap();
        let put = Change::PutCredential {
            account: account.id.clone(),
            generation: now.generation + 1,
            sealed,
            at: fixture.now(),
        };
        store.commit(put.into()).await.unwrap();
    }
    // A verifier waits for its callback.
    let link = fixture.link("notes", "user_2").await;
    Browser::default().go(engine, &link.url).await.unwrap();
    engine.jwks().await.unwrap();
    let stored = store.credential(&keyed).await.unwrap().unwrap();
    let revocation = PendingRevocation {
        id: RevocationId::new(&*fixture.clock, &*fixture.entropy),
        environment: account.environment.clone(),
        account: keyed.clone(),
        connection: account.connection.clone(),
        identifier: "user_k".into(),
        metadata: BTreeMap::new(),
        generation: stored.generation,
        sealed: stored.sealed,
        attempts: 1,
        last_code: None,
        next_at: fixture.now() + time::Duration::days(1),
        give_up_at: fixture.now() + time::Duration::days(2),
        created_at: fixture.now(),
    };
    store.commit(Change::InsertRevocation(revocation).into()).await.unwrap();
    keyed
}

/// Runs rounds of the background work until nothing is left in closed terms and the work has said so.
async fn settled(fixture: &EngineFixture, engine: &Engine) {
    let begun = Instant::now();
    loop {
        engine.reconcile_keys(true).await.unwrap();
        let status = engine.keys_status(&fixture.caller).await.unwrap();
        if status.remaining == 0 {
            return;
        }
        assert!(begun.elapsed() < DEADLINE, "{status:?}");
    }
}

async fn retired(fixture: &EngineFixture, engine: &Engine, term: u32) {
    let begun = Instant::now();
    loop {
        match engine.retire_key_term(&fixture.caller, term).await {
            Ok(_) => return,
            Err(error) => {
                assert_eq!(error.code(), ErrorCode::KeyTermInUse, "{error:?}");
                assert!(begun.elapsed() < DEADLINE, "{error:?}");
                let wait = error.details().retry_after_ms.unwrap_or(10);
                tokio::time::sleep(Duration::from_millis(wait)).await;
            }
        }
    }
}

/// S32: secrets of every kind move to the new term, the old one is retired, and a process that never had it opens all.
#[tokio::test]
async fn keys_rotated_with_secrets_of_every_kind_then_the_old_term_is_not_needed() {
    let fixture = fixture().await;
    let keyed = every_kind(&fixture).await;
    let (engine, store) = (&fixture.engine, &fixture.store);
    let before = engine.keys_status(&fixture.caller).await.unwrap();
    let kinds: Vec<_> = before.terms[0].secrets.keys().copied().collect();
    assert_eq!(kinds, SecretKind::ALL, "one of each kind is there");
    let places: Vec<_> = sealed(&**store).await.into_iter().map(|record| record.place).collect();
    assert!(
        places.iter().any(|place| matches!(place, SealedPlace::Credential(_, generation) if *generation > 1))
    );

    let rotated = engine.rotate_keys(&fixture.caller).await.unwrap();
    assert_eq!((rotated.active, rotated.remaining), (2, places.len() as u64));
    assert_eq!(rotated.terms[0].term.used, TermUse::Closed);
    settled(&fixture, engine).await;
    retired(&fixture, engine, 1).await;

    let fresh = fixture.another(QUICK).await;
    let status = fresh.keys_status(&fixture.caller).await.unwrap();
    assert_eq!((status.terms.len(), status.active, status.remaining), (1, 2, 0));
    assert_eq!(sealed(&**store).await.into_iter().map(|r| r.place).collect::<Vec<_>>(), places);
    assert!(key_of(&fixture, &fresh, "user_k").await.contains("key-number-one"));
    assert_eq!(fresh.jwks().await.unwrap(), engine.jwks().await.unwrap());
    let keeper = fixture.keyring(QUICK).await;
    for record in sealed(&**store).await {
        let environment = record.environment.as_ref().map_or("", |env| env.as_str());
        let (id, field, generation) = match &record.place {
            SealedPlace::Credential(id, generation) => (id.to_string(), "credential", *generation),
            SealedPlace::ClientSecret(id) => (id.to_string(), "client_secret", 0),
            SealedPlace::CodeVerifier(id) => (id.to_string(), "pkce_verifier", 0),
            SealedPlace::SigningKey(kid) => (kid.clone(), "private_key", 0),
            SealedPlace::Revocation(_) => (keyed.to_string(), "credential", 1),
            SealedPlace::Answer(id) => (id.to_string(), "answer", 0),
            SealedPlace::WebhookSecret(id, generation) => (id.to_string(), "webhook_secret", *generation),
            SealedPlace::DeliveryBody(_, id) => (id.to_string(), "delivery_body", 0),
        };
        let place = SealContext { environment, record: &id, field, generation };
        assert!(keeper.open(&place, &record.sealed).is_ok(), "{:?}", record.place);
    }
    let filter = EventFilter { kinds: vec![EventKind::KeysChanged], ..EventFilter::default() };
    let events = store.events(&fixture.caller.environment, &filter, &Default::default()).await.unwrap().items;
    let told: Vec<_> = events.iter().map(|event| event.event.data["change"].as_str().unwrap()).collect();
    assert_eq!(told, ["retired", "rotated"]);
}

/// R17: under load, given up in the middle again and again, finished by other processes: no call fails, nothing is
/// lost, and everything opens without the old term.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_rotated_under_load_and_cut_short_lose_nothing() {
    const ACCOUNTS: usize = 1500;
    let fixture = Arc::new(fixture().await);
    fixture.connection("keyed", "acmekey").await;
    let name = |n: usize| format!("user_{n}");
    for n in 0..ACCOUNTS {
        key_account(&fixture, &fixture.engine, &name(n), &format!("key-{n}-of-0")).await;
    }
    let stop = Arc::new(AtomicBool::new(false));
    let calls = Arc::new(AtomicU64::new(0));
    // Two processes that call, one of them without any background work of its own.
    let second = fixture.another(QUICK).await;
    let load: Vec<_> = [fixture.engine.clone(), second]
        .into_iter()
        .enumerate()
        .map(|(worker, engine)| {
            let (fixture, stop, calls) = (fixture.clone(), stop.clone(), calls.clone());
            tokio::spawn(async move {
                let mut written = BTreeMap::new();
                for round in 1.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let n = worker + 2 * ((round * 7) % (ACCOUNTS / 2));
                    let key = format!("key-{n}-of-{round}");
                    let fields = [("api_key".to_owned(), key.clone().into())].into();
                    let account = AccountRef::named("keyed", format!("user_{n}"));
                    let update = AccountUpdate {
                        credential: Some(NewCredential::Static(fields)),
                        skip_probe: true,
                        ..AccountUpdate::default()
                    };
                    let done = engine.update_account(&fixture.caller, &account, update).await;
                    done.unwrap_or_else(|error| panic!("a call failed: {error:?}"));
                    written.insert(n, key);
                    let other = format!("user_{}", (round * 13) % ACCOUNTS);
                    key_of(&fixture, &engine, &other).await;
                    calls.fetch_add(2, Ordering::Relaxed);
                }
                written
            })
        })
        .collect();
    for _ in 0..3 {
        let rotated = fixture.engine.rotate_keys(&fixture.caller).await.unwrap();
        let mut remaining = rotated.remaining;
        // Whoever works on it is ended in the middle, wherever that is, and another process goes on.
        for _ in 0..5 {
            let engine = fixture.another(QUICK).await;
            let cut = tokio::time::timeout(Duration::from_millis(60), engine.reconcile_keys(true)).await;
            let left = fixture.engine.keys_status(&fixture.caller).await.unwrap().remaining;
            assert!(left <= remaining + 64, "{left} of {remaining} after {cut:?}");
            remaining = left;
        }
        settled(&fixture, &fixture.engine).await;
        retired(&fixture, &fixture.engine, rotated.active - 1).await;
    }
    stop.store(true, Ordering::Relaxed);
    let mut written = BTreeMap::new();
    for worker in load {
        written.extend(worker.await.unwrap());
    }
    assert!(calls.load(Ordering::Relaxed) > 100, "there was no load to speak of");
    let status = fixture.engine.keys_status(&fixture.caller).await.unwrap();
    assert_eq!(status.terms.iter().map(|view| view.term.term).collect::<Vec<_>>(), [4]);
    let fresh = fixture.another(QUICK).await;
    for n in 0..ACCOUNTS {
        let expected = written.get(&n).cloned().unwrap_or_else(|| format!("key-{n}-of-0"));
        let found = key_of(&fixture, &fresh, &name(n)).await;
        assert!(found.contains(&expected), "{n}: {found} should hold {expected}");
    }
}

#[tokio::test]
async fn key_term_prepared_is_taken_by_the_next_rotation() {
    let fixture = fixture().await;
    every_kind(&fixture).await;
    let engine = &fixture.engine;
    let added = engine.add_key_term(&fixture.caller).await.unwrap();
    assert_eq!((added.active, added.terms.len()), (1, 2));
    assert_eq!(added.terms[1].term.used, TermUse::Prepared);
    // It does not seal, not even in a process that starts now.
    let fresh = fixture.another(QUICK).await;
    key_account(&fixture, &fresh, "user_after", "key-number-two").await;
    assert_eq!(per_term(&*fixture.store).await.keys().copied().collect::<Vec<_>>(), [1]);
    let rotated = engine.rotate_keys(&fixture.caller).await.unwrap();
    assert_eq!((rotated.active, rotated.terms.len()), (2, 2));
    // One that was never used can go at once.
    engine.add_key_term(&fixture.caller).await.unwrap();
    let status = engine.retire_key_term(&fixture.caller, 3).await.unwrap();
    assert_eq!(status.terms.len(), 2);
}

#[tokio::test]
async fn key_term_in_use_is_not_retired() {
    let fixture = fixture().await;
    every_kind(&fixture).await;
    let engine = &fixture.engine;
    let refused = async |term| engine.retire_key_term(&fixture.caller, term).await.unwrap_err();
    assert_eq!(refused(7).await.code(), ErrorCode::KeyTermNotFound);
    assert_eq!(refused(1).await.code(), ErrorCode::KeyTermInUse, "it is the active one");
    engine.rotate_keys(&fixture.caller).await.unwrap();
    let soon = refused(1).await;
    assert_eq!(soon.code(), ErrorCode::KeyTermInUse);
    assert!(soon.details().retry_after_ms.is_some_and(|wait| wait <= 100), "{soon:?}");
    tokio::time::sleep(QUICK.settle).await;
    let full = refused(1).await;
    assert_eq!(full.code(), ErrorCode::KeyTermInUse);
    assert!(full.details().message.contains("still sealed in term 1"), "{full:?}");
}

#[tokio::test]
async fn keys_without_the_permission_are_not_shown_or_changed() {
    let fixture = fixture().await;
    let mut caller = fixture.caller.clone();
    caller.permissions = Permissions::standard();
    assert!(!caller.permissions.allows(Permission::ServerManage));
    let engine = &fixture.engine;
    for refusal in [
        engine.keys_status(&caller).await.unwrap_err(),
        engine.add_key_term(&caller).await.unwrap_err(),
        engine.rotate_keys(&caller).await.unwrap_err(),
        engine.retire_key_term(&caller, 1).await.unwrap_err(),
        engine.store_status(&caller).await.unwrap_err(),
        engine.confirm_store(&caller).await.unwrap_err(),
    ] {
        assert_eq!(refusal.code(), ErrorCode::PermissionDenied);
    }
    assert_eq!(fixture.store.key_terms().await.unwrap().len(), 1);
}

/// A process that has reserved seals on a term does not use them up after a rotation elsewhere.
#[tokio::test]
async fn keyring_of_another_process_learns_of_a_rotation_by_itself() {
    let fixture = fixture().await;
    fixture.connection("keyed", "acmekey").await;
    let other = fixture.another(QUICK).await;
    key_account(&fixture, &other, "user_1", "key-number-one").await;
    fixture.engine.rotate_keys(&fixture.caller).await.unwrap();
    tokio::time::sleep(QUICK.confirm * 2).await;
    key_account(&fixture, &other, "user_2", "key-number-two").await;
    assert_eq!(per_term(&*fixture.store).await.get(&2), Some(&1), "sealed in the new term");
    // And what was sealed in it opens where it was not heard of.
    key_account(&fixture, &fixture.engine, "user_3", "key-number-three").await;
    assert!(key_of(&fixture, &other, "user_3").await.contains("key-number-three"));
}

/// What was sealed before a rotation and stored after the term was retired is found and sealed anew, as long as a
/// process is there that had the term.
#[tokio::test]
async fn secret_stored_late_in_a_retired_term_is_rescued() {
    let fixture = fixture().await;
    fixture.connection("keyed", "acmekey").await;
    let engine = &fixture.engine;
    let account = key_account(&fixture, engine, "user_1", "key-number-one").await;
    let environment = fixture.caller.environment.clone();
    let stored = fixture.store.credential(&account).await.unwrap().unwrap();
    let late_place = SealContext {
        environment: environment.as_str(),
        record: account.as_str(),
        field: "credential",
        generation: stored.generation + 1,
    };
    let stalled = fixture.keyring(QUICK).await;
    let late: SealedBlob = stalled.seal(&late_place, b"late").await.unwrap();
    engine.rotate_keys(&fixture.caller).await.unwrap();
    settled(&fixture, engine).await;
    retired(&fixture, engine, 1).await;
    let put = Change::PutCredential {
        account: account.clone(),
        generation: stored.generation + 1,
        sealed: late,
        at: fixture.now(),
    };
    fixture.store.commit(Changes::from(put)).await.unwrap();
    engine.reconcile_keys(false).await.unwrap();
    let begun = Instant::now();
    while per_term(&*fixture.store).await.contains_key(&1) {
        assert!(begun.elapsed() < DEADLINE);
        tokio::time::sleep(QUICK.settle).await;
        engine.reconcile_keys(false).await.unwrap();
    }
    let fresh = fixture.keyring(QUICK).await;
    let rescued = fixture.store.credential(&account).await.unwrap().unwrap();
    assert_eq!(&**fresh.open(&late_place, &rescued.sealed).unwrap(), b"late");
}

/// A secret that does not open stays as it is and keeps its term; the others move.
#[tokio::test]
async fn secret_that_does_not_open_keeps_its_term() {
    let fixture = fixture().await;
    fixture.connection("keyed", "acmekey").await;
    let engine = &fixture.engine;
    key_account(&fixture, engine, "user_1", "key-number-one").await;
    let broken = key_account(&fixture, engine, "user_2", "key-number-two").await;
    let stored = fixture.store.credential(&broken).await.unwrap().unwrap();
    let mut altered = stored.sealed.clone();
    *altered.0.last_mut().unwrap() ^= 1;
    let place = SealedPlace::Credential(broken, stored.generation);
    let tamper = Change::Reseal { place, from: stored.sealed, to: altered };
    fixture.store.commit(tamper.into()).await.unwrap();
    engine.rotate_keys(&fixture.caller).await.unwrap();
    engine.reconcile_keys(true).await.unwrap();
    let status = engine.keys_status(&fixture.caller).await.unwrap();
    assert_eq!((status.remaining, status.resealing.failed), (1, 1));
    tokio::time::sleep(QUICK.settle).await;
    assert_eq!(engine.retire_key_term(&fixture.caller, 1).await.unwrap_err().code(), ErrorCode::KeyTermInUse);
}

async fn keeper(
    store: &Arc<valetkey_store::SqliteStore>,
    fixture: &EngineFixture,
    current: &MasterKey,
    previous: Option<&MasterKey>,
) -> Result<VaultKeeper, KeyringError> {
    use secrecy::ExposeSecret as _;
    let copy = |key: &MasterKey| MasterKey::from_text(key.to_text().expose_secret()).unwrap();
    let keys = MasterKeys { current: copy(current), previous: previous.map(copy) };
    VaultKeeper::start(store.clone(), keys, fixture.clock.clone(), QUICK).await
}

/// S32, S34: the master key is replaced in one commit; a key that is neither the new nor the old one changes nothing.
#[tokio::test]
async fn master_key_replaced_wraps_every_term_anew() {
    let fixture = fixture().await;
    let place = SealContext { environment: "env_1", record: "ca_1", field: "credential", generation: 1 };
    let (one, two) = (MasterKey::generate().unwrap(), MasterKey::generate().unwrap());
    let store = Arc::new(valetkey_store::SqliteStore::in_memory().unwrap());
    let old = keeper(&store, &fixture, &one, None).await.unwrap();
    let first = old.seal(&place, b"first").await.unwrap();
    let event = |_| {
        let id = fixture.caller.environment.clone();
        Change::InsertEnvironment { id, name: "x".into(), at: fixture.now() }.into()
    };
    old.rotate(event).await.unwrap();
    let second = old.seal(&place, b"second").await.unwrap();

    let before = store.key_terms().await.unwrap();
    let stranger = MasterKey::generate().unwrap();
    for (current, previous) in [(&two, None), (&two, Some(&stranger)), (&stranger, Some(&two))] {
        let refusal = keeper(&store, &fixture, current, previous).await.unwrap_err();
        assert_eq!(refusal, KeyringError::WrongMasterKey { term: 1 });
        assert!(refusal.to_string().contains("previous_master_key"));
    }
    assert_eq!(store.key_terms().await.unwrap(), before, "nothing was changed");

    let new = keeper(&store, &fixture, &two, Some(&one)).await.unwrap();
    for blob in [&first, &second] {
        assert!(new.open(&place, blob).is_ok());
    }
    let after = store.key_terms().await.unwrap();
    assert!(before.iter().zip(&after).all(|(b, a)| b.sealed_key != a.sealed_key && b.term == a.term));
    let only_new = keeper(&store, &fixture, &two, None).await.unwrap();
    assert_eq!(&**only_new.open(&place, &second).unwrap(), b"second");
    assert_eq!(
        keeper(&store, &fixture, &one, None).await.unwrap_err(),
        KeyringError::WrongMasterKey { term: 1 }
    );
    // The one that runs with the old key goes on with what it has.
    assert_eq!(&**old.open(&place, &first).unwrap(), b"first");
}
