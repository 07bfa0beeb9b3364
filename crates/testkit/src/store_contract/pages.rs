//! Pages: bounded, ordered, and steady while others write.

use std::sync::Arc;

use valetkey_domain::{
    Account, Change, Changes, Page, PageRequest, Store,
    page::{Cursor, DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE},
    store::AccountFilter,
};

use super::fixture::Fixture;

/// The longest token that the compatible API lets a caller send back.
const LONGEST_TOKEN: usize = 32;

async fn read(f: &Fixture, filter: &AccountFilter, size: u32, token: &str) -> Page<Account> {
    let page = f.store.accounts(&f.env, filter, &PageRequest::from_wire(size, token)).await.unwrap();
    for token in [&page.next, &page.previous].into_iter().flatten() {
        assert!(token.len() <= LONGEST_TOKEN, "{token} is too long");
    }
    page
}

async fn stored(f: &Fixture, connections: &[&valetkey_domain::Connection], n: usize) -> Vec<Account> {
    let accounts: Vec<_> =
        (0..n).map(|i| f.account(connections[i % connections.len()], &format!("user_{i}"))).collect();
    f.commit(Changes(accounts.iter().cloned().map(Change::InsertAccount).collect())).await.unwrap();
    accounts.into_iter().rev().collect()
}

/// Forward to the end and back to the start, with every page size: every row once, the neighbours always known.
pub async fn pages_walked_forward_and_back_show_every_row_once(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let connection = f.stored_connection("gmail").await;
    let filter = AccountFilter::default();
    let empty = read(&f, &filter, 3, "").await;
    assert_eq!((empty.items.len(), empty.next, empty.previous, empty.total), (0, None, None, 0));
    let all = stored(&f, &[&connection], 10).await;
    for size in [1, 2, 3, 5, 9, 10, 11] {
        let mut page = read(&f, &filter, size, "").await;
        assert_eq!(page.previous, None);
        let mut forward = Vec::new();
        let last = loop {
            assert_eq!(page.total, 10);
            forward.extend(page.items.clone());
            match page.next.clone() {
                Some(token) => page = read(&f, &filter, size, &token).await,
                None => break page,
            }
        };
        assert_eq!(forward, all, "forward by {size}");
        let mut page = last;
        let mut backward: Vec<Vec<Account>> = vec![page.items.clone()];
        while let Some(token) = page.previous.clone() {
            page = read(&f, &filter, size, &token).await;
            assert!(page.next.is_some());
            backward.push(page.items.clone());
        }
        assert_eq!(backward.into_iter().rev().flatten().collect::<Vec<_>>(), all, "back by {size}");
    }
}

/// New rows appear before the first page; whoever is on the way neither sees a row twice nor misses one.
pub async fn pages_walked_under_inserts_repeat_and_skip_nothing(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let connection = f.stored_connection("gmail").await;
    let filter = AccountFilter::default();
    let all = stored(&f, &[&connection], 9).await;
    let mut page = read(&f, &filter, 2, "").await;
    let mut seen = page.items.clone();
    let mut newer = Vec::new();
    while let Some(token) = page.next.clone() {
        newer.insert(0, f.stored_account(&connection, &format!("new_{}", newer.len())).await);
        page = read(&f, &filter, 2, &token).await;
        assert_eq!(page.total, (all.len() + newer.len()) as u64);
        seen.extend(page.items.clone());
    }
    assert_eq!(seen, all);
    let mut back = page.items.clone();
    while let Some(token) = page.previous.clone() {
        page = read(&f, &filter, 2, &token).await;
        back.splice(0..0, page.items.clone());
    }
    newer.extend(all);
    assert_eq!(back, newer);
}

/// A filter over several connections gives one list in one order.
pub async fn pages_of_several_connections_are_merged_in_order(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let (one, two) = (f.stored_connection("one").await, f.stored_connection("two").await);
    let three = f.stored_connection("three").await;
    let all = stored(&f, &[&one, &two, &three], 21).await;
    let filter =
        AccountFilter { connections: vec![one.id.clone(), three.id.clone()], ..AccountFilter::default() };
    let expected: Vec<_> = all.into_iter().filter(|a| a.connection != two.id).collect();
    let mut page = read(&f, &filter, 4, "").await;
    let mut seen = page.items.clone();
    while let Some(token) = page.next.clone() {
        assert_eq!(page.total, expected.len() as u64);
        page = read(&f, &filter, 4, &token).await;
        seen.extend(page.items.clone());
    }
    assert_eq!(seen, expected);
    let back = read(&f, &filter, 4, &page.previous.unwrap()).await;
    assert_eq!(back.items, expected[8..12]);
}

/// Sizes are bounded and a cursor from nowhere is just a place in the order.
pub async fn pages_asked_out_of_range_are_bounded(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let connection = f.stored_connection("gmail").await;
    let filter = AccountFilter::default();
    let all = stored(&f, &[&connection], MAX_PAGE_SIZE as usize + 1).await;
    assert_eq!(read(&f, &filter, 0, "").await.items.len(), DEFAULT_PAGE_SIZE as usize);
    assert_eq!(read(&f, &filter, u32::MAX, "").await.items.len(), MAX_PAGE_SIZE as usize);
    for size in [0, u32::MAX] {
        let request = PageRequest { size, cursor: None };
        let page = f.store.accounts(&f.env, &filter, &request).await.unwrap();
        assert!((1..=MAX_PAGE_SIZE as usize).contains(&page.items.len()));
    }
    for (cursor, first) in [
        (Cursor::After("zzz".into()), Some(&all[0])),
        (Cursor::After("' OR 1=1 --".into()), None),
        (Cursor::Before(String::new()), Some(&all[all.len() - 2])),
        (Cursor::Before("zzz".into()), None),
    ] {
        let request = PageRequest { size: 2, cursor: Some(cursor.clone()) };
        let page = f.store.accounts(&f.env, &filter, &request).await.unwrap();
        assert_eq!(page.items.first(), first, "{cursor:?}");
        assert_eq!(page.total, all.len() as u64);
    }
}
