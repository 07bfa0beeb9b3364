//! A database that is restarted under processes that go on.

use std::{sync::Arc, time::Duration};

use valetkey_domain::Store;
use valetkey_store::{PostgresOptions, PostgresStore};
use valetkey_testkit::{postgres::Database, store_contract::Fixture};

use crate::{
    instances::{hasty, join, leased, lock_holder, with_credential},
    leases::{end, end_wakes, is_listened_to},
    server::Server,
    until,
};

/// R9: after an outage everybody has to come back, and nobody is taken for dead because somebody else was faster. Leases
/// last through it, and who waits is woken again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn instances_survive_a_restart_of_the_database() {
    let server = Server::start();
    let database = Database::create_on(server.url.clone()).await;
    let options = PostgresOptions { gone_after: Duration::from_secs(2), ..hasty() };
    let open = async || Arc::new(PostgresStore::open_with(&database.url().into(), options).await.unwrap());
    let (one, two) = (open().await, open().await);
    let f = Fixture::new(one.clone()).await;
    let account = with_credential(&f).await;
    let numbers = [join(&one, &f).await, join(&two, &f).await];
    f.commit(leased(&f, &account, 1, numbers[0])).await.unwrap();
    two.refresh_ended(&account.id, Duration::ZERO).await;
    // Both are steady observers by now: without the outage each could tell that the other is gone.
    tokio::time::sleep(options.gone_after).await;
    for _ in 0..2 {
        server.run("halt");
        // Longer than what makes an instance stale: that is the outage.
        tokio::time::sleep(options.gone_after + Duration::from_millis(500)).await;
        server.run("resume");
        let client = database.connect().await;
        until("both hold their locks again", async || {
            for store in [&one, &two] {
                assert_eq!(store.gone_instances().await.unwrap(), []);
                assert_eq!(store.stale_refreshes(f.now(), 9).await.unwrap(), []);
            }
            let [first, second] = numbers;
            lock_holder(&client, first).await.is_some() && lock_holder(&client, second).await.is_some()
        })
        .await;
    }
    assert_eq!([join(&one, &f).await, join(&two, &f).await], numbers);
    assert_eq!(one.frozen().await.unwrap(), None, "a crash of the server is no restore");

    let client = database.connect().await;
    until("it listens again", async || is_listened_to(&client).await).await;
    f.commit(end(&f, &account, 1)).await.unwrap();
    let mut woken = 0;
    for fence in 2..=4 {
        f.commit(leased(&f, &account, fence, numbers[0])).await.unwrap();
        woken += u32::from(end_wakes(&f, &account, fence, &*two).await);
    }
    assert!(woken >= 2, "{woken}");

    // That nobody was taken for dead was not for want of an observer.
    one.close();
    until("the one that ended is gone", async || two.gone_instances().await.unwrap() == numbers[..1]).await;
}
