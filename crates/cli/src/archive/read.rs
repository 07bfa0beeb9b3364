//! A file into a database.

use std::{
    fs::File,
    io::{self, BufReader},
    path::{Path, PathBuf},
    sync::Arc,
};

use time::format_description::well_known::Rfc3339;
use valetkey_domain::{Clock as _, Store, SystemClock, Time, refresh::Frozen};
use valetkey_engine::{
    check_secrets,
    keyring::{MasterKeys, SealLimits, VaultKeeper},
};
use valetkey_store::{Arrival, DumpError, Loaded, PostgresStore, Purpose, SqliteStore};
use valetkey_vault::archive::ArchiveReader;

use super::{master_keys, print_rows, refused};
use crate::{
    failure::{Exit, Failure},
    files, output,
    settings::Settings,
    wiring,
};

/// What the operator says of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum From {
    Backup,
    Export,
    /// Its database was left for the one that is made from it.
    Moved,
}

type Input = BufReader<ArchiveReader<BufReader<File>>>;

/// Opens an archive under one of the master keys and tells what its label, which is authentic then, says.
fn open(settings: &Settings, file: &Path) -> Result<(Input, Label), Failure> {
    let (current, previous) = master_keys(settings)?;
    let keys: Vec<_> = std::iter::once(&current).chain(&previous).collect();
    let opened = File::open(file).and_then(|input| ArchiveReader::open(BufReader::new(input), &keys));
    let reader = opened.map_err(|error| refused(file, error))?;
    let label = serde_json::from_slice(reader.label()).map_err(|error| refused(file, error))?;
    Ok((BufReader::new(reader), label))
}

/// What stands on an archive.
#[derive(Debug, serde::Deserialize)]
struct Label {
    purpose: Purpose,
    made_at: String,
    version: String,
}

/// What to say of a failure: an archive that breaks off or does not open is not the database's fault.
fn failed(file: &Path, error: DumpError) -> Failure {
    match error {
        DumpError::Stream(error) => refused(file, error),
        DumpError::Malformed(_) => refused(file, error),
        other => Failure::new(Exit::Refused, other),
    }
}

/// Makes the database of the settings, where there is none.
pub(super) async fn make(settings: &Settings, file: &Path, from: From, at: Time) -> Result<(), Failure> {
    let (input, label) = open(settings, file)?;
    let arrival = match (from, label.purpose) {
        (From::Moved, Purpose::Move) => Arrival::GoesOn,
        (From::Moved, _) => {
            return Err(refused(
                file,
                "the database it was made from was not left: import it without --move, which freezes the new one, or \
                 make it with `valetkey export --move`",
            ));
        }
        _ => {
            let what = if from == From::Backup { "restored from a backup" } else { "made from an export" };
            let reason = format!("the database was {what} of {}", label.made_at);
            Arrival::Frozen(Frozen { since: at, reason })
        }
    };
    let loaded = match &settings.storage.server {
        Some(url) => PostgresStore::load(url, input, &arrival).await,
        None => {
            let _lock = wiring::lock(&settings.storage.database)?;
            SqliteStore::load(&settings.storage.database, input, &arrival)
        }
    };
    let loaded = loaded.map_err(|error| failed(file, error))?;
    output::print_line(&format!("The database is made from {}. Rows in it:", file.display()))?;
    print_rows(&loaded.rows)?;
    output::print(match &arrival {
        Arrival::Frozen(_) => {
            "It is frozen: grants whose refresh token works once are served, but not renewed, since the original may have \
             spent their tokens.\nMake sure that no server works on the original any more, start the server, then run \
             `valetkey store confirm`.\n"
        }
        Arrival::GoesOn => {
            "It goes on where the other one was left. Do not import this file anywhere else.\n"
        }
    })
}

/// Makes a database from the file to see whether that works, opens every secret in it, and removes it.
pub(super) async fn verify(settings: &Settings, file: &Path) -> Result<(), Failure> {
    let (input, label) = open(settings, file)?;
    let scratch = Scratch::begin().map_err(|error| refused(&std::env::temp_dir(), error))?;
    let database = scratch.0.join("verify.db");
    let arrival = Arrival::Frozen(Frozen { since: SystemClock.now(), reason: "it is looked at".into() });
    let loaded = SqliteStore::load(&database, input, &arrival).map_err(|error| failed(file, error))?;
    let store = SqliteStore::open(&database).map_err(|error| refused(file, error))?;
    let store = Arc::new(store);
    let found = look(settings, Arc::clone(&store) as Arc<dyn Store>).await;
    store.close().await.map_err(|error| refused(file, error))?;
    let found = found.map_err(|error| refused(file, error))?;
    if !found.refused.is_empty() {
        let places = found.refused.join("\n  ");
        return Err(refused(
            file,
            format!("it is what was written, but these secrets do not open:\n  {places}"),
        ));
    }
    let Loaded { head, rows } = loaded;
    output::print_line(&format!(
        "{} is good: a {} of a {} database, made at {} by version {}. Rows in it:",
        file.display(),
        if head.purpose == Purpose::Backup { "backup" } else { "export" },
        if head.database == "sqlite" { "SQLite" } else { "PostgreSQL" },
        head.made_at.format(&Rfc3339).unwrap_or(label.made_at),
        label.version,
    ))?;
    print_rows(&rows)?;
    let secrets: u64 = found.opened.values().sum();
    output::print_line(&format!("Every secret in it opens: {secrets}."))
}

async fn look(
    settings: &Settings,
    store: Arc<dyn Store>,
) -> Result<valetkey_engine::SecretsChecked, Box<dyn std::error::Error>> {
    let (current, previous) = master_keys(settings).map_err(|failure| failure.text)?;
    let keys = MasterKeys { current, previous };
    let keeper =
        VaultKeeper::start(Arc::clone(&store), keys, Arc::new(SystemClock), SealLimits::default()).await?;
    Ok(check_secrets(&*store, &keeper).await?)
}

/// A folder for a while, in the system's place for such (`TMPDIR`), that only this user may enter.
struct Scratch(PathBuf);

impl Scratch {
    fn begin() -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("valetkey-verify-{}", std::process::id()));
        // What an earlier process of the same number has left; another user's cannot be removed, and is refused.
        match std::fs::remove_dir_all(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        files::new_private_folder(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(folder = %self.0.display(), %error, "a folder could not be removed");
        }
    }
}
