//! Steady load with a few faults for a long time: nothing grows, nothing is lost.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

use crate::{
    fleet::{Caller, Fleet, GRACE, sized, soak},
    provider::{Cut, Provider, Rules, Verdict},
};

/// R22: an hour in `./x soak`, a few seconds in `./x test`. One renewal in a hundred is cut, refused or slow; the provider
/// forgives, so every account lives to the end. Memory and open files stay where they were once the server was warm.
#[tokio::test(flavor = "multi_thread")]
async fn load_with_a_few_faults_leaks_and_loses_nothing() {
    let rules = Rules {
        delay: Duration::from_millis(20),
        grace: Some(Duration::from_secs(30)),
        access_ttl: Duration::from_secs(4),
        ..Rules::default()
    };
    let provider = Provider::start(rules.clone()).await;
    let fleet = Fleet::sqlite();
    let server = fleet.start();
    let caller = Caller::of(&server).await;
    caller.connection(&server, "steady", GRACE, &provider).await;
    let mut ids = Vec::new();
    for n in 0..50 {
        let lives = time::Duration::seconds(4);
        ids.push(caller.account(&server, "steady", &format!("u{n}"), &provider, lives).await.0);
    }
    let (ids, lasts) = (Arc::new(ids), Duration::from_secs(sized(12, 3600)));
    let until = Instant::now() + lasts;
    let workers: Vec<_> = (0..sized(4, 16_usize))
        .map(|worker| {
            let (caller, url, ids) = (caller.clone(), server.url.clone(), ids.clone());
            tokio::spawn(async move {
                let (mut n, mut failed) = (worker, 0_u32);
                while Instant::now() < until {
                    n += 1;
                    failed += u32::from(caller.me(&url, GRACE, &ids[n % ids.len()]).await.is_err());
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                (n - worker, failed)
            })
        })
        .collect();
    let mut random = StdRng::seed_from_u64(22);
    tokio::time::sleep(lasts / 4).await;
    let warm = server.usage();
    while Instant::now() < until {
        // A moment of trouble now and then.
        let fault = random.random_range(0..3);
        provider.rule(|now| match fault {
            0 => now.cut = Cut::After,
            1 => now.refusal = Some((503, Some("1".to_owned()), "maintenance".to_owned())),
            _ => now.delay = Duration::from_secs(1),
        });
        tokio::time::sleep(Duration::from_millis(50)).await;
        provider.rule(|now| *now = rules.clone());
        tokio::time::sleep(Duration::from_millis(random.random_range(1_000..8_000))).await;
    }
    let (mut calls, mut failed) = (0, 0);
    for worker in workers {
        let (made, lost) = worker.await.unwrap();
        calls += made;
        failed += lost;
    }
    let end = server.usage();
    println!(
        "{calls} calls, {failed} failed, {} refreshes; {warm:?} → {end:?}",
        provider.count(Verdict::Granted)
    );
    assert!(provider.count(Verdict::Granted) > ids.len());
    assert_eq!(provider.count(Verdict::Reuse), 0);
    assert_eq!(provider.dead(), Vec::<usize>::new());
    assert!(end.files <= warm.files + 16, "files stay open: {warm:?} → {end:?}");
    if soak() {
        assert!(end.resident_kib <= warm.resident_kib + warm.resident_kib / 20, "{warm:?} → {end:?}");
    }
}
