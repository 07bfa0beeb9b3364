//! Random operations, carried out by the store and by a model of a few maps; both must agree on every answer.

use std::{collections::BTreeMap, future::Future, sync::Arc, time::Duration};

use proptest::{prelude::*, test_runner::TestRunner};
use valetkey_domain::{
    Account, AccountId, AccountStatus, Change, Changes, Connection, ConnectionId, ErrorCode, InstanceId,
    PageRequest, RefreshAttempt, RefreshOutcome, RefreshReason, Store, StoreError,
    store::{AccountFilter, ConnectionFilter},
};

use super::{
    fixture::Fixture,
    refreshes::{self, HOUR},
};

/// Names that tell accounts of one identifier apart.
const NAMES: [&str; 3] = ["", "work", "Ä"];
/// Holds the leases here. Nobody joins the store, so nobody is taken for gone.
const NOBODY: InstanceId = InstanceId(1_000_000);

/// One change, by small numbers that stand for names and records.
#[derive(Debug, Clone)]
pub(super) enum Op {
    InsertConnection {
        name: u8,
    },
    RenameConnection {
        nth: u8,
        name: u8,
        stale: bool,
    },
    DeleteConnection {
        nth: u8,
    },
    InsertAccount {
        connection: u8,
        identifier: u8,
        name: u8,
    },
    UpdateAccount {
        nth: u8,
        identifier: u8,
        name: u8,
        status: u8,
        stale: bool,
    },
    DeleteAccount {
        nth: u8,
    },
    PutCredential {
        nth: u8,
        generation: u8,
    },
    DropPrevious {
        nth: u8,
        keep: u8,
    },
    Erase {
        nth: u8,
    },
    /// `generation` 0 is the one of every account here.
    Schedule {
        nth: u8,
        generation: u8,
        never: bool,
    },
    Degrade {
        nth: u8,
        generation: u8,
    },
    /// `fence` is counted from the last one on, 1 is right; without `generation` it is the current one.
    Begin {
        nth: u8,
        fence: u8,
        generation: Option<u8>,
        long: bool,
    },
    /// `back` is counted from the last fence.
    End {
        nth: u8,
        back: u8,
        outcome: u8,
    },
    TakeOver {
        nth: u8,
        back: u8,
    },
}

pub(super) fn op() -> impl Strategy<Value = Op> {
    let stale = || prop::bool::weighted(0.15);
    prop_oneof![
        2 => (0..4_u8).prop_map(|name| Op::InsertConnection { name }),
        1 => (any::<u8>(), 0..4_u8, stale()).prop_map(|(nth, name, stale)| Op::RenameConnection { nth, name, stale }),
        1 => any::<u8>().prop_map(|nth| Op::DeleteConnection { nth }),
        5 => (any::<u8>(), 0..5_u8, 0..3_u8)
            .prop_map(|(connection, identifier, name)| Op::InsertAccount { connection, identifier, name }),
        4 => (any::<u8>(), 0..5_u8, 0..3_u8, 0..7_u8, stale()).prop_map(|(nth, identifier, name, status, stale)| {
            Op::UpdateAccount { nth, identifier, name, status, stale }
        }),
        1 => any::<u8>().prop_map(|nth| Op::DeleteAccount { nth }),
        4 => (any::<u8>(), 0..6_u8).prop_map(|(nth, generation)| Op::PutCredential { nth, generation }),
        1 => (any::<u8>(), 0..6_u8).prop_map(|(nth, keep)| Op::DropPrevious { nth, keep }),
        1 => any::<u8>().prop_map(|nth| Op::Erase { nth }),
        1 => (any::<u8>(), 0..2_u8, any::<bool>())
            .prop_map(|(nth, generation, never)| Op::Schedule { nth, generation, never }),
        1 => (any::<u8>(), 0..2_u8).prop_map(|(nth, generation)| Op::Degrade { nth, generation }),
        4 => (any::<u8>(), stale(), prop::option::weighted(0.15, 0..6_u8), any::<bool>())
            .prop_map(|(nth, wrong, generation, long)| {
                Op::Begin { nth, fence: if wrong { nth % 3 * 2 } else { 1 }, generation, long }
            }),
        3 => (any::<u8>(), 0..2_u8, 0..7_u8).prop_map(|(nth, back, outcome)| Op::End { nth, back, outcome }),
        2 => (any::<u8>(), 0..2_u8).prop_map(|(nth, back)| Op::TakeOver { nth, back }),
    ]
}

/// What the store should hold. Records that are gone stay known, so that operations hit them too.
#[derive(Debug, Clone, Default)]
pub(super) struct Model {
    connections: BTreeMap<ConnectionId, Connection>,
    accounts: BTreeMap<AccountId, Account>,
    credentials: BTreeMap<AccountId, BTreeMap<u64, Change>>,
    /// With the length of the lease. Where it ends is told by the clock of the store, and left out.
    refreshes: BTreeMap<AccountId, Vec<(RefreshAttempt, Duration)>>,
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
            Op::InsertAccount { connection, identifier, name } => {
                let connection = nth(&self.known_connections, *connection)?;
                let mut account = f.account(&connection, &format!("user-{identifier}"));
                account.name = NAMES[*name as usize].into();
                self.known_accounts.push(account.clone());
                Change::InsertAccount(account)
            }
            Op::UpdateAccount { nth: n, identifier, name, status, stale } => {
                let mut account = current(nth(&self.known_accounts, *n)?);
                account.name = NAMES[*name as usize].into();
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
            Op::Schedule { nth: n, generation, never } => Change::ScheduleRefresh {
                id: nth(&self.known_accounts, *n)?.id,
                generation: u64::from(*generation),
                at: (!never).then(|| f.now()),
            },
            Op::Degrade { nth: n, generation } => Change::DegradeAccount {
                id: nth(&self.known_accounts, *n)?.id,
                generation: u64::from(*generation),
                degraded: f.degraded(u32::from(*n)),
            },
            Op::Begin { nth: n, fence, generation, long } => {
                let account = nth(&self.known_accounts, *n)?;
                let stored = self.credentials.get(&account.id).and_then(|all| all.last_key_value());
                let current = stored.map_or(0, |(generation, _)| *generation);
                let generation = generation.map_or(current, u64::from);
                let fence = self.last_fence(&account.id) + u64::from(*fence);
                let mut attempt = f.attempt(&account, fence, generation, NOBODY);
                attempt.reason = RefreshReason::ALL[*n as usize % RefreshReason::ALL.len()];
                Change::BeginRefresh { attempt, lease: if *long { HOUR } else { Duration::ZERO } }
            }
            Op::End { nth: n, back, outcome } => {
                let account = nth(&self.known_accounts, *n)?.id;
                let fence = self.last_fence(&account).saturating_sub(u64::from(*back));
                let outcome = RefreshOutcome::ALL[*outcome as usize];
                let code = (n % 2 == 0).then_some(ErrorCode::UpstreamError);
                Change::EndRefresh { account, fence, outcome, code, at: f.now() }
            }
            Op::TakeOver { nth: n, back } => {
                let account = nth(&self.known_accounts, *n)?.id;
                let fence = self.last_fence(&account).saturating_sub(u64::from(*back));
                Change::TakeOverRefresh { account, fence, at: f.now() }
            }
        })
    }

    fn last_fence(&self, account: &AccountId) -> u64 {
        self.refreshes.get(account).and_then(|all| all.last()).map_or(0, |(attempt, _)| attempt.fence)
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
                    | Change::ScheduleRefresh { .. }
                    | Change::DegradeAccount { .. }
                    | Change::BeginRefresh { .. }
                    | Change::EndRefresh { .. }
                    | Change::TakeOverRefresh { .. }
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
                self.refreshes.remove(id);
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
            Change::ScheduleRefresh { id, generation, at } => {
                if let Some(account) = self.of_generation(id, *generation) {
                    account.refresh_at = *at;
                }
            }
            Change::DegradeAccount { id, generation, degraded } => {
                if let Some(account) = self.of_generation(id, *generation) {
                    account.degraded = Some(degraded.clone());
                }
            }
            Change::BeginRefresh { attempt, lease } => return self.begin(attempt, *lease),
            Change::EndRefresh { account, fence, outcome, code, at } => {
                if let Some((attempt, _)) = self.attempt(account, *fence)
                    && matches!(attempt.outcome, None | Some(RefreshOutcome::Unknown))
                {
                    (attempt.outcome, attempt.code, attempt.ended_at) = (Some(*outcome), *code, Some(*at));
                }
            }
            Change::TakeOverRefresh { account, fence, at } => match self.attempt(account, *fence) {
                Some((attempt, Duration::ZERO)) if attempt.is_open() => {
                    (attempt.outcome, attempt.ended_at) = (Some(RefreshOutcome::Unknown), Some(*at));
                }
                _ => return conflict("refresh"),
            },
            other => unreachable!("no operation makes {other:?}"),
        }
        Ok(())
    }

    fn of_generation(&mut self, id: &AccountId, generation: u64) -> Option<&mut Account> {
        self.accounts.get_mut(id).filter(|account| account.generation == generation)
    }

    fn attempt(&mut self, account: &AccountId, fence: u64) -> Option<&mut (RefreshAttempt, Duration)> {
        self.refreshes.get_mut(account)?.iter_mut().find(|(attempt, _)| attempt.fence == fence)
    }

    fn begin(&mut self, attempt: &RefreshAttempt, lease: Duration) -> Result<(), StoreError> {
        if !self.accounts.contains_key(&attempt.account) {
            return conflict("refresh.account");
        }
        let history = self.refreshes.entry(attempt.account.clone()).or_default();
        let last = history.last().map_or(0, |(last, _)| last.fence);
        if attempt.fence != last + 1 || history.iter().any(|(attempt, _)| attempt.is_open()) {
            return conflict("refresh");
        }
        let stored = self.credentials.get(&attempt.account).and_then(|all| all.last_key_value());
        if stored.is_none_or(|(generation, _)| *generation != attempt.generation) {
            return conflict("refresh.generation");
        }
        history.push((attempt.clone(), lease));
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
        let before = self.clone();
        let outcome = changes.0.iter().try_for_each(|change| self.apply(change));
        if outcome.is_err() {
            *self = before;
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
            let previous = f.store.previous_credential(&known.id).await.unwrap().map(|c| c.generation);
            let all = self.credentials.get(&known.id);
            assert_eq!(previous, all.and_then(|all| all.keys().rev().nth(1).copied()));
            let expected = self.refreshes.get(&known.id).and_then(|all| all.last());
            assert_eq!(refreshes::last(f, known).await.as_ref(), expected.map(|(attempt, _)| attempt));
            let history = f.store.refreshes(&known.id, &page).await.unwrap();
            let expected = self.refreshes.get(&known.id).map_or(0, Vec::len);
            assert_eq!(history.total, expected as u64);
            let stored = f.store.accounts_of_identifier(&known.connection, &known.identifier).await.unwrap();
            let mut expected: Vec<_> = self
                .accounts
                .values()
                .filter(|a| a.connection == known.connection && a.identifier == known.identifier)
                .cloned()
                .collect();
            expected.sort_by(|a, b| a.name.cmp(&b.name));
            assert_eq!(stored, expected);
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
