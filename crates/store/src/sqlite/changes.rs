//! One commit: each change to its noun.

use rusqlite::Connection;
use valetkey_domain::{Change, Changes, InstanceId, StoreError};

use super::{
    accounts, answers, api_clients, audit, auth_requests, branding, bulk, connections, credentials,
    deliveries, environments, events, executions, home, instances, keys, overview, refreshes, revocations,
    row::unavailable, sealed, users, webhooks,
};

/// Applies all changes inside the transaction that is open. An empty list is a probe: it writes a row of no meaning.
/// `own` is the number of this process, if it has joined.
pub(super) fn apply(
    connection: &Connection,
    changes: &Changes,
    own: Option<InstanceId>,
) -> Result<(), StoreError> {
    if changes.0.is_empty() {
        let mut probe =
            connection.prepare_cached("UPDATE store_info SET probes = probes + 1").map_err(unavailable)?;
        probe.execute([]).map_err(unavailable)?;
    }
    changes.0.iter().try_for_each(|change| apply_one(connection, change, own))
}

fn apply_one(c: &Connection, change: &Change, own: Option<InstanceId>) -> Result<(), StoreError> {
    match change {
        Change::InsertConnection(connection) => connections::insert(c, connection),
        Change::UpdateConnection(connection) => connections::update(c, connection),
        Change::DeleteConnection(id) => connections::delete(c, id),
        Change::InsertAccount(account) => accounts::insert(c, account),
        Change::UpdateAccount(account) => accounts::update(c, account),
        Change::ScheduleRefresh { id, generation, at } => accounts::schedule(c, id, *generation, *at),
        Change::DegradeAccount { id, generation, degraded } => {
            accounts::degrade(c, id, *generation, degraded)
        }
        Change::TouchAccount { id, at } => accounts::touch(c, id, *at),
        Change::DeleteAccount(id) => accounts::delete(c, id),
        Change::PutCredential { account, generation, sealed, at } => {
            credentials::put(c, account, *generation, sealed, *at)
        }
        Change::DropPreviousCredentials { account, keep } => credentials::drop_previous(c, account, *keep),
        Change::EraseCredentials(account) => credentials::erase(c, account),
        Change::InsertAuthRequest(request) => auth_requests::insert(c, request),
        Change::UpdateAuthRequest(request) => auth_requests::update(c, request),
        Change::AppendEvent(event) => {
            events::append(c, event)?;
            deliveries::announce(c, event)
        }
        Change::InsertExecution(execution) => executions::insert(c, execution),
        Change::FinishExecution(execution) => executions::finish(c, execution),
        Change::AbandonExecutions { instance, at } => {
            deliveries::announce_abandoned(c, *instance, *at)?;
            executions::abandon(c, *instance)
        }
        Change::AnnounceExecution { id, at } => deliveries::announce_execution(c, id, *at),
        Change::InsertAnswer(answer) => answers::insert(c, answer),
        Change::AnswerLeaves(execution) => answers::leaves(c, execution),
        Change::FinishAnswer { execution, sealed, keep_key, keep_until } => {
            answers::finish(c, execution, sealed.as_ref(), *keep_key, *keep_until)
        }
        Change::DeleteAnswer(execution) => answers::delete(c, execution),
        Change::BeginRefresh { attempt, lease } => refreshes::begin(c, attempt, *lease),
        Change::EndRefresh { account, fence, outcome, code, at } => {
            refreshes::end(c, account, *fence, *outcome, *code, *at)
        }
        Change::TakeOverRefresh { account, fence, at } => refreshes::take_over(c, account, *fence, *at, own),
        Change::ForgetInstance(instance) => instances::forget(c, *instance),
        Change::InsertRevocation(revocation) => revocations::insert(c, revocation),
        Change::UpdateRevocation(revocation) => revocations::update(c, revocation),
        Change::DeleteRevocation(id) => revocations::delete(c, id),
        Change::Freeze(mark) => home::freeze(c, mark),
        Change::Thaw => home::thaw(c),
        Change::InsertApiClient(client) => api_clients::insert_client(c, client),
        Change::UpdateApiClient(client) => api_clients::update_client(c, client),
        Change::InsertApiToken(token) => api_clients::insert_token(c, token),
        Change::UpdateApiToken(token) => api_clients::update_token(c, token),
        Change::InsertEnvironment { id, name, at } => environments::insert(c, id, name, *at),
        Change::InsertKeyTerm(term) => keys::insert_term(c, term),
        Change::ReserveSeals { term, from, to } => keys::reserve(c, *term, *from, *to),
        Change::RewrapKeyTerm { term, from, to } => keys::rewrap(c, *term, from, to),
        Change::DeleteKeyTerm { term } => keys::delete_term(c, *term),
        Change::Reseal { place, from, to } => sealed::reseal(c, place, from, to),
        Change::InsertSigningKey(key) => keys::insert_signing_key(c, key),
        Change::InsertUser(user) => users::insert(c, user),
        Change::UpdateUser(user) => users::update(c, user),
        Change::InsertInvitation(invitation) => users::insert_invitation(c, invitation),
        Change::UseInvitation { id, at } => users::use_invitation(c, id, *at),
        Change::DeleteInvitation(id) => users::delete_invitation(c, id),
        Change::InsertSession(session) => users::insert_session(c, session),
        Change::TouchSession { id, at } => users::touch_session(c, id, *at),
        Change::DeleteSession(id) => users::delete_session(c, id),
        Change::DeleteSessionsOf { user, except } => users::delete_sessions(c, user, except.as_ref()),
        Change::AppendAudit(entry) => audit::append(c, entry),
        Change::PutBranding(branding) => branding::put(c, branding),
        Change::InsertBulk(work) => bulk::insert(c, work),
        Change::UpdateBulk(work) => bulk::update(c, work),
        Change::InsertWebhook(webhook) => webhooks::insert(c, webhook),
        Change::UpdateWebhook(webhook) => webhooks::update(c, webhook),
        Change::DeleteWebhook(id) => webhooks::delete(c, id),
        Change::NoteWebhook { id, note } => webhooks::note(c, id, note),
        Change::PutWebhookSecret { webhook, generation, sealed, old_until } => {
            webhooks::put_secret(c, webhook, *generation, sealed, *old_until)
        }
        Change::InsertDelivery(delivery) => deliveries::insert(c, delivery),
        Change::InsertDeliveryBody(body) => deliveries::insert_body(c, body),
        Change::UpdateDelivery { attempts, delivery } => deliveries::update(c, *attempts, delivery),
        Change::PutLogo(logo) => branding::put_logo(c, logo),
        Change::DropLogos { keep } => branding::drop_logos(c, *keep),
        Change::PutStatusCounts { at, keep_from, counts } => {
            overview::put_status_counts(c, *at, *keep_from, counts)
        }
    }
}
