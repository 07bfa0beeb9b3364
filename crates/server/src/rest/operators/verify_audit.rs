//! `POST /v1/connect/audit/verify`

use axum::{Json, extract::State};
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;
use valetkey_engine::AuditVerdict;

use crate::{
    auth::Authenticated,
    rest::{common::Reply, openapi::Errors},
    state::App,
};

/// What a walk along the audit log found.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditVerdict)]
pub(crate) struct VerdictBody {
    /// Whether no entry was altered, removed or put in between.
    whole: bool,
    /// How many entries follow on each other from the beginning.
    entries: u64,
    /// How many executions the entries stand for that are as they were when they were sealed.
    executions: u64,
    /// The hash of the last entry, in hex. Noted elsewhere, it shows later that nothing before it was rewritten.
    head: Option<String>,
    /// When the last entry was made.
    #[serde(with = "time::serde::rfc3339::option")]
    last_at: Option<OffsetDateTime>,
    /// The number of the first entry that does not fit.
    broken_at: Option<u64>,
    /// What is wrong with it.
    reason: Option<String>,
}

impl From<AuditVerdict> for VerdictBody {
    fn from(verdict: AuditVerdict) -> Self {
        let hex = |hash: [u8; 32]| hash.iter().map(|byte| format!("{byte:02x}")).collect();
        let (broken_at, reason) = verdict.broken.unzip();
        Self {
            whole: broken_at.is_none(),
            entries: verdict.entries,
            executions: verdict.executions,
            head: verdict.head.map(hex),
            last_at: verdict.last_at,
            broken_at,
            reason,
        }
    }
}

/// Verify the audit log
///
/// Walks along the whole chain of hashes. Needs `server:manage`.
#[utoipa::path(
    post, path = "/v1/connect/audit/verify", operation_id = "verifyAudit", tag = "server",
    responses((status = OK, description = "What was found", body = VerdictBody), Errors)
)]
pub(crate) async fn verify(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
) -> Reply<VerdictBody> {
    Ok(Json(app.engine.verify_audit(&caller).await?.into()))
}
