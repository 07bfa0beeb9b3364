//! `kill -9` at random instants while credentials are being renewed.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use futures::future::join_all;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

use crate::{
    disk::failing_disk,
    fleet::{Caller, Fleet, GRACE, Replica, STRICT, eventually, sized},
    provider::{Provider, Rules, Verdict},
};

const ACCOUNTS: usize = 50;
/// Refreshes asked for per second.
const RATE: f64 = 50.0;

/// What was answered between the two instants went to a process that was dying or gone.
struct Kill {
    at: Instant,
    /// Just before the server is started again.
    over: Instant,
}

struct Trial {
    fleet: Fleet,
    provider: Provider,
    caller: Caller,
    connector: &'static str,
    /// Account ids by grant number.
    accounts: Vec<String>,
    random: StdRng,
}

impl Trial {
    async fn start(connector: &'static str, rules: Rules, seed: u64) -> (Self, Replica) {
        Self::start_on(Fleet::sqlite(), connector, rules, seed).await
    }

    async fn start_on(fleet: Fleet, connector: &'static str, rules: Rules, seed: u64) -> (Self, Replica) {
        println!("seed {seed}");
        let provider = Provider::start(rules).await;
        let server = fleet.start();
        let caller = Caller::of(&server).await;
        caller.connection(&server, "kill", connector, &provider).await;
        let mut accounts = Vec::new();
        for n in 0..ACCOUNTS {
            let lives = time::Duration::hours(1);
            let (id, grant) = caller.account(&server, "kill", &format!("u{n}"), &provider, lives).await;
            assert_eq!(grant, accounts.len());
            accounts.push(id);
        }
        let random = StdRng::seed_from_u64(seed);
        (Self { fleet, provider, caller, connector, accounts, random }, server)
    }

    /// Asks for refreshes at the rate until a random instant, kills the server there and starts it again.
    async fn kill(&mut self, server: Replica) -> (Replica, Kill) {
        let dead: BTreeSet<usize> = self.provider.dead().into_iter().collect();
        let until = Instant::now() + Duration::from_millis(self.random.random_range(200..1200));
        let mut asked = Vec::new();
        while Instant::now() < until {
            let grant = self.random.random_range(0..self.accounts.len());
            if !dead.contains(&grant) {
                let (caller, url, id) =
                    (self.caller.clone(), server.url.clone(), self.accounts[grant].clone());
                asked.push(tokio::spawn(async move { caller.refresh(&url, &id).await.is_ok() }));
            }
            tokio::time::sleep(Duration::from_secs_f64(1.0 / RATE)).await;
        }
        let killed = Instant::now();
        server.kill();
        join_all(asked).await;
        let kill = Kill { at: killed, over: Instant::now() };
        (self.fleet.start(), kill)
    }

    /// Kills the server again and again. How many grants were lost although their answer had left the provider for longer
    /// than it may be on its way.
    async fn lost_by_kills(&mut self, mut server: Replica, kills: usize) -> usize {
        let mut happened = Vec::new();
        for _ in 0..kills {
            let kill;
            (server, kill) = self.kill(server).await;
            happened.push(kill);
            self.everything_alive_works(&server).await;
        }
        // The careful try of a recovery may come long after the kill that it recovers from: what counts is how soon after
        // the answer that was lost the process died.
        let calls = self.provider.calls();
        let avoidably = |grant: &usize| {
            let last = calls.iter().rfind(|call| call.grant == *grant && call.verdict == Verdict::Granted);
            let Some(answered) = last.and_then(|call| call.answered) else { return false };
            let kill = happened.iter().find(|kill| kill.over >= answered);
            let age = kill.map(|kill| kill.at.saturating_duration_since(answered));
            println!("grant {grant}: its last answer left {age:?} before a kill");
            age.is_none_or(|age| age > ON_ITS_WAY)
        };
        let avoidable = self.provider.dead().iter().filter(|grant| avoidably(grant)).count();
        let (granted, lost) = (self.provider.count(Verdict::Granted), self.provider.dead().len());
        println!("{kills} kills, {granted} refreshes, {lost} grants lost, {avoidable} of them avoidably");
        avoidable
    }

    async fn status(&self, server: &Replica, grant: usize) -> String {
        self.caller.get(&server.url, &self.accounts[grant]).await["status"].as_str().unwrap().to_owned()
    }

    /// Every account that the provider still knows works, within five seconds of the restart. A grant may die by the
    /// careful try of its recovery: those are counted at the end.
    async fn everything_alive_works(&self, server: &Replica) {
        join_all((0..self.accounts.len()).map(|grant| async move {
            eventually("an account of a living grant works", Duration::from_secs(5), || async {
                let works = self.caller.me(&server.url, self.connector, &self.accounts[grant]).await.is_ok();
                (works || self.provider.dead().contains(&grant)).then_some(())
            })
            .await;
        }))
        .await;
    }
}

/// Between the provider's sending of an answer and its being in the file, in a debug build on a busy machine.
const ON_ITS_WAY: Duration = Duration::from_millis(150);

/// R4a: an answer that was received is not lost. The provider answers at once, so nearly every refresh in flight has been
/// answered; an avoidable loss is a grant that died by the reuse of a token whose successor had been sent to us a while
/// before the kill.
#[tokio::test(flavor = "multi_thread")]
async fn kill_with_answers_received_loses_no_grant() {
    let (mut trial, server) = Trial::start(STRICT, Rules::default(), 4).await;
    let lost = trial.lost_by_kills(server, sized(20, 200)).await;
    let granted = trial.provider.count(Verdict::Granted);
    assert!(lost <= tolerable(granted), "{lost} of {granted}");
}

/// The losses that a rate of one in a thousand refreshes explains, but for one run in a thousand.
fn tolerable(granted: usize) -> usize {
    let expected = granted as f64 / 1000.0;
    let (mut at_most, mut likelihood, mut sum) = (0, (-expected).exp(), 0.0);
    loop {
        sum += likelihood;
        if sum >= 0.999 {
            return at_most;
        }
        at_most += 1;
        likelihood *= expected / at_most as f64;
    }
}

/// R4a on a disk that takes 300 ms for every fsync: what was received is in the file without waiting for it.
#[tokio::test(flavor = "multi_thread")]
async fn kill_on_a_slow_disk_loses_no_grant() {
    let mut fleet = Fleet::sqlite();
    let (library, flag) = failing_disk(&fleet);
    fleet.set_raw("LD_PRELOAD", library.to_str().unwrap());
    fleet.set_raw("FAILING_DISK", flag.to_str().unwrap());
    std::fs::write(&flag, "delay").unwrap();
    let (mut trial, server) = Trial::start_on(fleet, STRICT, Rules::default(), 7).await;
    let lost = trial.lost_by_kills(server, sized(10, 100)).await;
    let granted = trial.provider.count(Verdict::Granted);
    assert!(lost <= tolerable(granted), "{lost} of {granted}");
}

/// R4b: the answer had not come. Such a grant cannot be saved at a strict provider; each is told as what it is within a
/// minute, tried once, and no other account is blamed.
#[tokio::test(flavor = "multi_thread")]
async fn kill_with_answers_outstanding_is_told_as_unknown() {
    let rules = Rules { delay: Duration::from_millis(300), ..Rules::default() };
    let (mut trial, mut server) = Trial::start(STRICT, rules, 5).await;
    let mut told = BTreeSet::new();
    for _ in 0..sized(5, 50) {
        let before = trial.provider.calls().len();
        let killed;
        (server, Kill { at: killed, .. }) = trial.kill(server).await;
        // Granted at the provider, answer not out before the kill: nobody can have it.
        let affected: BTreeSet<usize> = trial.provider.calls()[before..]
            .iter()
            .filter(|call| call.at < killed && call.verdict == Verdict::Granted)
            .filter(|call| call.answered.is_none_or(|answered| answered > killed))
            .map(|call| call.grant)
            .collect();
        for grant in &affected {
            eventually("an unknown outcome is told", Duration::from_secs(60), || async {
                (trial.status(&server, *grant).await == "EXPIRED").then_some(())
            })
            .await;
            let account = trial.caller.get(&server.url, &trial.accounts[*grant]).await;
            assert_eq!(account["cause"], "refresh_outcome_lost", "{account}");
            let events = trial.caller.events(&server.url, &trial.accounts[*grant]).await;
            assert!(events.iter().any(|event| event["kind"] == "credential.refresh_outcome_unknown"));
            assert!(events.iter().all(|event| event["kind"] != "account.revoked"), "nobody took it away");
        }
        let retries = |grant: &usize| {
            let calls = trial.provider.calls();
            calls.iter().filter(|call| call.at > killed && call.grant == *grant).count()
        };
        assert!(affected.iter().all(|grant| retries(grant) <= 1), "one careful try each");
        told.extend(affected);
    }
    println!("{} grants of unknown outcome", told.len());
    assert!(!told.is_empty(), "the trial must hit refreshes in flight");
    for grant in 0..ACCOUNTS {
        if !told.contains(&grant) {
            let status = trial.status(&server, grant).await;
            // A refresh that was answered at the very instant of the kill is affected without being counted above.
            let lost = trial.provider.dead().contains(&grant);
            assert!(status == "ACTIVE" || lost, "account {grant} is {status}");
        }
    }
}

/// R4c: with a provider that forgives for half a minute nothing is lost at all.
#[tokio::test(flavor = "multi_thread")]
async fn kill_with_a_forgiving_provider_loses_nothing() {
    let rules =
        Rules { delay: Duration::from_millis(100), grace: Some(Duration::from_secs(30)), ..Rules::default() };
    let (mut trial, mut server) = Trial::start(GRACE, rules, 6).await;
    let kills = sized(20, 200);
    for _ in 0..kills {
        server = trial.kill(server).await.0;
        trial.everything_alive_works(&server).await;
    }
    let granted = trial.provider.count(Verdict::Granted);
    println!("{kills} kills, {granted} refreshes, {} asked again", trial.provider.count(Verdict::Repeated));
    assert_eq!(trial.provider.dead(), Vec::<usize>::new());
    for grant in 0..ACCOUNTS {
        assert_eq!(trial.status(&server, grant).await, "ACTIVE");
    }
}

/// R4 on PostgreSQL: a replica dies, another one finds out and goes on, without any restart.
#[tokio::test(flavor = "multi_thread")]
async fn replica_killed_is_taken_over_by_another() {
    let rules =
        Rules { delay: Duration::from_secs(3), grace: Some(Duration::from_secs(60)), ..Rules::default() };
    let provider = Provider::start(rules).await;
    let fleet = Fleet::postgres().await;
    let (dying, other) = (fleet.start(), fleet.start());
    let caller = Caller::of(&dying).await;
    caller.connection(&dying, "kill", GRACE, &provider).await;
    let mut ids = Vec::new();
    for n in 0..10 {
        let lives = time::Duration::hours(1);
        ids.push(caller.account(&dying, "kill", &format!("u{n}"), &provider, lives).await.0);
    }
    for id in &ids {
        let (caller, url, id) = (caller.clone(), dying.url.clone(), id.clone());
        tokio::spawn(async move { caller.refresh(&url, &id).await.is_ok() });
    }
    eventually("the refreshes are with the provider", Duration::from_secs(20), || async {
        (provider.in_flight() == ids.len()).then_some(())
    })
    .await;
    dying.kill();
    provider.rule(|rules| rules.delay = Duration::ZERO);
    // R4b's bound for PostgreSQL: within a minute the survivor has settled every attempt.
    let begun = Instant::now();
    for id in &ids {
        eventually("the survivor settles the attempt", Duration::from_secs(60), || async {
            let events = caller.events(&other.url, id).await;
            let renewed = |event: &serde_json::Value| event["kind"] == "credential.refreshed";
            events.iter().any(renewed).then_some(())
        })
        .await;
    }
    println!("taken over after {:?}", begun.elapsed());
    assert_eq!(provider.count(Verdict::Reuse), 0);
    assert_eq!(provider.dead(), Vec::<usize>::new());
}
