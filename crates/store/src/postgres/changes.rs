//! One commit: each change to the statements of its noun.

use valetkey_domain::{Change, Changes, StoreError};

use super::{
    accounts, answers, api_clients, audit, auth_requests, branding, bulk, clock::Observer, connections,
    credentials, deliveries, environments, events, executions, home, instances, keys, overview, refreshes,
    revocations, row::Conflicts, sealed, statement::Write, users, webhooks,
};

/// The statements of a commit, in order. `observer` is who asks for it.
pub(super) fn writes(changes: &Changes, observer: Observer) -> Result<Vec<Write>, StoreError> {
    let mut writes = Vec::with_capacity(changes.0.len());
    for change in &changes.0 {
        push(change, observer, &mut writes)?;
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

fn push(change: &Change, observer: Observer, writes: &mut Vec<Write>) -> Result<(), StoreError> {
    writes.push(match change {
        Change::InsertConnection(connection) => connections::insert(connection)?,
        Change::UpdateConnection(connection) => connections::update(connection)?,
        Change::DeleteConnection(id) => connections::delete(id)?,
        Change::InsertAccount(account) => accounts::insert(account)?,
        Change::UpdateAccount(account) => accounts::update(account)?,
        Change::ScheduleRefresh { id, generation, at } => accounts::schedule(id, *generation, *at)?,
        Change::DegradeAccount { id, generation, degraded } => accounts::degrade(id, *generation, degraded)?,
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
        Change::AppendEvent(event) => {
            writes.push(events::append(event)?);
            writes.extend(deliveries::announce(event)?);
            return Ok(());
        }
        Change::InsertExecution(execution) => executions::insert(execution)?,
        Change::FinishExecution(execution) => executions::finish(execution)?,
        Change::AbandonExecutions { instance, at } => {
            writes.push(deliveries::announce_abandoned(*instance, *at));
            writes.extend(executions::abandon(*instance));
            return Ok(());
        }
        Change::AnnounceExecution { id, at } => deliveries::announce_execution(id, *at),
        Change::InsertAnswer(answer) => answers::insert(answer),
        Change::AnswerLeaves(execution) => answers::leaves(execution),
        Change::FinishAnswer { execution, sealed, keep_key, keep_until } => {
            answers::finish(execution, sealed, *keep_key, *keep_until)
        }
        Change::DeleteAnswer(execution) => answers::delete(execution),
        Change::BeginRefresh { attempt, lease } => {
            writes.extend(refreshes::begin(attempt, *lease)?);
            return Ok(());
        }
        Change::EndRefresh { account, fence, outcome, code, at } => {
            refreshes::end(account, *fence, *outcome, *code, *at)?
        }
        Change::TakeOverRefresh { account, fence, at } => {
            refreshes::take_over(account, *fence, *at, observer)?
        }
        Change::ForgetInstance(instance) => instances::forget(*instance),
        Change::InsertRevocation(revocation) => revocations::insert(revocation)?,
        Change::UpdateRevocation(revocation) => revocations::update(revocation)?,
        Change::DeleteRevocation(id) => revocations::delete(id)?,
        Change::Freeze(mark) => home::freeze(mark)?,
        Change::Thaw => home::thaw(),
        Change::InsertApiClient(client) => api_clients::insert_client(client)?,
        Change::UpdateApiClient(client) => api_clients::update_client(client)?,
        Change::InsertApiToken(token) => api_clients::insert_token(token)?,
        Change::UpdateApiToken(token) => api_clients::update_token(token)?,
        Change::InsertEnvironment { id, name, at } => environments::insert(id, name, *at)?,
        Change::InsertKeyTerm(term) => keys::insert_term(term)?,
        Change::ReserveSeals { term, from, to } => keys::reserve(*term, *from, *to)?,
        Change::RewrapKeyTerm { term, from, to } => keys::rewrap(*term, from, to)?,
        Change::DeleteKeyTerm { term } => keys::delete_term(*term)?,
        Change::Reseal { place, from, to } => sealed::reseal(place, from, to)?,
        Change::InsertSigningKey(key) => keys::insert_signing_key(key)?,
        Change::InsertUser(user) => users::insert(user)?,
        Change::UpdateUser(user) => users::update(user)?,
        Change::InsertInvitation(invitation) => users::insert_invitation(invitation),
        Change::UseInvitation { id, at } => users::use_invitation(id, *at),
        Change::DeleteInvitation(id) => users::delete_invitation(id),
        Change::InsertSession(session) => users::insert_session(session),
        Change::TouchSession { id, at } => users::touch_session(id, *at),
        Change::DeleteSession(id) => users::delete_session(id),
        Change::DeleteSessionsOf { user, except } => users::delete_sessions(user, except.as_ref()),
        Change::AppendAudit(entry) => audit::append(entry)?,
        Change::PutBranding(branding) => branding::put(branding)?,
        Change::InsertBulk(work) => bulk::insert(work)?,
        Change::UpdateBulk(work) => bulk::update(work)?,
        Change::InsertWebhook(webhook) => webhooks::insert(webhook)?,
        Change::UpdateWebhook(webhook) => webhooks::update(webhook)?,
        Change::DeleteWebhook(id) => webhooks::delete(id),
        Change::NoteWebhook { id, note } => webhooks::note(id, note),
        Change::PutWebhookSecret { webhook, generation, sealed, old_until } => {
            writes.extend(webhooks::put_secret(webhook, *generation, sealed, *old_until)?);
            return Ok(());
        }
        Change::InsertDelivery(delivery) => deliveries::insert(delivery)?,
        Change::InsertDeliveryBody(body) => deliveries::insert_body(body),
        Change::UpdateDelivery { attempts, delivery } => deliveries::update(*attempts, delivery),
        Change::PutLogo(logo) => branding::put_logo(logo),
        Change::DropLogos { keep } => branding::drop_logos(*keep),
        Change::PutStatusCounts { at, keep_from, counts } => {
            writes.extend(overview::put_status_counts(*at, *keep_from, counts)?);
            return Ok(());
        }
    });
    Ok(())
}
