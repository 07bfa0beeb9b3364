//! The database: whether it is there, whose it is, how old, and whether the master key is its own.

use std::{sync::Arc, time::Duration};

use valetkey_domain::{
    Connection, ErrorCode, PageRequest, Store, StoreError,
    catalogue::RemedyAction,
    diagnosis::{Evidence, EvidenceKind, Finding, Verdict},
    refresh::Frozen,
    store::ConnectionFilter,
};
use valetkey_engine::server_mark_of;
use valetkey_store::{
    Inspection, OpenError, PostgresOpenError, PostgresOptions, PostgresStore, SqliteOptions, SqliteStore,
};

use super::{Report, now, of_clocks, webhooks};
use crate::{master_key::MasterKeySource, settings::Settings};

/// The database's clock may differ by so much before leases and time-outs are judged wrongly.
const CLOCK_TOLERANCE: time::Duration = time::Duration::seconds(5);
/// How many connections are looked at for their providers.
const CONNECTIONS: u32 = 100;

/// What the other steps want to know of the database.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// The mark by which the server of this database is recognized.
    pub(super) mark: Option<String>,
    /// The connections that are in use.
    pub(super) connections: Vec<Connection>,
}

/// The store that was opened, to be closed as what it is.
enum Opened {
    Sqlite(Arc<SqliteStore>),
    Postgres(Arc<PostgresStore>),
}

impl Opened {
    fn store(&self) -> Arc<dyn Store> {
        match self {
            Self::Sqlite(store) => Arc::clone(store) as Arc<dyn Store>,
            Self::Postgres(store) => Arc::clone(store) as Arc<dyn Store>,
        }
    }

    async fn close(self) {
        match self {
            // Nothing was written: a failure here says nothing.
            Self::Sqlite(store) => drop(store.close().await),
            Self::Postgres(store) => store.close(),
        }
    }
}

pub(super) async fn look(settings: &Settings, report: &mut Report) -> Known {
    let inspection = match inspect(settings).await {
        Ok(Some(inspection)) => inspection,
        Ok(None) => {
            let place = settings.storage.database.display().to_string();
            report.found("database", missing(&place));
            return Known::default();
        }
        Err(finding) => {
            report.found("database", *finding);
            return Known::default();
        }
    };
    let place = &inspection.place;
    of_clock(&inspection, report);
    if inspection.applied.is_none() {
        report.found("database", missing(place));
        return Known::default();
    }
    report.ok("database", EvidenceKind::Probe, format!("The database {place} can be read and is sound."));
    if !inspection.pending.is_empty() {
        report.found("migrations", pending(&inspection));
        return Known::default();
    }
    report.ok("migrations", EvidenceKind::Probe, "The database is of this version.");
    let opened = match open(settings).await {
        Ok(opened) => opened,
        Err(finding) => {
            report.found("writes", *finding);
            return Known::default();
        }
    };
    let store = opened.store();
    let known = inside(&*store, settings, place, report).await;
    opened.close().await;
    known.unwrap_or_else(|failure| {
        report.found("reads", of_failure(place, &failure));
        Known::default()
    })
}

async fn inspect(settings: &Settings) -> Result<Option<Inspection>, Box<Finding>> {
    if let Some(url) = &settings.storage.server {
        return PostgresStore::inspect(url).await.map(Some).map_err(|error| Box::new(of_postgres(&error)));
    }
    let path = &settings.storage.database;
    if !path.exists() {
        return Ok(None);
    }
    SqliteStore::inspect(path).map(Some).map_err(|error| Box::new(of_sqlite(&error)))
}

async fn open(settings: &Settings) -> Result<Opened, Box<Finding>> {
    if let Some(url) = &settings.storage.server {
        let options = PostgresOptions { max_connections: 2, ..PostgresOptions::default() };
        let store = PostgresStore::open_with(url, options).await;
        return store.map(|s| Opened::Postgres(Arc::new(s))).map_err(|error| Box::new(of_postgres(&error)));
    }
    let options = SqliteOptions { busy_timeout: Duration::from_secs(2), ..SqliteOptions::default() };
    let store = SqliteStore::open_with(&settings.storage.database, options);
    store.map(|s| Opened::Sqlite(Arc::new(s))).map_err(|error| Box::new(of_sqlite(&error)))
}

fn missing(place: &str) -> Finding {
    Finding::new(ErrorCode::DatabaseMissing)
        .severity(Verdict::Degraded)
        .message(format!("There is no database at {place} yet."))
        .evidence(Evidence::new(EvidenceKind::Setting, place).reference("database_url"))
}

fn pending(inspection: &Inspection) -> Finding {
    let names = inspection.pending.join(", ");
    Finding::new(ErrorCode::MigrationsPending)
        .severity(Verdict::Degraded)
        .message(format!(
            "The database {} is of an older version: {names} will be applied at the next start.",
            inspection.place
        ))
        .evidence(Evidence::new(
            EvidenceKind::Probe,
            format!("Its last migration is number {}; pending: {names}", inspection.applied.unwrap_or(0)),
        ))
}

fn of_sqlite(error: &OpenError) -> Finding {
    let code = match error {
        OpenError::Unusable { reason, .. } => of_words(reason).unwrap_or(ErrorCode::DatabaseUnreachable),
        OpenError::Foreign { .. } | OpenError::Newer { .. } | OpenError::Damaged { .. } => {
            ErrorCode::DatabaseUnusable
        }
    };
    told(code, error.to_string())
}

fn of_postgres(error: &PostgresOpenError) -> Finding {
    let code = match error {
        PostgresOpenError::Url { .. } => ErrorCode::SettingInvalid,
        PostgresOpenError::Unusable { reason, .. } => {
            of_words(reason).unwrap_or(ErrorCode::DatabaseUnreachable)
        }
        PostgresOpenError::Foreign { .. } | PostgresOpenError::Newer { .. } => ErrorCode::DatabaseUnusable,
    };
    told(code, error.to_string())
}

fn of_failure(place: &str, failure: &StoreError) -> Finding {
    let words = failure.to_string();
    told(of_words(&words).unwrap_or(ErrorCode::DatabaseUnreachable), format!("{place}: {words}"))
}

fn told(code: ErrorCode, words: String) -> Finding {
    let evidence = Evidence::new(EvidenceKind::Probe, words.clone()).reference("database_url");
    Finding::new(code).message(format!("{} {words}.", code.entry().meaning)).evidence(evidence)
}

/// What the databases call no room and no right to write. PostgreSQL: 53100 disk_full, 25006 a standby; SQLite:
/// SQLITE_FULL, SQLITE_READONLY.
fn of_words(words: &str) -> Option<ErrorCode> {
    let words = words.to_ascii_lowercase();
    let says = |signs: &[&str]| signs.iter().any(|sign| words.contains(sign));
    if says(&["(53100)", "disk is full", "no space left", "disk full", "quota exceeded"]) {
        Some(ErrorCode::DatabaseFull)
    } else if says(&[
        "(25006)",
        "readonly database",
        "read-only",
        "session is not read-write",
        "does not allow writes",
    ]) {
        Some(ErrorCode::DatabaseReadOnly)
    } else {
        None
    }
}

/// Ours against the database's: leases and signs of life are judged by the latter, tokens and links by the former.
fn of_clock(inspection: &Inspection, report: &mut Report) {
    let Some((theirs, took)) = inspection.clock else { return };
    let took = time::Duration::try_from(took).unwrap_or(time::Duration::ZERO);
    let ahead = theirs - now();
    let place = &inspection.place;
    if ahead.abs() <= CLOCK_TOLERANCE + took {
        report.ok(
            "clock_of_database",
            EvidenceKind::Clock,
            format!("The clock of {place} agrees with this one."),
        );
        return;
    }
    let direction = if ahead.is_positive() { "behind" } else { "ahead of" };
    let message = format!(
        "This machine's clock is {} seconds {direction} that of the database {place}.",
        ahead.whole_seconds().abs()
    );
    let evidence = Evidence::new(EvidenceKind::Clock, message.clone()).reference(place).at(theirs);
    report.found("clock_of_database", of_clocks(message, evidence, 1).severity(Verdict::Degraded));
}

/// What only an open database tells.
async fn inside(
    store: &dyn Store,
    settings: &Settings,
    place: &str,
    report: &mut Report,
) -> Result<Known, StoreError> {
    match store.check().await {
        Ok(()) => report.ok("writes", EvidenceKind::Probe, "The database accepts writes."),
        Err(failure) => report.found("writes", of_failure(place, &failure)),
    }
    of_key(store, settings, place, report).await?;
    if let Some(frozen) = store.frozen().await? {
        report.found("frozen", of_frozen(&frozen));
    }
    webhooks::look(store, report).await?;
    let environments = store.environments().await?;
    let mark = environments.iter().find(|(_, name)| name == "default").map(|(id, _)| server_mark_of(id));
    let mut connections = Vec::new();
    for (environment, _) in &environments {
        let page = PageRequest { size: CONNECTIONS, cursor: None };
        connections.extend(store.connections(environment, &ConnectionFilter::default(), &page).await?.items);
    }
    Ok(Known { mark, connections })
}

async fn of_key(
    store: &dyn Store,
    settings: &Settings,
    place: &str,
    report: &mut Report,
) -> Result<(), StoreError> {
    let Some(source) = &settings.master_key else {
        report.skipped("master_key", "There is no master key to try.");
        return Ok(());
    };
    let keys = [Some(source), settings.previous_master_key.as_ref()];
    let keys: Vec<_> = keys.into_iter().flatten().filter_map(|source| source.key().ok()).collect();
    let terms = store.key_terms().await?;
    let closed =
        terms.iter().find(|term| keys.iter().all(|key| key.unwrap(term.term, &term.sealed_key).is_err()));
    match closed {
        None => report.ok("master_key", EvidenceKind::Probe, "The master key opens the keyring."),
        Some(term) => report.found("master_key", of_wrong_key(source, term.term, place)),
    }
    Ok(())
}

fn of_wrong_key(source: &MasterKeySource, term: u32, place: &str) -> Finding {
    let setting = source.setting();
    Finding::new(ErrorCode::MasterKeyWrong)
        .message(format!("The master key of {setting} does not open the keyring in the database {place}."))
        .evidence(
            Evidence::new(EvidenceKind::Probe, format!("Term {term} of the keyring does not open under it"))
                .reference(setting),
        )
}

fn of_frozen(frozen: &Frozen) -> Finding {
    Finding::new(ErrorCode::GrantFrozen)
        .severity(Verdict::Degraded)
        .message("The database was restored or copied: grants whose refresh token works once are not renewed.")
        .cause(frozen.reason.clone())
        .evidence(Evidence::new(EvidenceKind::Probe, frozen.reason.clone()).at(frozen.since))
        .remedy(
            RemedyAction::ConfigureServer,
            "Make sure that no other server works on a copy of this database, then run `valetkey store confirm`.",
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The words of the databases themselves.
    #[test]
    fn words_of_databases_are_sorted() {
        for (words, code) in [
            (
                "could not extend file \"base/1\": No space left on device (53100)",
                Some(ErrorCode::DatabaseFull),
            ),
            ("database or disk is full", Some(ErrorCode::DatabaseFull)),
            ("attempt to write a readonly database", Some(ErrorCode::DatabaseReadOnly)),
            ("cannot execute UPDATE in a read-only transaction (25006)", Some(ErrorCode::DatabaseReadOnly)),
            ("error connecting to server: database does not allow writes", Some(ErrorCode::DatabaseReadOnly)),
            ("connection refused", None),
        ] {
            assert_eq!(of_words(words), code, "{words}");
        }
    }
}
