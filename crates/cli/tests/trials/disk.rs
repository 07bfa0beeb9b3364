//! The disk does not take writes while credentials are due.

use std::{path::PathBuf, process::Command, time::Duration};

use crate::{
    fleet::{Caller, Fleet, STRICT, eventually},
    provider::{Provider, Rules, Verdict},
};

/// Builds the library that makes the disk fail, beside the server.
pub(crate) fn failing_disk(fleet: &Fleet) -> (PathBuf, PathBuf) {
    let library = fleet.path().join("failing_disk.so");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/trials/failing_disk.c");
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .arg(&library)
        .arg(source)
        .arg("-ldl")
        .status()
        .unwrap();
    assert!(built.success());
    (library, fleet.path().join("failing"))
}

/// R13, I2: no request to the provider while its answer could not be stored; calls with a living token go on; it
/// recovers without a restart. After a failed fsync nothing is acknowledged that might not be there.
async fn disk(failure: &str) {
    let provider = Provider::start(Rules::default()).await;
    let mut fleet = Fleet::sqlite();
    let (library, flag) = failing_disk(&fleet);
    fleet.set_raw("LD_PRELOAD", library.to_str().unwrap());
    fleet.set_raw("FAILING_DISK", flag.to_str().unwrap());
    let server = fleet.start();
    let caller = Caller::of(&server).await;
    caller.connection(&server, "disk", STRICT, &provider).await;
    let expired = time::Duration::hours(-1);
    let (due, _) = caller.account(&server, "disk", "due", &provider, expired).await;
    let (living, _) = caller.account(&server, "disk", "living", &provider, time::Duration::hours(1)).await;

    let before = provider.calls().len();
    std::fs::write(&flag, failure).unwrap();
    for _ in 0..5 {
        let refusal = caller.me(&server.url, STRICT, &due).await.unwrap_err();
        assert_eq!(refusal.code, "storage_unavailable", "{refusal:?}");
        let refusal = caller.refresh(&server.url, &living).await.unwrap_err();
        assert_eq!(refusal.code, "storage_unavailable", "{refusal:?}");
    }
    assert_eq!(provider.calls().len(), before, "the provider was asked although nothing could be stored");
    // Reading goes on: the account is what it was.
    assert_eq!(caller.get(&server.url, &due).await["status"], "ACTIVE");

    std::fs::remove_file(&flag).unwrap();
    eventually("it works again without a restart", Duration::from_secs(10), || async {
        caller.me(&server.url, STRICT, &due).await.ok()
    })
    .await;
    caller.refresh(&server.url, &living).await.unwrap();
    assert_eq!(provider.count(Verdict::Reuse), 0);
    assert_eq!(provider.dead(), Vec::<usize>::new());
    // What was acknowledged is there after a crash.
    server.kill();
    let server = fleet.start();
    for id in [&due, &living] {
        assert_eq!(caller.me(&server.url, STRICT, id).await.unwrap()["data"]["rotation"], 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn disk_full_asks_no_provider_and_recovers() {
    disk("full").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn disk_read_only_asks_no_provider_and_recovers() {
    disk("readonly").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn disk_that_does_not_sync_acknowledges_nothing_and_recovers() {
    disk("sync").await;
}

/// R13: the disk fills up between the request and its answer. The new tokens wait for it; they exist nowhere else.
#[tokio::test(flavor = "multi_thread")]
async fn disk_full_while_the_provider_answers_keeps_the_tokens() {
    let provider = Provider::start(Rules { delay: Duration::from_secs(1), ..Rules::default() }).await;
    let mut fleet = Fleet::sqlite();
    let (library, flag) = failing_disk(&fleet);
    fleet.set_raw("LD_PRELOAD", library.to_str().unwrap());
    fleet.set_raw("FAILING_DISK", flag.to_str().unwrap());
    let server = fleet.start();
    let caller = Caller::of(&server).await;
    caller.connection(&server, "disk", STRICT, &provider).await;
    let (id, _) = caller.account(&server, "disk", "u", &provider, time::Duration::hours(1)).await;
    let asked = {
        let (caller, url, id) = (caller.clone(), server.url.clone(), id.clone());
        tokio::spawn(async move { caller.refresh(&url, &id).await })
    };
    eventually("the provider is being asked", Duration::from_secs(10), || async {
        (provider.in_flight() == 1).then_some(())
    })
    .await;
    std::fs::write(&flag, "full").unwrap();
    eventually("the provider has answered", Duration::from_secs(10), || async {
        (provider.in_flight() == 0).then_some(())
    })
    .await;
    eventually("the tokens wait for the disk", Duration::from_secs(10), || async {
        server.log().contains("waits for the database").then_some(())
    })
    .await;
    std::fs::remove_file(&flag).unwrap();
    asked.await.unwrap().unwrap();
    assert_eq!(caller.me(&server.url, STRICT, &id).await.unwrap()["data"]["rotation"], 1);
    assert_eq!(provider.count(Verdict::Reuse), 0);
}
