//! Providers that answer after 12, 35 and 65 seconds, and a replica that stands still while it holds leases.

use std::time::Duration;

use crate::{
    fleet::{Caller, Fleet, GRACE, Replica, STRICT, eventually, sized},
    provider::{Provider, Rules, Verdict},
};

/// R3: longer than any lease of the peers, longer than any caller waits. Nothing is asked twice, nothing is lost.
async fn slow(seconds: u64, stopped: bool) {
    let provider = Provider::start(Rules { delay: Duration::from_secs(seconds), ..Rules::default() }).await;
    let fleet = Fleet::postgres().await;
    let replicas: Vec<_> = (0..3).map(|_| fleet.start()).collect();
    let caller = Caller::of(&replicas[0]).await;
    caller.connection(&replicas[0], "slow", STRICT, &provider).await;
    let accounts = sized(4, 20);
    let mut ids = Vec::new();
    for n in 0..accounts {
        let expired = time::Duration::hours(-1);
        ids.push(caller.account(&replicas[0], "slow", &format!("u{n}"), &provider, expired).await.0);
    }
    let callers: Vec<_> = ids
        .iter()
        .flat_map(|id| replicas.iter().map(move |replica| (id.clone(), replica.url.clone())))
        .map(|(id, url)| {
            let caller = caller.clone();
            tokio::spawn(async move { caller.me(&url, STRICT, &id).await })
        })
        .collect();
    if stopped {
        eventually("every refresh is with the provider", Duration::from_secs(20), || async {
            (provider.in_flight() == accounts).then_some(())
        })
        .await;
        // Past its own callers' deadlines and past the heartbeat, while the answers wait in its sockets.
        replicas[1].signal("-STOP");
        tokio::time::sleep(Duration::from_secs(60)).await;
        replicas[1].signal("-CONT");
    }
    for call in callers {
        // Whoever waited out its deadline got an error that says to come back, never a verdict on the account.
        if let Err(refusal) = call.await.unwrap() {
            let retryable = ["upstream_timeout", "renewals_paused", "deadline_exceeded"];
            let lost = stopped && refusal.status == 0;
            assert!(lost || retryable.contains(&refusal.code.as_str()), "{refusal:?}");
        }
    }
    for id in &ids {
        eventually("the account works", Duration::from_secs(90), || async {
            caller.me(&replicas[2].url, STRICT, id).await.ok()
        })
        .await;
        assert_eq!(caller.get(&replicas[2].url, id).await["status"], "ACTIVE");
    }
    assert_eq!(provider.count(Verdict::Reuse), 0, "reuses at the provider");
    assert_eq!(provider.count(Verdict::Granted), accounts, "one refresh each");
    assert_eq!(provider.dead(), Vec::<usize>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn provider_answering_in_12_seconds_loses_nothing() {
    slow(12, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn provider_answering_in_35_seconds_loses_nothing() {
    slow(35, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn provider_answering_in_65_seconds_loses_nothing() {
    slow(65, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn replica_stopped_for_a_minute_while_refreshing_loses_nothing() {
    slow(12, true).await;
}

/// A replica that stands still past its lease: another one takes over, and the late answer never overwrites the newer
/// generation. The provider forgives, so that the takeover itself costs nothing.
#[tokio::test(flavor = "multi_thread")]
async fn replica_stopped_past_its_lease_is_fenced_off() {
    let rules =
        Rules { delay: Duration::from_secs(2), grace: Some(Duration::from_secs(30)), ..Rules::default() };
    let provider = Provider::start(rules).await;
    let mut fleet = Fleet::postgres().await;
    fleet.set("REFRESH_DEADLINE_S", "3");
    fleet.set("ROLE", "api");
    let holder = fleet.start();
    let caller = Caller::of(&holder).await;
    caller.connection(&holder, "slow", GRACE, &provider).await;
    let (id, _) = caller.account(&holder, "slow", "u", &provider, time::Duration::hours(-1)).await;
    let first = {
        let (caller, url, id) = (caller.clone(), holder.url.clone(), id.clone());
        tokio::spawn(async move { caller.me(&url, GRACE, &id).await })
    };
    eventually("the refresh is with the provider", Duration::from_secs(20), || async {
        (provider.in_flight() == 1).then_some(())
    })
    .await;
    holder.signal("-STOP");
    provider.rule(|rules| rules.delay = Duration::ZERO);
    let other: Replica = fleet.start();
    let taken = eventually("another replica takes over", Duration::from_secs(60), || async {
        caller.me(&other.url, GRACE, &id).await.ok()
    })
    .await;
    assert_eq!(taken["data"]["rotation"], 1);
    caller.refresh(&other.url, &id).await.unwrap();
    let newest = caller.me(&other.url, GRACE, &id).await.unwrap()["data"]["rotation"].clone();
    assert_eq!(newest, 2);
    holder.signal("-CONT");
    // Its caller may have an answer or not; what counts is that generation and token stay the newest ones.
    let _ = first.await.unwrap();
    for replica in [&holder, &other] {
        let me = caller.me(&replica.url, GRACE, &id).await.unwrap();
        assert_eq!(me["data"]["rotation"], newest);
    }
    assert_eq!(caller.get(&holder.url, &id).await["status"], "ACTIVE");
    assert_eq!(provider.count(Verdict::Reuse), 0);
}
