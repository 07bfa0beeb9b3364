//! The keyring rotated while a server works, and killed in the middle.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use serde_json::{Value, json};

use crate::{
    fleet::{Caller, Fleet, STRICT, eventually, sized},
    provider::{Provider, Rules, Verdict},
};

/// R17, S32: rotations under load with a `kill -9` in the middle of each. What was sealed stays readable, the work goes on
/// after a restart, the old terms are retired and nothing needs them.
#[tokio::test(flavor = "multi_thread")]
async fn keyring_rotated_under_load_and_killed_loses_nothing() {
    let seed = 17;
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let provider = Provider::start(Rules::default()).await;
    let fleet = Fleet::sqlite();
    let mut server = fleet.start();
    let mut caller = Caller::of(&server).await;
    caller.connection(&server, "keys", STRICT, &provider).await;
    let mut ids = Vec::new();
    for n in 0..sized(600, 5000) {
        let lives = time::Duration::hours(1);
        ids.push(caller.account(&server, "keys", &format!("u{n}"), &provider, lives).await.0);
    }
    let ids = Arc::new(ids);
    let way = Arc::new(Mutex::new((server.url.clone(), caller.clone())));
    let (over, calls) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let load: Vec<_> = (0..4)
        .map(|worker| {
            let (ids, way) = (Arc::clone(&ids), Arc::clone(&way));
            let (over, calls) = (Arc::clone(&over), Arc::clone(&calls));
            tokio::spawn(async move {
                let mut n = worker;
                let mut failures = Vec::new();
                while !over.load(Ordering::Relaxed) {
                    n += 7;
                    let (url, caller) = way.lock().unwrap().clone();
                    match caller.me(&url, STRICT, &ids[n % ids.len()]).await {
                        Ok(_) => drop(calls.fetch_add(1, Ordering::Relaxed)),
                        // Nobody answers while the server is dead.
                        Err(refusal) if refusal.status == 0 => {
                            tokio::time::sleep(Duration::from_millis(20)).await;
                        }
                        Err(refusal) => failures.push(refusal),
                    }
                }
                failures
            })
        })
        .collect();

    let (mut rounds, mut interrupted) = (0, 0);
    while rounds < sized(3, 20) || (interrupted == 0 && rounds < 30) {
        rounds += 1;
        caller.call(&server.url, "POST", "/keys/rotate", Some(json!({}))).await.unwrap();
        tokio::time::sleep(Duration::from_millis(random.random_range(0..60))).await;
        server.kill();
        server = fleet.start();
        // It is at another address, which a token is for.
        caller = Caller::of(&server).await;
        *way.lock().unwrap() = (server.url.clone(), caller.clone());
        let status = caller.call(&server.url, "GET", "/keys", None).await.unwrap();
        interrupted += usize::from(status["remaining"].as_u64().unwrap() > 0);
    }
    assert!(interrupted > 0, "no rotation was interrupted");
    let status: Value = eventually("everything is sealed anew", Duration::from_secs(60), || async {
        let status = caller.call(&server.url, "GET", "/keys", None).await.unwrap();
        assert_eq!(status["resealing"]["failed"], 0, "{status}");
        (status["remaining"] == 0).then_some(status)
    })
    .await;
    let active = status["active_term"].as_u64().unwrap();
    let terms: BTreeSet<u64> =
        status["terms"].as_array().unwrap().iter().map(|term| term["term"].as_u64().unwrap()).collect();
    for term in terms.into_iter().filter(|term| *term != active) {
        // Not before every process must have heard of the rotation.
        eventually("the term is retired", Duration::from_secs(60), || async {
            caller.call(&server.url, "POST", &format!("/keys/{term}/retire"), Some(json!({}))).await.ok()
        })
        .await;
    }
    over.store(true, Ordering::Relaxed);
    for worker in load {
        let failures = worker.await.unwrap();
        assert!(failures.is_empty(), "{} calls failed, first: {:?}", failures.len(), failures.first());
    }
    println!("{} calls, {interrupted} rotations interrupted", calls.load(Ordering::Relaxed));

    // Nothing is left that a removed term had sealed: every secret opens, also for a process that never knew them.
    fleet.run(&["backup", "after.vk"]).await.unwrap();
    let good = fleet.run(&["verify", "after.vk"]).await.unwrap();
    assert!(good.contains("Every secret in it opens"), "{good}");
    server.terminate();
    let server = fleet.start();
    let caller = Caller::of(&server).await;
    for id in ids.iter() {
        caller.me(&server.url, STRICT, id).await.unwrap();
    }
    assert_eq!(provider.count(Verdict::Reuse), 0);
    server.terminate();
}
