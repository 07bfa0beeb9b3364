//! Random operations, carried out by the store and by a model of a few maps; both must agree on every answer.

use std::{collections::BTreeMap, future::Future, sync::Arc};

use proptest::{prelude::*, test_runner::TestRunner};
use valetkey_domain::{
    Account, AccountId, AccountStatus, Change, Changes, Connection, ConnectionId, PageRequest, Store,
    StoreError,
    store::{AccountFilter, ConnectionFilter},
};

use super::fixture::Fixture;

/// One change, by small numbers that stand for names and records.
#[derive(Debug, Clone)]
pub(super) enum Op {
    InsertConnection { name: u8 },
    RenameConnection { nth: u8, name: u8, stale: bool },
    DeleteConnection { nth: u8 },
    InsertAccount { connection: u8, identifier: u8 },
    UpdateAccount { nth: u8, identifier: u8, status: u8, stale: bool },
    DeleteAccount { nth: u8 },
    PutCredential { nth: u8, generation: u8 },
    DropPrevious { nth: u8, keep: u8 },
    Erase { nth: u8 },
}

pub(super) fn op() -> impl Strategy<Value = Op> {
    let stale = || prop::bool::weighted(0.15);
    prop_oneof![
        2 => (0..4_u8).prop_map(|name| Op::InsertConnection { name }),
        1 => (any::<u8>(), 0..4_u8, stale()).prop_map(|(nth, name, stale)| Op::RenameConnection { nth, name, stale }),
        1 => any::<u8>().prop_map(|nth| Op::DeleteConnection { nth }),
        5 => (any::<u8>(), 0..5_u8)
            .prop_map(|(connection, identifier)| Op::InsertAccount { connection, identifier }),
        4 => (any::<u8>(), 0..5_u8, 0..7_u8, stale()).prop_map(|(nth, identifier, status, stale)| {
            Op::UpdateAccount { nth, identifier, status, stale }
        }),
        1 => any::<u8>().prop_map(|nth| Op::DeleteAccount { nth }),
        4 => (any::<u8>(), 0..6_u8).prop_map(|(nth, generation)| Op::PutCredential { nth, generation }),
        1 => (any::<u8>(), 0..6_u8).prop_map(|(nth, keep)| Op::DropPrevious { nth, keep }),
        1 => any::<u8>().prop_map(|nth| Op::Erase { nth }),
    ]
}

/// What the store should hold. Records that are gone stay known, so that operations hit them too.
#[derive(Debug, Clone, Default)]
pub(super) struct Model {
    connections: BTreeMap<ConnectionId, Connection>,
    accounts: BTreeMap<AccountId, Account>,
    credentials: BTreeMap<AccountId, BTreeMap<u64, Change>>,
    pub(super) known_connections: Vec<Connection>,
    pub(super) known_accounts: Vec<Account>,
}

fn conflict(what: &'static str) -> Result<(), StoreError> {
    Err(StoreError::Conflict { what })
}

pub(super) fn nth<T: Clone>(known: &[T], n: u8) -> Option<T> {
    (!known.is_empty()).then(|| known[n as usize % known.len()].clone())
}

impl Model {
    /// The change that `op` stands for now, or nothing if there is no record yet that it could be about.
    pub(super) fn change(&mut self, f: &Fixture, op: &Op) -> Option<Change> {
        let current = |account: Account| self.accounts.get(&account.id).cloned().unwrap_or(account);
        Some(match op {
            Op::InsertConnection { name } => {
                let connection = f.connection(&format!("connection-{name}"));
                self.known_connections.push(connection.clone());
                Change::InsertConnection(connection)
            }
            Op::RenameConnection { nth: n, name, stale } => {
                let known = nth(&self.known_connections, *n)?;
                let mut connection = self.connections.get(&known.id).cloned().unwrap_or(known);
                connection.name = format!("connection-{name}");
                connection.version += u64::from(!stale);
                Change::UpdateConnection(connection)
            }
            Op::DeleteConnection { nth: n } => Change::DeleteConnection(nth(&self.known_connections, *n)?.id),
            Op::InsertAccount { connection, identifier } => {
                let connection = nth(&self.known_connections, *connection)?;
                let account = f.account(&connection, &format!("user-{identifier}"));
                self.known_accounts.push(account.clone());
                Change::InsertAccount(account)
            }
            Op::UpdateAccount { nth: n, identifier, status, stale } => {
                let mut account = current(nth(&self.known_accounts, *n)?);
                account.identifier = format!("user-{identifier}");
                account.version += u64::from(!stale);
                Change::UpdateAccount(account.restored(AccountStatus::ALL[*status as usize]))
            }
            Op::DeleteAccount { nth: n } => Change::DeleteAccount(nth(&self.known_accounts, *n)?.id),
            Op::PutCredential { nth: n, generation } => {
                f.credential(&nth(&self.known_accounts, *n)?, u64::from(*generation))
            }
            Op::DropPrevious { nth: n, keep } => Change::DropPreviousCredentials {
                account: nth(&self.known_accounts, *n)?.id,
                keep: u64::from(*keep),
            },
            Op::Erase { nth: n } => Change::EraseCredentials(nth(&self.known_accounts, *n)?.id),
        })
    }

    /// The account as it should be stored, or as it was made.
    pub(super) fn current_account(&self, account: Account) -> Account {
        self.accounts.get(&account.id).cloned().unwrap_or(account)
    }

    /// Carries out what it knows of a commit that a store has accepted.
    pub(super) fn follow(&mut self, changes: &Changes) {
        for change in &changes.0 {
            if matches!(
                change,
                Change::InsertConnection(_)
                    | Change::UpdateConnection(_)
                    | Change::DeleteConnection(_)
                    | Change::InsertAccount(_)
                    | Change::UpdateAccount(_)
                    | Change::DeleteAccount(_)
                    | Change::PutCredential { .. }
                    | Change::DropPreviousCredentials { .. }
                    | Change::EraseCredentials(_)
            ) {
                self.apply(change).unwrap();
            }
        }
    }

    fn apply(&mut self, change: &Change) -> Result<(), StoreError> {
        match change {
            Change::InsertConnection(new) => {
                if self.connections.values().any(|c| c.name == new.name) {
                    return conflict("connection.name");
                }
                self.connections.insert(new.id.clone(), new.clone());
            }
            Change::UpdateConnection(new) => {
                if self.connections.get(&new.id).is_none_or(|old| old.version + 1 != new.version) {
                    return conflict("connection");
                }
                if self.connections.values().any(|c| c.id != new.id && c.name == new.name) {
                    return conflict("connection.name");
                }
                self.connections.insert(new.id.clone(), new.clone());
            }
            Change::DeleteConnection(id) => {
                if self.accounts.values().any(|a| a.connection == *id) {
                    return conflict("connection.accounts");
                }
                if self.connections.remove(id).is_none() {
                    return conflict("connection");
                }
            }
            Change::InsertAccount(new) => {
                if !self.connections.contains_key(&new.connection) {
                    return conflict("account.connection");
                }
                self.unique(new)?;
                self.accounts.insert(new.id.clone(), new.clone());
            }
            Change::UpdateAccount(new) => {
                if self.accounts.get(&new.id).is_none_or(|old| old.version + 1 != new.version) {
                    return conflict("account");
                }
                self.unique(new)?;
                self.accounts.insert(new.id.clone(), new.clone());
            }
            Change::DeleteAccount(id) => {
                if self.accounts.remove(id).is_none() {
                    return conflict("account");
                }
                self.credentials.remove(id);
            }
            Change::PutCredential { account, generation, .. } => {
                let stored = self.credentials.entry(account.clone()).or_default();
                if stored.last_key_value().is_some_and(|(newest, _)| newest >= generation) {
                    return conflict("credential");
                }
                if !self.accounts.contains_key(account) {
                    return conflict("credential.account");
                }
                stored.insert(*generation, change.clone());
            }
            Change::DropPreviousCredentials { account, keep } => {
                self.credentials
                    .entry(account.clone())
                    .or_default()
                    .retain(|generation, _| generation >= keep);
            }
            Change::EraseCredentials(account) => drop(self.credentials.remove(account)),
            other => unreachable!("no operation makes {other:?}"),
        }
        Ok(())
    }

    fn unique(&self, new: &Account) -> Result<(), StoreError> {
        let taken = |a: &Account| {
            a.id != new.id
                && a.connection == new.connection
                && a.identifier == new.identifier
                && a.name == new.name
        };
        if self.accounts.values().any(taken) { conflict("account.identifier") } else { Ok(()) }
    }

    /// All of it or nothing.
    pub(super) fn commit(&mut self, changes: &Changes) -> Result<(), StoreError> {
        let before = (self.connections.clone(), self.accounts.clone(), self.credentials.clone());
        let outcome = changes.0.iter().try_for_each(|change| self.apply(change));
        if outcome.is_err() {
            (self.connections, self.accounts, self.credentials) = before;
        }
        outcome
    }

    async fn assert_same(&self, f: &Fixture) {
        let page = PageRequest { size: 100, cursor: None };
        let stored = f.store.connections(&f.env, &ConnectionFilter::default(), &page).await.unwrap();
        assert_eq!(stored.items, self.connections.values().rev().cloned().collect::<Vec<_>>());
        let stored = f.store.accounts(&f.env, &AccountFilter::default(), &page).await.unwrap();
        let newest_first: Vec<_> = self.accounts.values().rev().take(100).cloned().collect();
        assert_eq!((stored.items, stored.total), (newest_first, self.accounts.len() as u64));
        for status in AccountStatus::ALL {
            let filter = AccountFilter { status: Some(status), ..AccountFilter::default() };
            let stored = f.store.accounts(&f.env, &filter, &page).await.unwrap();
            let expected = self.accounts.values().filter(|a| a.status() == status).count();
            assert_eq!(stored.total, expected as u64);
        }
        for known in &self.known_accounts {
            let stored = f.store.account(&known.id).await.unwrap();
            assert_eq!(stored.as_ref(), self.accounts.get(&known.id));
            let current = f.store.credential(&known.id).await.unwrap().map(|c| Change::PutCredential {
                account: c.account,
                generation: c.generation,
                sealed: c.sealed,
                at: c.created_at,
            });
            let expected = self.credentials.get(&known.id).and_then(|all| all.values().next_back()).cloned();
            assert_eq!(current, expected);
        }
    }
}

/// Random commits of one to four changes. A failing case is printed smallest first and can be replayed.
pub fn random_operations_agree_with_the_model<F, S>(empty_store: impl Fn() -> F)
where
    F: Future<Output = (Arc<dyn Store>, S)>,
{
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let config = ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() };
    let commits = prop::collection::vec(prop::collection::vec(op(), 1..4), 1..40);
    let outcome = TestRunner::new(config).run(&commits, |commits| {
        runtime.block_on(async {
            let (store, _kept) = empty_store().await;
            let f = Fixture::new(store).await;
            let mut model = Model::default();
            for ops in commits {
                // A record may be met twice in one commit, as it was before the first change: a stale version.
                let changes = Changes(ops.iter().filter_map(|op| model.change(&f, op)).collect());
                let expected = model.commit(&changes);
                let outcome = f.commit(changes.clone()).await;
                prop_assert_eq!(outcome, expected, "{:?}", changes);
            }
            model.assert_same(&f).await;
            Ok(())
        })
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}
