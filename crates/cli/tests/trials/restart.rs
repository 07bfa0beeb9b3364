//! Replicas replaced one by one while they work.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use crate::{
    fleet::{Caller, Fleet, STRICT, sized},
    provider::{Provider, Rules, Verdict},
};

/// R16: rolling restart by SIGTERM under load. Callers are led to the replicas that are up, as a balancer would do.
#[tokio::test(flavor = "multi_thread")]
async fn replicas_restarted_in_turn_under_load_lose_nothing() {
    // Tokens live four seconds, so that there is always something to renew.
    let rules =
        Rules { delay: Duration::from_millis(100), access_ttl: Duration::from_secs(4), ..Rules::default() };
    let provider = Provider::start(rules).await;
    let fleet = Fleet::postgres().await;
    let mut replicas: Vec<_> = (0..3).map(|_| fleet.start()).collect();
    let caller = Caller::of(&replicas[0]).await;
    caller.connection(&replicas[0], "rolling", STRICT, &provider).await;
    let mut ids = Vec::new();
    for n in 0..30 {
        let lives = time::Duration::seconds(4);
        ids.push(caller.account(&replicas[0], "rolling", &format!("u{n}"), &provider, lives).await.0);
    }
    let ids = Arc::new(ids);
    let urls = Arc::new(std::sync::Mutex::new(replicas.iter().map(|r| r.url.clone()).collect::<Vec<_>>()));
    let (over, calls) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let load: Vec<_> = (0..8)
        .map(|worker| {
            let (caller, ids, urls) = (caller.clone(), ids.clone(), urls.clone());
            let (over, calls) = (over.clone(), calls.clone());
            tokio::spawn(async move {
                let mut n = worker;
                let mut failures = Vec::new();
                while !over.load(Ordering::Relaxed) {
                    n += 7;
                    let url = {
                        let urls = urls.lock().unwrap();
                        urls[n % urls.len()].clone()
                    };
                    if let Err(refusal) = caller.me(&url, STRICT, &ids[n % ids.len()]).await {
                        failures.push(refusal);
                    }
                    calls.fetch_add(1, Ordering::Relaxed);
                }
                failures
            })
        })
        .collect();
    for _ in 0..sized(3, 50) {
        let leaving = replicas.remove(0);
        // The balancer takes it out first; what is under way there is finished.
        urls.lock().unwrap().retain(|url| *url != leaving.url);
        tokio::time::sleep(Duration::from_millis(300)).await;
        let took = leaving.terminate();
        assert!(took < Duration::from_secs(30), "drained in {took:?}");
        let fresh = fleet.start();
        urls.lock().unwrap().push(fresh.url.clone());
        replicas.push(fresh);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    over.store(true, Ordering::Relaxed);
    for worker in load {
        let failures = worker.await.unwrap();
        assert!(failures.is_empty(), "{} calls failed, first: {:?}", failures.len(), failures.first());
    }
    println!("{} calls, {} refreshes", calls.load(Ordering::Relaxed), provider.count(Verdict::Granted));
    assert!(provider.count(Verdict::Granted) > ids_len(&ids), "tokens were renewed during the trial");
    assert_eq!(provider.count(Verdict::Reuse), 0);
    assert_eq!(provider.dead(), Vec::<usize>::new());
}

fn ids_len(ids: &[String]) -> usize {
    ids.len()
}
