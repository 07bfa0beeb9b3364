//! What a running server says of itself to somebody it knows: the state of its background, job by job.

use serde_json::Value;
use url::Url;
use valetkey_domain::{
    ErrorCode,
    diagnosis::{Evidence, EvidenceKind, Finding, Verdict},
};

use super::{Report, database::Known};
use crate::failure::{Exit, Failure};

/// The server that was asked, and what came of it.
pub(crate) enum Running {
    /// There was none to ask, or no key for it.
    NotAsked {
        /// Why.
        why: String,
    },
    /// There was.
    Asked {
        /// Where.
        url: Url,
        /// What named it.
        by: &'static str,
        /// What it says.
        said: Result<Said, Failure>,
    },
}

/// What a server says of itself.
pub(crate) struct Said {
    /// Its mark, by which its database is recognized.
    pub(crate) mark: Option<String>,
    /// Its jobs, as the API gives them.
    pub(crate) background: Value,
}

pub(super) fn look(running: Running, known: &Known, report: &mut Report) {
    let (url, by, said) = match running {
        Running::NotAsked { why } => return report.skipped("server", why),
        Running::Asked { url, by, said } => (url, by, said),
    };
    let place = format!("The server at {url}, named by {by},");
    let said = match said {
        Ok(said) => said,
        Err(failure) => return report.found("server", of_failure(&place, &failure)),
    };
    let whose = match (&said.mark, &known.mark) {
        (Some(theirs), Some(ours)) if theirs == ours => ", and works on this very database",
        (Some(_), Some(_)) => ", but works on another database than the one looked at here",
        _ => "",
    };
    let jobs = said.background["jobs"].as_array().map(Vec::as_slice).unwrap_or_default();
    if said.background["running"] != true {
        let detail = format!("{place} accepts the key{whose}. It does none of the background's work itself.");
        return report.ok("server", EvidenceKind::Probe, detail);
    }
    let failing: Vec<_> = jobs
        .iter()
        .filter_map(|job| Some((job["name"].as_str()?, job["last_error"].as_str()?)))
        .map(|(name, error)| {
            Evidence::new(EvidenceKind::Probe, format!("The job {name}: {error}")).reference(name)
        })
        .collect();
    let detail = format!("{place} accepts the key{whose}. {} background jobs work there", jobs.len());
    if failing.is_empty() {
        return report.ok("server", EvidenceKind::Probe, format!("{detail}, none of them fails."));
    }
    // Without a key it was only told that something fails.
    let told = report.findings.iter().position(|finding| finding.code == ErrorCode::BackgroundFailing);
    let finding = match told {
        Some(index) => report.findings.remove(index),
        None => Finding::new(ErrorCode::BackgroundFailing).severity(Verdict::Degraded),
    };
    report.found("server", finding.message(format!("{detail}, and some fail.")).evidences(failing));
}

fn of_failure(place: &str, failure: &Failure) -> Finding {
    let words = failure.text.lines().next().unwrap_or_default();
    let message = match failure.exit {
        Exit::Unreachable => format!("{place} cannot be reached."),
        _ => format!("{place} does not tell how it is: {words}"),
    };
    Finding::new(failure.code())
        .severity(Verdict::Degraded)
        .message(message)
        .evidence(Evidence::new(EvidenceKind::Probe, words))
}
