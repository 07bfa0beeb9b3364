//! What callers see of a credential never goes back.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use crate::{
    fleet::{Caller, Fleet, STRICT, sized},
    provider::{Provider, Rules, Verdict},
};

/// One call: when it began and ended, and the rotation of the token that arrived at the provider.
struct Seen {
    account: usize,
    began: Instant,
    ended: Instant,
    rotation: u64,
}

/// R21, I3: the token as a register that is written by refreshes and read by calls on three replicas. A call that began
/// after another one had ended never uses an older token, and no token is used that the provider had not given by then.
#[tokio::test(flavor = "multi_thread")]
async fn tokens_seen_by_callers_never_go_back() {
    let rules =
        Rules { delay: Duration::from_millis(30), access_ttl: Duration::from_secs(2), ..Rules::default() };
    let provider = Provider::start(rules).await;
    let fleet = Fleet::postgres().await;
    let replicas: Vec<_> = (0..3).map(|_| fleet.start()).collect();
    let caller = Caller::of(&replicas[0]).await;
    caller.connection(&replicas[0], "register", STRICT, &provider).await;
    let mut ids = Vec::new();
    for n in 0..5 {
        let lives = time::Duration::seconds(2);
        ids.push(caller.account(&replicas[0], "register", &format!("u{n}"), &provider, lives).await.0);
    }
    let (ids, seen) = (Arc::new(ids), Arc::new(Mutex::new(Vec::new())));
    let until = Instant::now() + Duration::from_secs(sized(12, 300));
    let workers: Vec<_> = (0..12)
        .map(|worker| {
            let (caller, ids, seen) = (caller.clone(), ids.clone(), seen.clone());
            let url = replicas[worker % replicas.len()].url.clone();
            tokio::spawn(async move {
                let mut n = worker;
                while Instant::now() < until {
                    n += 1;
                    let account = n % ids.len();
                    let began = Instant::now();
                    let answer = caller.me(&url, STRICT, &ids[account]).await.unwrap();
                    let rotation = answer["data"]["rotation"].as_u64().unwrap();
                    seen.lock().unwrap().push(Seen { account, began, ended: Instant::now(), rotation });
                    if n % 40 == 0 {
                        // A refresh that somebody asks for, in the middle of it all.
                        caller.refresh(&url, &ids[account]).await.unwrap();
                    }
                }
            })
        })
        .collect();
    for worker in workers {
        worker.await.unwrap();
    }
    let mut seen = std::mem::take(&mut *seen.lock().unwrap());
    println!("{} calls, {} rotations", seen.len(), provider.count(Verdict::Granted));
    assert!(provider.count(Verdict::Granted) > ids.len());
    for account in 0..ids.len() {
        let mut of_account: Vec<_> = seen.iter().filter(|call| call.account == account).collect();
        // Walk by the beginning of calls; the newest token of those that had ended by then is the floor.
        of_account.sort_by_key(|call| call.began);
        let mut by_end = of_account.clone();
        by_end.sort_by_key(|call| call.ended);
        let (mut floor, mut ended) = (0, by_end.into_iter().peekable());
        for call in of_account {
            while let Some(before) = ended.next_if(|other| other.ended < call.began) {
                floor = floor.max(before.rotation);
            }
            assert!(call.rotation >= floor, "account {account}: token {} after {floor}", call.rotation);
        }
    }
    seen.clear();
    assert_eq!(provider.count(Verdict::Reuse), 0);
    assert_eq!(provider.dead(), Vec::<usize>::new());
}
