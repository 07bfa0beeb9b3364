//! Many callers at expiry: one refresh, nobody fails.

use std::time::{Duration, Instant};

use futures::{StreamExt as _, stream};

use crate::{
    fleet::{Caller, Fleet, Replica, STRICT, sized},
    provider::{Provider, Rules, Verdict},
};

const ACCOUNTS: usize = 100;
const CALLERS: usize = 200;
/// Calls under way at the same time: more than any account has refreshes, few enough for one machine.
const AT_ONCE: usize = 400;
const PROVIDER_TAKES: Duration = Duration::from_millis(200);

/// One expiry: `callers` calls on each account, spread over the replicas, all accounts at once.
async fn expiry(
    caller: &Caller,
    replicas: &[Replica],
    provider: &Provider,
    round: usize,
    (accounts, callers): (usize, usize),
) -> Vec<Duration> {
    let hour_ago = time::Duration::hours(-1);
    let mut ids = Vec::new();
    for n in 0..accounts {
        let identifier = format!("user-{round}-{n}");
        ids.push(caller.account(&replicas[0], "crowd", &identifier, provider, hour_ago).await.0);
    }
    let granted = provider.count(Verdict::Granted);
    // Caller after caller, each of another account: every account has its callers under way while it is refreshed.
    let calls = (0..callers).flat_map(|c| (0..accounts).map(move |a| (c, a)));
    let mut times: Vec<Duration> = stream::iter(calls)
        .map(|(c, a)| {
            let url = &replicas[(c + a) % replicas.len()].url;
            let account = &ids[a];
            async move {
                let begun = Instant::now();
                let answer = caller.me(url, STRICT, account).await;
                assert!(answer.is_ok(), "a caller failed: {answer:?}");
                begun.elapsed()
            }
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    assert_eq!(provider.count(Verdict::Granted) - granted, accounts, "one expiry, one refresh");
    times.sort_unstable();
    times
}

async fn crowd(fleet: &Fleet, replicas: usize, rounds: usize) {
    let rules = Rules { delay: PROVIDER_TAKES, ..Rules::default() };
    let provider = Provider::start(rules).await;
    let replicas: Vec<_> = (0..replicas).map(|_| fleet.start()).collect();
    let caller = Caller::of(&replicas[0]).await;
    caller.connection(&replicas[0], "crowd", STRICT, &provider).await;
    let callers = sized(CALLERS / 4, CALLERS);
    for round in 0..rounds {
        let times = expiry(&caller, &replicas, &provider, round, (ACCOUNTS, callers)).await;
        let at = |share: usize| times[times.len() * share / 100];
        println!("{} replicas, expiry {round}: p50 {:?}, p99 {:?}", replicas.len(), at(50), at(99));
    }
    assert_eq!(provider.count(Verdict::Reuse), 0, "reuses at the provider");
    assert_eq!(provider.dead(), Vec::<usize>::new(), "grants that died");
    let (calls, refused) = provider.api_calls();
    assert_eq!(
        (calls, refused),
        ((rounds * ACCOUNTS * callers) as u64, 0),
        "every token that arrived was good"
    );
}

/// R1, I1.
#[tokio::test(flavor = "multi_thread")]
async fn crowd_at_expiry_on_one_server_refreshes_once() {
    crowd(&Fleet::sqlite(), 1, sized(3, 20)).await;
}

/// R2, I1: three replicas on one PostgreSQL with nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn crowd_at_expiry_on_three_replicas_refreshes_once() {
    crowd(&Fleet::postgres().await, 3, sized(2, 20)).await;
}

/// R1 by its letter: 200 callers on one account at the same instant.
#[tokio::test(flavor = "multi_thread")]
async fn crowd_of_two_hundred_on_one_account_refreshes_once() {
    let provider = Provider::start(Rules { delay: PROVIDER_TAKES, ..Rules::default() }).await;
    let fleet = Fleet::sqlite();
    let replicas = [fleet.start()];
    let caller = Caller::of(&replicas[0]).await;
    caller.connection(&replicas[0], "crowd", STRICT, &provider).await;
    for round in 0..sized(3, 20) {
        expiry(&caller, &replicas, &provider, round, (1, CALLERS)).await;
    }
    assert_eq!(provider.count(Verdict::Reuse), 0);
}
