//! Removing what grows without end, by age, a few records at a time.

use valetkey_domain::{EventId, ExecutionId, Time, store::Prunable};

use crate::values::later;

use super::row::{Value, micros, values};

/// The statement that removes up to `limit` records from before an instant, the oldest first. What somebody else is
/// removing or changing at this moment is left to them.
pub(super) fn removal(what: Prunable, before: Time, limit: u32) -> (&'static str, Vec<Value>) {
    let (at, limit) = (micros(before), i64::from(limit));
    match what {
        // Ids sort by time: they bound the walk, and the times decide.
        Prunable::Events => (
            "DELETE FROM events WHERE id = ANY (ARRAY(
                SELECT id FROM events WHERE id < $3 AND at < $1
                ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED))",
            values![at, limit, EventId::first_of(later(before)).as_str()],
        ),
        Prunable::Executions => (
            "DELETE FROM executions WHERE id = ANY (ARRAY(
                SELECT id FROM executions WHERE id < $3 AND started_at < $1 AND status <> 'RUNNING'
                ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED))",
            values![at, limit, ExecutionId::first_of(later(before)).as_str()],
        ),
        Prunable::AuthRequests => (
            "DELETE FROM auth_requests WHERE id = ANY (ARRAY(
                SELECT id FROM auth_requests WHERE expires_at < $1
                ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED))",
            values![at, limit],
        ),
        // The last one of an account stays: the next one counts on its fence.
        Prunable::Refreshes => (
            "DELETE FROM refreshes WHERE id = ANY (ARRAY(
                SELECT id FROM refreshes WHERE outcome IS NOT NULL AND ended_at < $1
                    AND EXISTS (SELECT FROM refreshes AS later
                        WHERE later.account = refreshes.account AND later.fence > refreshes.fence)
                ORDER BY ended_at LIMIT $2 FOR UPDATE SKIP LOCKED))",
            values![at, limit],
        ),
        Prunable::Answers => (
            "DELETE FROM answers WHERE execution = ANY (ARRAY(
                SELECT execution FROM answers WHERE keep_until < $1
                ORDER BY keep_until LIMIT $2 FOR UPDATE SKIP LOCKED))",
            values![at, limit],
        ),
        Prunable::Sessions => (
            "DELETE FROM sessions WHERE id = ANY (ARRAY(
                SELECT id FROM sessions WHERE expires_at < $1
                ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED))",
            values![at, limit],
        ),
        Prunable::Bulks => (
            "DELETE FROM bulk_works WHERE id = ANY (ARRAY(
                SELECT id FROM bulk_works WHERE ended_at IS NOT NULL AND ended_at < $1
                ORDER BY ended_at LIMIT $2 FOR UPDATE SKIP LOCKED))",
            values![at, limit],
        ),
        Prunable::Delivered => (
            "DELETE FROM webhook_deliveries WHERE ctid = ANY (ARRAY(
                SELECT ctid FROM webhook_deliveries WHERE outcome = 'delivered' AND ended_at < $1
                ORDER BY ended_at LIMIT $2 FOR UPDATE SKIP LOCKED))",
            values![at, limit],
        ),
        Prunable::Undelivered => (
            "DELETE FROM webhook_deliveries WHERE ctid = ANY (ARRAY(
                SELECT ctid FROM webhook_deliveries
                WHERE (outcome = 'failed' AND ended_at < $1) OR (outcome = 'pending' AND created_at < $1)
                ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED))",
            values![at, limit],
        ),
        Prunable::WebhookSecrets => (
            "DELETE FROM webhook_secrets WHERE ctid = ANY (ARRAY(
                SELECT ctid FROM webhook_secrets WHERE valid_until < $1
                ORDER BY valid_until LIMIT $2 FOR UPDATE SKIP LOCKED))",
            values![at, limit],
        ),
        Prunable::Invitations => (
            "DELETE FROM invitations WHERE id = ANY (ARRAY(
                SELECT id FROM invitations WHERE expires_at < $1
                ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED))",
            values![at, limit],
        ),
    }
}
