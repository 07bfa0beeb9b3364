//! The keyring: which term seals, what is sealed in which, and how it changes.

mod add;
mod retire;
mod rotate;
mod status;

use std::collections::BTreeMap;

use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use valetkey_engine::{KeysStatus, ResealProgress, TermView};

use crate::state::App;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(status::status, add::add))
        .routes(routes!(rotate::rotate))
        .routes(routes!(retire::retire))
}

/// The keyring. Keys themselves are never shown.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Keys)]
pub(crate) struct KeysBody {
    /// The term that seals.
    active_term: u32,
    /// How often a term may seal before the next one follows.
    seal_limit: u64,
    /// How many secrets are sealed in closed terms and wait to be sealed anew.
    remaining: u64,
    resealing: ResealingBody,
    /// The terms, by number.
    terms: Vec<TermBody>,
}

/// One numbered term of the keyring.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = KeyTerm)]
struct TermBody {
    term: u32,
    /// `PREPARED`: added, not used yet. `ACTIVE`: seals. `FULL`: has sealed as often as a term may. `CLOSED`: left by a
    /// rotation; what is sealed in it is being sealed anew.
    #[schema(example = "ACTIVE")]
    state: &'static str,
    /// How many seals have been reserved on it; never fewer than were made.
    seals_reserved: u64,
    /// How many secrets are sealed in it.
    sealed: u64,
    /// The same by kind.
    #[schema(example = json!({"credentials": 12, "client_secrets": 1}))]
    sealed_by_kind: BTreeMap<&'static str, u64>,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
}

/// What the server that answers does about secrets in closed terms. Others on the same database do the same.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Resealing)]
struct ResealingBody {
    /// Whether it is at work.
    running: bool,
    /// Secrets looked at in the present or last pass.
    scanned: u64,
    /// Secrets sealed anew since the server started.
    resealed: u64,
    /// Secrets that did not open in the present or last pass, and stay as they are.
    failed: u64,
    /// When the last pass ended.
    #[serde(with = "time::serde::rfc3339::option")]
    ended_at: Option<OffsetDateTime>,
}

impl From<TermView> for TermBody {
    fn from(view: TermView) -> Self {
        Self {
            term: view.term.term,
            state: view.term.used.as_str(),
            seals_reserved: view.term.seals_reserved,
            sealed: view.sealed(),
            sealed_by_kind: view.secrets.iter().map(|(kind, count)| (kind.as_str(), *count)).collect(),
            created_at: view.term.created_at,
        }
    }
}

impl From<ResealProgress> for ResealingBody {
    fn from(progress: ResealProgress) -> Self {
        let ResealProgress { running, scanned, resealed, failed, ended_at } = progress;
        Self { running, scanned, resealed, failed, ended_at }
    }
}

impl From<KeysStatus> for KeysBody {
    fn from(status: KeysStatus) -> Self {
        Self {
            active_term: status.active,
            seal_limit: status.limit_per_term,
            remaining: status.remaining,
            resealing: status.resealing.into(),
            terms: status.terms.into_iter().map(TermBody::from).collect(),
        }
    }
}
