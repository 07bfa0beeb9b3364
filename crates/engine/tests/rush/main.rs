//! Tens of thousands of accounts that come due at the same time, in time that is not real: the background with its lanes,
//! the breaker and real storage, against a provider that counts.
#![expect(clippy::unwrap_used, reason = "tests: a panic is the failure")]

mod crowd;
mod provider;

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;
use valetkey_domain::{AccountStatus, PageRequest, Store as _, store::AccountFilter};
use valetkey_engine::{AccountRef, Background, BackgroundSettings, ExecuteTool};

use crowd::Crowd;
use provider::Provider;

/// How many accounts are in a status.
async fn count(crowd: &Crowd, status: AccountStatus) -> u64 {
    let filter = AccountFilter { status: Some(status), ..AccountFilter::default() };
    let page = PageRequest { size: 1, cursor: None };
    crowd.store.accounts(&crowd.caller.environment, &filter, &page).await.unwrap().total
}

/// Calls a tool with one of the accounts; whether it worked.
async fn works(crowd: &Crowd, nth: usize) -> bool {
    let account = AccountRef::id(crowd.accounts[nth].as_str());
    let call = ExecuteTool::new(account, "rush_get_me", json!({}));
    crowd.engine.execute_tool(&crowd.caller, call).await.is_ok()
}

/// R10: ten thousand accounts come due in one second. The provider bears 50 renewals at once and 100 per second, and gets
/// no more; all are renewed within 110 seconds, and callers notice nothing.
#[tokio::test(start_paused = true)]
async fn accounts_due_in_one_second_are_renewed_at_the_pace_of_their_provider() {
    const ACCOUNTS: usize = 10_000;
    let provider = Provider::new(Duration::from_millis(200));
    let crowd = Crowd::of(ACCOUNTS, time::Duration::minutes(5), &provider).await;
    let began = Instant::now();
    let background = Background::start(&crowd.engine, BackgroundSettings::default());
    let mut failed = 0;
    while provider.granted() < ACCOUNTS {
        assert!(began.elapsed() < Duration::from_secs(110), "{} renewed", provider.granted());
        tokio::time::sleep(Duration::from_secs(1)).await;
        failed += usize::from(!works(&crowd, provider.granted() % ACCOUNTS).await);
    }
    background.stop().await;
    crowd.engine.drain().await;
    let (at_once, per_second) = provider.most();
    println!("{ACCOUNTS} renewed in {:?}, {at_once} at once, {per_second} in a second", began.elapsed());
    assert_eq!(failed, 0, "callers that noticed");
    // A call that needs a token may renew beside the background.
    assert!(at_once <= 51, "{at_once} at once");
    assert!(per_second <= 102, "{per_second} in a second");
    assert_eq!((provider.granted(), provider.reuses()), (ACCOUNTS, 0));
}

/// Accounts of the outage: in `./x test`, and in `./x soak`.
fn crowd_of_the_outage() -> usize {
    if std::env::var_os("VALETKEY_SOAK").is_some() { 100_000 } else { 4_000 }
}

/// R6: an hour's outage with thousands of accounts due (a hundred thousand in the long run). Nobody is flagged, the provider is asked once a second at
/// most, living tokens are served; a minute after the end callers get on, and the crowd does not fall upon the provider.
#[tokio::test(start_paused = true)]
async fn outage_of_an_hour_with_a_crowd_due_harms_nobody() {
    const OUTAGE: Duration = Duration::from_secs(3600);
    let provider = Provider::new(Duration::from_millis(200));
    // Half an hour of life is left when the provider fails.
    let accounts = crowd_of_the_outage();
    let crowd = Crowd::of(accounts, time::Duration::minutes(30), &provider).await;
    provider.fail(true);
    let began = Instant::now();
    let background = Background::start(&crowd.engine, BackgroundSettings::default());
    let mut served = 0;
    while began.elapsed() < OUTAGE {
        tokio::time::sleep(Duration::from_secs(30)).await;
        let lives = began.elapsed() < Duration::from_secs(29 * 60);
        let nth = usize::try_from(began.elapsed().as_secs()).unwrap() * 17 % accounts;
        let worked = works(&crowd, nth).await;
        assert!(worked || !lives, "a living token was not served after {:?}", began.elapsed());
        served += usize::from(worked);
    }
    let asked = provider.asked();
    println!("{asked} token calls in an hour of outage, {served} calls served");
    assert!(asked <= 3600 + 10, "{asked} token calls");
    assert_eq!(count(&crowd, AccountStatus::Active).await, accounts as u64, "somebody was flagged");

    provider.fail(false);
    let ended = Instant::now();
    let (mut asked, mut well) = (0, 0);
    while ended.elapsed() < Duration::from_secs(60) {
        tokio::time::sleep(Duration::from_millis(300)).await;
        well += usize::from(works(&crowd, asked * 499 % accounts).await);
        asked += 1;
    }
    println!("{well} of {asked} callers got on in the minute after the end");
    assert!(asked > 100 && well * 10 >= asked * 9, "{well} of {asked}");
    let mut well = 0;
    for nth in 0..100 {
        well += usize::from(works(&crowd, nth * 97 % accounts).await);
    }
    assert!(well >= 99, "{well} of 100 a minute after the end");
    tokio::time::sleep(Duration::from_secs(5)).await;
    let (at_once, per_second) = provider.most();
    println!("{} renewed, {at_once} at once, {per_second} in a second", provider.granted());
    assert!(at_once <= 60 && per_second <= 110, "{at_once} at once, {per_second} in a second");
    assert!(provider.granted() > 200, "the background goes on");
    background.stop().await;
    assert_eq!(provider.reuses(), 0);
}

/// The least of all crowds: the background finds what is due.
#[tokio::test(start_paused = true)]
async fn crowd_of_one_is_renewed_ahead_of_its_expiry() {
    let provider = Provider::new(Duration::from_millis(200));
    let crowd = Crowd::of(1, time::Duration::minutes(5), &provider).await;
    let background = Background::start(&crowd.engine, BackgroundSettings::default());
    let renewed = async {
        while provider.granted() == 0 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), renewed).await.unwrap();
    background.stop().await;
}
