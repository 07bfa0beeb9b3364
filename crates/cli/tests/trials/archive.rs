//! Backups taken while a server works, and databases that are copies.

use std::{
    collections::BTreeSet,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};

use crate::{
    fleet::{Caller, Fleet, Replica, STRICT, eventually, sized},
    provider::{Provider, Rules, Verdict},
};

/// Imports an account of a fresh grant.
async fn import(caller: &Caller, url: &str, identifier: &str, provider: &Provider) -> Result<(), String> {
    let (_, access_token, refresh_token) = provider.grant();
    let body = json!({
        "connection_name": "load", "identifier": identifier, "skip_probe": true,
        "credential": {"oauth": {"access_token": access_token, "refresh_token": refresh_token, "scopes": ["read"]}},
    });
    caller
        .call(url, "POST", "/accounts", Some(body))
        .await
        .map(drop)
        .map_err(|refusal| format!("{refusal:?}"))
}

/// The identifiers of all accounts.
async fn identifiers(caller: &Caller, url: &str) -> BTreeSet<String> {
    let (mut found, mut after) = (BTreeSet::new(), String::new());
    loop {
        let path = format!("/accounts?page_size=100{after}");
        let page = caller.call(url, "GET", &path, None).await.unwrap();
        let items = page["items"].as_array().unwrap();
        found.extend(items.iter().map(|item| item["identifier"].as_str().unwrap().to_owned()));
        match page["next_page_token"].as_str() {
            Some(next) if !next.is_empty() => after = format!("&page_token={next}"),
            _ => return found,
        }
    }
}

/// Alters one byte of a file.
fn tamper(file: &Path, tampered: &Path) {
    let mut bytes = std::fs::read(file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    std::fs::write(tampered, bytes).unwrap();
}

/// R19: an online backup under load is whole: everything that was acknowledged before it began is in it. A tampered one
/// is refused (S38), and nothing is made of it.
#[tokio::test(flavor = "multi_thread")]
async fn backup_under_load_holds_everything_acknowledged_before() {
    let provider = Provider::start(Rules::default()).await;
    let fleet = Fleet::sqlite();
    let server = fleet.start();
    let caller = Caller::of(&server).await;
    caller.connection(&server, "load", STRICT, &provider).await;
    let (over, acknowledged) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(BTreeSet::new())));
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let (caller, url, provider) = (caller.clone(), server.url.clone(), provider.clone());
            let (over, acknowledged) = (Arc::clone(&over), Arc::clone(&acknowledged));
            tokio::spawn(async move {
                for n in 0.. {
                    if over.load(Ordering::Relaxed) {
                        return;
                    }
                    let identifier = format!("u{writer}-{n}");
                    import(&caller, &url, &identifier, &provider).await.unwrap();
                    acknowledged.lock().unwrap().insert(identifier);
                }
            })
        })
        .collect();
    for round in 0..sized(2, 20) {
        let enough = 50 * (round + 1);
        eventually("accounts are written", Duration::from_secs(30), || async {
            (acknowledged.lock().unwrap().len() >= enough).then_some(())
        })
        .await;
        let before = acknowledged.lock().unwrap().clone();
        let file = fleet.path().join(format!("backup-{round}.vk"));
        let name = file.to_str().unwrap();
        fleet.run(&["backup", name]).await.unwrap();
        assert!(acknowledged.lock().unwrap().len() > before.len(), "it was written to meanwhile");
        let good = fleet.run(&["verify", name]).await.unwrap();
        assert!(good.contains("Every secret in it opens"), "{good}");
        assert!(fleet.run(&["backup", name]).await.unwrap_err().contains("is not overwritten"));

        let other = Fleet::sqlite();
        let tampered = other.path().join("tampered.vk");
        tamper(&file, &tampered);
        for command in ["verify", "restore", "import"] {
            let refused = other.run(&[command, "tampered.vk"]).await.unwrap_err();
            assert!(refused.contains("altered"), "{command}: {refused}");
        }
        assert!(!other.path().join("valetkey.db").exists());

        let restored = other.run(&["restore", name]).await.unwrap();
        assert!(restored.contains("valetkey store confirm"), "{restored}");
        let copy = other.start();
        let there = identifiers(&Caller::of(&copy).await, &copy.url).await;
        let missing: Vec<_> = before.difference(&there).collect();
        assert!(missing.is_empty(), "{missing:?}");
        copy.terminate();
        assert!(other.run(&["restore", name]).await.unwrap_err().contains("not empty"));
    }
    over.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.await.unwrap();
    }
    server.terminate();
    assert_eq!(provider.count(Verdict::Reuse), 0);
}

/// A fleet with accounts whose access tokens live, and the server on it.
async fn with_accounts(fleet: &Fleet, provider: &Provider) -> (Replica, Caller, Vec<String>) {
    let server = fleet.start();
    let caller = Caller::of(&server).await;
    caller.connection(&server, "copies", STRICT, provider).await;
    let mut ids = Vec::new();
    for n in 0..5 {
        let lives = time::Duration::hours(1);
        ids.push(caller.account(&server, "copies", &format!("u{n}"), provider, lives).await.0);
    }
    (server, caller, ids)
}

/// The copy serves what still works and renews nothing.
async fn serves_and_renews_nothing(copy: &Replica, caller: &Caller, ids: &[String], provider: &Provider) {
    let calls = provider.calls().len();
    for id in ids {
        caller.me(&copy.url, STRICT, id).await.unwrap();
        assert_eq!(caller.refresh(&copy.url, id).await.unwrap_err().code, "grant_frozen");
    }
    let status: Value = caller.call(&copy.url, "GET", "/store", None).await.unwrap();
    assert_eq!(status["frozen"]["accounts"], ids.len(), "{status}");
    assert_eq!(provider.calls().len(), calls, "the provider was asked");
}

/// R18: a backup that is older than several rotations spends no refresh token again, after however many restarts.
#[tokio::test(flavor = "multi_thread")]
async fn backup_older_than_rotations_is_restored_frozen() {
    let provider = Provider::start(Rules::default()).await;
    let fleet = Fleet::sqlite();
    let (server, caller, ids) = with_accounts(&fleet, &provider).await;
    let file = fleet.path().join("old.vk");
    let name = file.to_str().unwrap();
    fleet.run(&["backup", name]).await.unwrap();
    for _ in 0..3 {
        for id in &ids {
            // Refused politely if it comes too soon after the one before.
            eventually("a refresh", Duration::from_secs(30), || async {
                caller.refresh(&server.url, id).await.ok()
            })
            .await;
        }
    }
    server.terminate();
    let rotated = provider.count(Verdict::Granted);
    assert!(rotated >= 3 * ids.len(), "{rotated}");

    let other = Fleet::sqlite();
    other.run(&["restore", name]).await.unwrap();
    for _ in 0..2 {
        let copy = other.start();
        let caller = Caller::of(&copy).await;
        serves_and_renews_nothing(&copy, &caller, &ids, &provider).await;
        copy.kill();
    }
    assert_eq!((provider.count(Verdict::Reuse), provider.dead()), (0, Vec::new()));
}

/// R18: a copy made with `cp` renews nothing until the operator says that it is the one that goes on.
#[tokio::test(flavor = "multi_thread")]
async fn copied_database_renews_nothing_until_it_is_confirmed() {
    let provider = Provider::start(Rules::default()).await;
    let fleet = Fleet::sqlite();
    let (server, _, ids) = with_accounts(&fleet, &provider).await;
    server.terminate();
    let other = Fleet::sqlite();
    for name in ["valetkey.db", "valetkey.db.home"] {
        std::fs::copy(fleet.path().join(name), other.path().join(name)).unwrap();
    }
    let copy = other.start();
    let caller = Caller::of(&copy).await;
    serves_and_renews_nothing(&copy, &caller, &ids, &provider).await;
    caller.call(&copy.url, "POST", "/store/confirm", Some(json!({}))).await.unwrap();
    for id in &ids {
        caller.refresh(&copy.url, id).await.unwrap();
        caller.me(&copy.url, STRICT, id).await.unwrap();
    }
    assert_eq!(provider.count(Verdict::Granted), ids.len());
    assert_eq!((provider.count(Verdict::Reuse), provider.dead()), (0, Vec::new()));
    copy.terminate();
}

/// From SQLite to PostgreSQL and back without asking a provider for anything; the one that was left renews nothing, the
/// next one goes on at once.
#[tokio::test(flavor = "multi_thread")]
async fn database_moved_to_the_other_kind_and_back_goes_on() {
    let provider = Provider::start(Rules::default()).await;
    let fleets = [Fleet::sqlite(), Fleet::postgres().await, Fleet::sqlite()];
    let (server, caller, ids) = with_accounts(&fleets[0], &provider).await;
    let refused = fleets[0].run(&["export", "--move", "running.vk"]).await.unwrap_err();
    assert!(refused.contains("is running"), "{refused}");
    caller.refresh(&server.url, &ids[0]).await.unwrap();
    server.terminate();
    for (n, pair) in fleets.windows(2).enumerate() {
        let file = pair[0].path().join("moved.vk");
        let name = file.to_str().unwrap();
        eventually("the server is gone", Duration::from_secs(30), || async {
            pair[0].run(&["export", "--move", name]).await.ok()
        })
        .await;
        pair[1].run(&["import", "--move", name]).await.unwrap();
        let next = pair[1].start();
        let caller = Caller::of(&next).await;
        let status = caller.call(&next.url, "GET", "/store", None).await.unwrap();
        assert!(status["frozen"].is_null(), "{status}");
        for id in &ids {
            caller.me(&next.url, STRICT, id).await.unwrap();
        }
        caller.refresh(&next.url, &ids[n + 1]).await.unwrap();
        let left = pair[0].start();
        let caller = Caller::of(&left).await;
        assert_eq!(caller.refresh(&left.url, &ids[0]).await.unwrap_err().code, "grant_frozen");
        left.terminate();
        next.terminate();
    }
    let export = fleets[2].path().join("export.vk");
    let name = export.to_str().unwrap();
    fleets[2].run(&["export", name]).await.unwrap();
    let not_left = fleets[2].run(&["import", "--move", name]).await.unwrap_err();
    assert!(not_left.contains("was not left"), "{not_left}");
    assert_eq!((provider.count(Verdict::Granted), provider.count(Verdict::Reuse)), (3, 0));
}
