//! One commit: each change to the statements of its noun.

use valetkey_domain::{Change, Changes, StoreError};

use super::{
    accounts, api_clients, auth_requests, connections, credentials, environments, events, executions, keys,
    row::Conflicts, statement::Write,
};

/// The statements of a commit, in order.
pub(super) fn writes(changes: &Changes) -> Result<Vec<Write>, StoreError> {
    let mut writes = Vec::with_capacity(changes.0.len());
    for change in &changes.0 {
        push(change, &mut writes)?;
    }
    Ok(writes)
}

/// A write of no meaning, that shows whether writes are accepted.
pub(super) fn probe() -> Write {
    let info = Conflicts {
        table: "store_info",
        record: "store_info",
        unique: "store_info",
        reference: "store_info",
    };
    Write::one("UPDATE store_info SET probes = probes + 1", info, Vec::new())
}

fn push(change: &Change, writes: &mut Vec<Write>) -> Result<(), StoreError> {
    writes.push(match change {
        Change::InsertConnection(connection) => connections::insert(connection)?,
        Change::UpdateConnection(connection) => connections::update(connection)?,
        Change::DeleteConnection(id) => connections::delete(id)?,
        Change::InsertAccount(account) => accounts::insert(account)?,
        Change::UpdateAccount(account) => accounts::update(account)?,
        Change::TouchAccount { id, at } => accounts::touch(id, *at)?,
        Change::DeleteAccount(id) => accounts::delete(id)?,
        Change::PutCredential { account, generation, sealed, at } => {
            writes.extend(credentials::put(account, *generation, sealed, *at)?);
            return Ok(());
        }
        Change::DropPreviousCredentials { account, keep } => credentials::drop_previous(account, *keep)?,
        Change::EraseCredentials(account) => credentials::erase(account)?,
        Change::InsertAuthRequest(request) => auth_requests::insert(request)?,
        Change::UpdateAuthRequest(request) => auth_requests::update(request)?,
        Change::AppendEvent(event) => events::append(event)?,
        Change::InsertExecution(execution) => executions::insert(execution)?,
        Change::FinishExecution(execution) => executions::finish(execution)?,
        Change::AbandonExecutions { started_before } => executions::abandon(*started_before)?,
        Change::InsertApiClient(client) => api_clients::insert_client(client)?,
        Change::UpdateApiClient(client) => api_clients::update_client(client)?,
        Change::InsertApiToken(token) => api_clients::insert_token(token)?,
        Change::UpdateApiToken(token) => api_clients::update_token(token)?,
        Change::InsertEnvironment { id, name, at } => environments::insert(id, name, *at)?,
        Change::InsertKeyTerm(term) => keys::insert_term(term)?,
        Change::ReserveSeals { term, from, to } => keys::reserve(*term, *from, *to)?,
        Change::InsertSigningKey(key) => keys::insert_signing_key(key)?,
    });
    Ok(())
}
