//! What lists find and count, whatever indexes and kept counts a store has for them.

use std::sync::Arc;

use valetkey_domain::{
    Account, AccountStatus, Change, Changes, PageRequest, Store,
    event::EventKind,
    overview::OverviewSpan,
    page::Cursor,
    store::{AccountFilter, EventFilter},
};

use super::fixture::{Fixture, assert_conflict};

/// The counts of accounts go with every change, and with none that was refused.
pub async fn accounts_counted_with_every_change(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let connection = f.stored_connection("gmail").await;
    let counted = async || {
        let span = OverviewSpan { since: f.now(), at_most: 10, due_by: f.now() };
        let mut counts = f.store.overview(&f.env, &span).await.unwrap().accounts;
        counts.sort_by_key(|(status, _)| status.as_str());
        counts
    };
    let (active, pending) = (AccountStatus::Active, AccountStatus::Pending);
    let mut accounts = Vec::new();
    for n in 0..3 {
        accounts.push(f.stored_account(&connection, &format!("user_{n}")).await);
    }
    assert_eq!(counted().await, [(pending, 3)]);
    let mut moved = accounts.remove(0).restored(active);
    moved.version += 1;
    f.commit(Change::UpdateAccount(moved.clone())).await.unwrap();
    assert_eq!(counted().await, [(active, 1), (pending, 2)]);
    let counts = f.store.accounts_by_status().await.unwrap();
    let (at, keep_from) = (f.now(), f.now());
    f.commit(Change::PutStatusCounts { at, keep_from, counts }).await.unwrap();
    assert_eq!(counted().await, [(active, 1), (pending, 2)], "adding up changes nothing");
    let refused = Changes::from(Change::DeleteAccount(accounts[0].id.clone()))
        .and(Change::InsertAccount(f.account(&connection, "user_4")))
        .and(Change::UpdateAccount(moved.clone()));
    assert_conflict(f.commit(refused).await, "account");
    assert_eq!(counted().await, [(active, 1), (pending, 2)]);
    moved.version += 1;
    moved.label = Some("the same status".into());
    f.commit(Change::UpdateAccount(moved.clone())).await.unwrap();
    f.commit(Change::DeleteAccount(accounts[0].id.clone())).await.unwrap();
    assert_eq!(counted().await, [(active, 1), (pending, 1)]);
    f.commit(Change::DeleteAccount(moved.id)).await.unwrap();
    assert_eq!(counted().await, [(pending, 1)]);
}

/// A search finds every account that contains what is looked for, of one letter or many, and no other; also what was
/// changed, and not what is gone.
pub async fn accounts_searched_by_any_part_of_their_text(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let (gmail, slack) = (f.stored_connection("gmail").await, f.stored_connection("slack").await);
    let labels = [
        "Ärger im Büro",
        "O'Brien \"the boss\"",
        "100% sure_thing",
        "back\\slash*",
        "日本語テスト",
        "😀 smile 😀",
        "AND OR NOT NEAR(x)",
        "zz",
        "x",
        "",
    ];
    let mut accounts = Vec::new();
    for (n, label) in labels.iter().enumerate() {
        let connection = if n % 2 == 0 { &gmail } else { &slack };
        let status = if n % 3 == 0 { AccountStatus::Active } else { AccountStatus::Pending };
        let mut account = f.account(connection, &format!("user_{n}")).restored(status);
        account.label = Some((*label).to_owned());
        account.organization_id = (n == 4).then(|| "org-é".into());
        f.commit(Change::InsertAccount(account.clone())).await.unwrap();
        accounts.push(account);
    }
    searches_agree(&f, &accounts).await;
    let gone = accounts.remove(5);
    f.commit(Change::DeleteAccount(gone.id)).await.unwrap();
    for (account, label) in accounts.iter_mut().zip(["Quiet", "zz top"]) {
        account.label = Some(label.into());
        account.version += 1;
        f.commit(Change::UpdateAccount(account.clone())).await.unwrap();
    }
    searches_agree(&f, &accounts).await;
}

async fn searches_agree(f: &Fixture, accounts: &[Account]) {
    let text_of = |account: &Account| {
        let optional = [&account.label, &account.organization_id, &account.user_id];
        let fields = [account.id.as_str(), account.identifier.as_str()].into_iter();
        let fields = fields.chain(optional.into_iter().flatten().map(String::as_str));
        fields.map(str::to_lowercase).collect::<Vec<_>>()
    };
    for query in [
        "ÄRGER",
        "är",
        "Ä",
        "ü",
        "büro",
        "'",
        "\"",
        "\"the",
        "%",
        "_",
        "0%",
        "_th",
        "\\",
        "\\s",
        "*",
        "日",
        "日本",
        "本語テ",
        "テスト",
        "😀",
        "😀 s",
        "and",
        "OR",
        "near(",
        "zz",
        "z",
        "x",
        "user_",
        "user_7",
        "er_7",
        "quiet",
        "top",
        "smile",
        "org-É",
        "nobody",
        "qq",
        "ca_",
        "  ",
    ] {
        for (status, connections) in [
            (None, vec![]),
            (Some(AccountStatus::Active), vec![]),
            (None, vec![accounts[0].connection.clone()]),
        ] {
            let sought = query.to_lowercase();
            let fits = |account: &&Account| {
                status.is_none_or(|status| account.status() == status)
                    && (connections.is_empty() || connections.contains(&account.connection))
                    && text_of(account).iter().any(|text| text.contains(&sought))
            };
            let expected: Vec<_> = accounts.iter().rev().filter(fits).map(|account| &account.id).collect();
            let filter = AccountFilter {
                query: Some(query.into()),
                status,
                connections: connections.clone(),
                ..AccountFilter::default()
            };
            let whole = PageRequest { size: 100, cursor: None };
            let found = f.store.accounts(&f.env, &filter, &whole).await.unwrap();
            assert_eq!(
                found.items.iter().map(|account| &account.id).collect::<Vec<_>>(),
                expected,
                "{query}"
            );
            assert_eq!(found.total, expected.len() as u64, "{query}");
            pages_agree(f, &filter, &expected).await;
        }
    }
    let filter = AccountFilter { query: Some("user_".into()), ..AccountFilter::default() };
    let page = PageRequest { size: 1, cursor: None };
    let elsewhere = format!("env_{}", "0".repeat(26)).parse().unwrap();
    assert_eq!(f.store.accounts(&elsewhere, &filter, &page).await.unwrap().total, 0);
}

/// Forward and back, two by two, and from the end.
async fn pages_agree(f: &Fixture, filter: &AccountFilter, expected: &[&valetkey_domain::AccountId]) {
    let (mut walked, mut token) = (Vec::new(), String::new());
    loop {
        let page = f.store.accounts(&f.env, filter, &PageRequest::from_wire(2, &token)).await.unwrap();
        if let Some(first) = page.items.first().filter(|_| !walked.is_empty()) {
            let before = PageRequest { size: 2, cursor: Some(Cursor::Before(first.id.to_string())) };
            let before = f.store.accounts(&f.env, filter, &before).await.unwrap();
            let ids: Vec<_> = before.items.iter().map(|account| account.id.clone()).collect();
            assert_eq!(ids, walked[walked.len() - 2..]);
            assert_eq!((before.next.is_some(), before.previous.is_some()), (true, walked.len() > 2));
            assert!(page.previous.is_some());
        }
        walked.extend(page.items.into_iter().map(|account| account.id));
        match page.next {
            Some(next) => token = next,
            None => break,
        }
    }
    assert_eq!(walked.iter().collect::<Vec<_>>(), expected);
}

/// Histories are counted no further than asked either.
pub async fn events_counted_no_further_than_asked(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let connection = f.stored_connection("gmail").await;
    let account = f.stored_account(&connection, "user_1").await;
    for _ in 0..6 {
        f.commit(Change::AppendEvent(f.event(&account))).await.unwrap();
    }
    let kind = f.event(&account).event.kind;
    let other = if kind == EventKind::AccountExpired {
        EventKind::AccountActivated
    } else {
        EventKind::AccountExpired
    };
    let page = PageRequest { size: 2, cursor: None };
    for (count_at_most, total) in [(None, 6), (Some(0), 0), (Some(4), 4), (Some(7), 6)] {
        // A kind that is named twice is one kind.
        for kinds in [vec![], vec![kind, other, kind]] {
            let of = Some(connection.id.clone());
            let filter = EventFilter { connection: of, kinds, count_at_most, ..EventFilter::default() };
            let found = f.store.events(&f.env, &filter, &page).await.unwrap();
            assert_eq!((found.items.len(), found.total, found.next.is_some()), (2, total, true));
        }
    }
}
