//! More callers than connections to the database.

use std::time::{Duration, Instant};

use futures::{StreamExt as _, stream};

use crate::{
    fleet::{Caller, Fleet, STRICT},
    provider::{Provider, Rules, Verdict},
};

/// R15: 500 calls at once on a database that gives out few connections. Nothing stands still, and health is told at once.
#[tokio::test(flavor = "multi_thread")]
async fn callers_by_hundreds_with_few_connections_all_get_on() {
    let provider = Provider::start(Rules { delay: Duration::from_millis(100), ..Rules::default() }).await;
    let fleet = Fleet::postgres().await;
    let admin = fleet.database().unwrap().connect().await;
    let name = fleet.database().unwrap().url();
    let name = name.split('?').next().unwrap().rsplit('/').next().unwrap().to_owned();
    admin.batch_execute(&format!("ALTER DATABASE {name} CONNECTION LIMIT 12")).await.unwrap();
    let server = fleet.start();
    let caller = Caller::of(&server).await;
    caller.connection(&server, "pool", STRICT, &provider).await;
    let mut ids = Vec::new();
    for n in 0..50 {
        let expired = time::Duration::hours(-1);
        ids.push(caller.account(&server, "pool", &format!("u{n}"), &provider, expired).await.0);
    }
    let health = {
        let url = server.url.clone();
        tokio::spawn(async move {
            let http = reqwest::Client::builder().no_proxy().build().unwrap();
            let mut slowest = Duration::ZERO;
            for _ in 0..40 {
                let begun = Instant::now();
                assert!(http.get(format!("{url}/healthz")).send().await.unwrap().status().is_success());
                slowest = slowest.max(begun.elapsed());
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            slowest
        })
    };
    let answers: Vec<_> = stream::iter(0..500)
        .map(|n| {
            let (caller, url, id) = (&caller, &server.url, &ids[n % ids.len()]);
            async move {
                let begun = Instant::now();
                let answer = caller.me(url, STRICT, id).await;
                (begun.elapsed(), answer)
            }
        })
        .buffer_unordered(500)
        .collect()
        .await;
    for (took, answer) in &answers {
        // Refused for want of capacity is an answer; standing still is not.
        let told = answer.as_ref().err().map(|refusal| (refusal.status, refusal.code.as_str()));
        assert!(
            told.is_none_or(|told| matches!(told, (503, "overloaded" | "storage_unavailable"))),
            "{answer:?}"
        );
        assert!(*took < Duration::from_secs(30), "{took:?}");
    }
    let good = answers.iter().filter(|(_, answer)| answer.is_ok()).count();
    println!("{good} of 500 answered, health within {:?}", health.await.unwrap());
    assert!(good >= 450, "{good} of 500");
    assert_eq!(provider.count(Verdict::Reuse), 0);
    assert_eq!(provider.dead(), Vec::<usize>::new());
    for id in &ids {
        assert!(caller.me(&server.url, STRICT, id).await.is_ok(), "everything works afterwards");
    }
}
