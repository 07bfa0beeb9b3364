//! What two stores are asked, which must answer the same.

use std::{fmt::Debug, future::Future, sync::Arc};

use valetkey_domain::{
    AccountStatus, PageRequest, RefreshAttempt, Store,
    event::EventKind,
    execution::ExecutionStatus,
    store::{AccountFilter, ConnectionFilter, EventFilter, ExecutionFilter, Prunable},
};

use super::{Known, TEXTS};
use crate::store_contract::fixture::Fixture;

/// Two stores that must say the same.
pub(super) struct Both {
    pub(super) one: Arc<dyn Store>,
    pub(super) two: Arc<dyn Store>,
}

impl Both {
    pub(super) async fn same<'a, T: PartialEq + Debug, F: Future<Output = T>>(
        &'a self,
        ask: impl Fn(&'a Arc<dyn Store>) -> F,
    ) -> T {
        let answer = ask(&self.one).await;
        assert_eq!(answer, ask(&self.two).await);
        answer
    }

    pub(super) async fn records(&self, f: &Fixture, known: &Known) {
        self.same(|s| s.environments()).await.unwrap();
        self.same(|s| s.frozen()).await.unwrap();
        self.same(|s| s.key_terms()).await.unwrap();
        self.same(|s| s.signing_keys()).await.unwrap();
        self.same(|s| s.api_clients(&f.env)).await.unwrap();
        self.same(|s| s.api_tokens(&f.env)).await.unwrap();
        for connection in &known.model.known_connections {
            self.same(|s| s.connection(&connection.id)).await.unwrap();
            self.same(|s| s.connection_in(&f.env, &connection.id)).await.unwrap();
            self.same(|s| s.connection_by_name(&f.env, &connection.name)).await.unwrap();
        }
        for account in &known.model.known_accounts {
            self.same(|s| s.account(&account.id)).await.unwrap();
            self.same(|s| s.account_in(&f.env, &account.id)).await.unwrap();
            self.same(|s| s.accounts_of_identifier(&account.connection, &account.identifier)).await.unwrap();
            self.same(|s| s.credential(&account.id)).await.unwrap();
            self.same(|s| s.previous_credential(&account.id)).await.unwrap();
            self.same(|s| s.tools_used(&account.id, account.created_at)).await.unwrap();
        }
        for request in &known.auth_requests {
            self.same(|s| s.auth_request(&request.id)).await.unwrap();
            self.same(|s| s.auth_request_by_link(&request.link_hash)).await.unwrap();
            if let Some(hash) = &request.state_hash {
                self.same(|s| s.auth_request_by_state(hash)).await.unwrap();
            }
        }
        for execution in &known.executions {
            self.same(|s| s.execution(&execution.id)).await.unwrap();
            self.same(|s| s.execution_in(&f.env, &execution.id)).await.unwrap();
            self.same(|s| s.answer(&execution.id)).await.unwrap();
        }
        for answer in &known.answers {
            if let Some(key) = &answer.key_hash {
                self.same(|s| s.answer_by_key(&answer.environment, &answer.client, key)).await.unwrap();
            }
        }
        if let (Some(first), Some(last)) = (known.executions.first(), known.executions.last()) {
            for (after, limit) in [(None, 1000), (Some(&first.id), 2)] {
                self.same(|s| s.executions_after(after, &last.id, limit)).await.unwrap();
            }
        }
        self.same(async |s: &Arc<dyn Store>| {
            let mut counts = s.accounts_by_status().await.unwrap();
            counts.sort_by(|a, b| {
                (&a.environment, a.status.as_str()).cmp(&(&b.environment, b.status.as_str()))
            });
            counts
        })
        .await;
        self.folk(f, &known.folk, &known.environments).await;
        self.outbox(f, &known.outbox, &known.environments).await;
        for token in &known.tokens {
            self.same(|s| s.api_token(&token.id)).await.unwrap();
            self.same(|s| s.api_token_in(&f.env, &token.id)).await.unwrap();
            self.same(|s| s.api_client_in(&f.env, &token.client)).await.unwrap();
            self.same(|s| s.api_token_by_hash(&token.token_hash)).await.unwrap();
            self.same(|s| s.api_client(&token.client)).await.unwrap();
        }
    }

    /// What is kept of attempts, but for the end of their leases, which is by the clock of each store.
    pub(super) async fn ledger(&self, f: &Fixture, known: &Known) {
        let timeless =
            |attempt: RefreshAttempt| RefreshAttempt { lease_until: attempt.started_at, ..attempt };
        let (at, page) = (f.now(), PageRequest { size: 100, cursor: None });
        for limit in [1, 3, 1000] {
            self.same(async |s: &Arc<dyn Store>| {
                let stale = s.stale_refreshes(at, limit).await.unwrap();
                stale.into_iter().map(timeless).collect::<Vec<_>>()
            })
            .await;
        }
        for account in &known.model.known_accounts {
            self.same(async |s: &Arc<dyn Store>| s.last_refresh(&account.id).await.unwrap().map(timeless))
                .await;
            self.same(async |s: &Arc<dyn Store>| {
                let page = s.refreshes(&account.id, &page).await.unwrap();
                (page.items.into_iter().map(timeless).collect::<Vec<_>>(), page.total)
            })
            .await;
        }
    }

    /// Every sealed record, in steps.
    pub(super) async fn sealed(&self) {
        let mut after = None;
        loop {
            let step = self.same(|s| s.sealed_records(after.as_ref(), 7)).await.unwrap();
            match step.last() {
                Some(last) => after = Some(last.place.clone()),
                None => break,
            }
        }
    }

    /// Takes what is due and removes what is old, on both.
    pub(super) async fn upkeep(&self, f: &Fixture, known: &Known) {
        let (at, hide_until) = (f.now(), f.now() + time::Duration::HOUR);
        for limit in [2, 1000, 1000] {
            self.same(|s| s.take_due_refreshes(at, hide_until, limit)).await.unwrap();
            self.same(|s| s.take_due_revocations(at, hide_until, limit)).await.unwrap();
        }
        self.folk_upkeep(f, &known.folk).await;
        self.outbox_upkeep(f, &known.outbox).await;
        let middle = known.events.get(known.events.len() / 2).map_or(at, |event| event.at);
        for what in [
            Prunable::Events,
            Prunable::Executions,
            Prunable::AuthRequests,
            Prunable::Refreshes,
            Prunable::Answers,
        ] {
            for before in [middle, middle + time::Duration::HOUR] {
                self.same(|s| s.prune(what, before, 1000)).await.unwrap();
            }
        }
    }

    /// Every page of every list, forward and back, with all kinds of filters.
    pub(super) async fn lists(&self, f: &Fixture, known: &Known) {
        let connections: Vec<_> = known.model.known_connections.iter().map(|c| c.id.clone()).collect();
        let accounts = known.model.known_accounts.iter().take(2).map(|a| Some(a.id.clone()));
        let accounts: Vec<_> = accounts.chain([None]).collect();
        for query in [None, Some("1"), Some("CONNECTION-"), Some("%")] {
            let filter = ConnectionFilter { query: query.map(Into::into), connector: Some("gmail".into()) };
            let filter = &filter;
            self.pages(|store, page| async move { store.connections(&f.env, filter, &page).await }).await;
        }
        let some = connections.iter().step_by(2).cloned().collect();
        for connections in [Vec::new(), connections.iter().take(1).cloned().collect(), some] {
            for (n, text) in TEXTS.iter().enumerate() {
                let text = || Some((*text).to_owned());
                let filter = &AccountFilter {
                    connections: connections.clone(),
                    identifier: (n == 1).then(|| "user-1".into()),
                    organization_id: text().filter(|_| n == 3),
                    user_id: text().filter(|_| n == 2),
                    status: (n > 3).then_some(AccountStatus::ALL[n]),
                    connector: (n == 4).then(|| "gmail".into()),
                    name: text().filter(|_| n == 5),
                    provider_subject: text().filter(|_| n == 0),
                    query: text().filter(|_| n != 1),
                    degraded: n == 2,
                    count_at_most: (n == 3).then_some(2),
                };
                self.pages(|store, page| async move { store.accounts(&f.env, filter, &page).await }).await;
            }
        }
        for account in &accounts {
            let account = account.as_ref();
            self.pages(|store, page| async move { store.revocations(&f.env, account, &page).await }).await;
        }
        for account in &accounts {
            for connection in connections.iter().take(1).map(|id| Some(id.clone())).chain([None]) {
                let middle = known.events.get(known.events.len() / 2).map(|event| event.at);
                for (kinds, since, until) in [
                    (vec![], None, None),
                    (vec![EventKind::AccountCreated, EventKind::AccountExpired], middle, None),
                    (vec![], None, middle),
                    (vec![EventKind::AccountExpired], None, None),
                ] {
                    let filter = &EventFilter {
                        account: account.clone(),
                        connection: connection.clone(),
                        kinds,
                        code: None,
                        since,
                        until,
                        count_at_most: None,
                    };
                    self.pages(|store, page| async move { store.events(&f.env, filter, &page).await }).await;
                }
                for status in [None, Some(ExecutionStatus::Failed), Some(ExecutionStatus::Running)] {
                    let tool = status.is_none().then(|| "tool_1".to_owned());
                    let filter = &ExecutionFilter {
                        account: account.clone(),
                        connection: connection.clone(),
                        tool,
                        status,
                        count_at_most: None,
                    };
                    self.pages(|store, page| async move { store.executions(&f.env, filter, &page).await })
                        .await;
                }
            }
        }
    }

    pub(super) async fn pages<'a, T, F>(&'a self, list: impl Fn(&'a Arc<dyn Store>, PageRequest) -> F)
    where
        T: PartialEq + Debug,
        F: Future<Output = Result<valetkey_domain::Page<T>, valetkey_domain::StoreError>>,
    {
        let mut token = String::new();
        loop {
            let request = PageRequest::from_wire(3, &token);
            let page = self.same(|store| list(store, request.clone())).await.unwrap();
            if let Some(back) = &page.previous {
                let request = PageRequest::from_wire(3, back);
                self.same(|store| list(store, request.clone())).await.unwrap();
            }
            match page.next {
                Some(next) => token = next,
                None => break,
            }
        }
    }
}
