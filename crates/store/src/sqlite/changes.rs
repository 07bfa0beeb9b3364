//! One commit: each change to its noun.

use rusqlite::Connection;
use valetkey_domain::{Change, Changes, StoreError};

use super::{
    accounts, api_clients, auth_requests, connections, credentials, environments, events, executions, keys,
    row::unavailable,
};

/// Applies all changes inside the transaction that is open. An empty list is a probe: it writes a row of no meaning.
pub(super) fn apply(connection: &Connection, changes: &Changes) -> Result<(), StoreError> {
    if changes.0.is_empty() {
        let mut probe =
            connection.prepare_cached("UPDATE store_info SET probes = probes + 1").map_err(unavailable)?;
        probe.execute([]).map_err(unavailable)?;
    }
    changes.0.iter().try_for_each(|change| apply_one(connection, change))
}

fn apply_one(c: &Connection, change: &Change) -> Result<(), StoreError> {
    match change {
        Change::InsertConnection(connection) => connections::insert(c, connection),
        Change::UpdateConnection(connection) => connections::update(c, connection),
        Change::DeleteConnection(id) => connections::delete(c, id),
        Change::InsertAccount(account) => accounts::insert(c, account),
        Change::UpdateAccount(account) => accounts::update(c, account),
        Change::TouchAccount { id, at } => accounts::touch(c, id, *at),
        Change::DeleteAccount(id) => accounts::delete(c, id),
        Change::PutCredential { account, generation, sealed, at } => {
            credentials::put(c, account, *generation, sealed, *at)
        }
        Change::DropPreviousCredentials { account, keep } => credentials::drop_previous(c, account, *keep),
        Change::EraseCredentials(account) => credentials::erase(c, account),
        Change::InsertAuthRequest(request) => auth_requests::insert(c, request),
        Change::UpdateAuthRequest(request) => auth_requests::update(c, request),
        Change::AppendEvent(event) => events::append(c, event),
        Change::InsertExecution(execution) => executions::insert(c, execution),
        Change::FinishExecution(execution) => executions::finish(c, execution),
        Change::AbandonExecutions { started_before } => executions::abandon(c, *started_before),
        Change::InsertApiClient(client) => api_clients::insert_client(c, client),
        Change::UpdateApiClient(client) => api_clients::update_client(c, client),
        Change::InsertApiToken(token) => api_clients::insert_token(c, token),
        Change::UpdateApiToken(token) => api_clients::update_token(c, token),
        Change::InsertEnvironment { id, name, at } => environments::insert(c, id, name, *at),
        Change::InsertKeyTerm(term) => keys::insert_term(c, term),
        Change::ReserveSeals { term, from, to } => keys::reserve(c, *term, *from, *to),
        Change::InsertSigningKey(key) => keys::insert_signing_key(c, key),
    }
}
