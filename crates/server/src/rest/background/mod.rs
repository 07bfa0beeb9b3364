//! The work that nobody asks for: whether this process does it, and how it is doing.

mod status;

use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use valetkey_engine::{Background, JobStatus};

use crate::state::App;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(status::status))
}

/// The background of the process that answers. Other processes on the same database have their own.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Background)]
pub(crate) struct BackgroundBody {
    /// Whether this process does the work: not with the role `api`.
    running: bool,
    /// Its jobs, by name.
    jobs: Vec<JobBody>,
}

/// One job.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BackgroundJob)]
struct JobBody {
    /// Its name.
    #[schema(example = "refresh_ahead")]
    name: &'static str,
    /// When it last ran to its end; `null` if it never did since the start.
    #[serde(with = "time::serde::rfc3339::option")]
    last_run_at: Option<OffsetDateTime>,
    /// How many things it has done since the start.
    done: u64,
    /// What its last run failed with; `null` if it did not fail.
    last_error: Option<String>,
}

impl BackgroundBody {
    fn of(background: Option<&Background>) -> Self {
        let job = |(name, status): (&'static str, JobStatus)| JobBody {
            name,
            last_run_at: status.last_run_at,
            done: status.done,
            last_error: status.last_error,
        };
        let jobs = background.map(Background::status).unwrap_or_default();
        Self { running: background.is_some(), jobs: jobs.into_iter().map(job).collect() }
    }
}
