//! `valetkey backup`, `restore`, `verify`, `export`, `import`: everything in a database as one encrypted file.

mod read;
mod write;

use std::{
    fmt,
    path::{Path, PathBuf},
};

use clap::Subcommand;
use valetkey_domain::{Clock as _, SystemClock};
use valetkey_store::{Purpose, RowCounts};
use valetkey_vault::MasterKey;

use crate::{
    failure::{Exit, Failure},
    master_key::MasterKeySource,
    output,
    settings::{Flags, Settings},
};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write everything in the database to a new file, encrypted under the master key; the server may go on working
    Backup {
        /// The file; must not be there
        file: PathBuf,
        #[command(flatten)]
        flags: Flags,
    },
    /// Make the database anew from a backup; it is frozen until `valetkey store confirm`
    Restore {
        /// The file
        file: PathBuf,
        #[command(flatten)]
        flags: Flags,
    },
    /// Check a backup or an export: that it is whole and unaltered, fits together, and every secret in it opens
    Verify {
        /// The file
        file: PathBuf,
        #[command(flatten)]
        flags: Flags,
    },
    /// Write everything in the database to a new file, to make another database from it, also one of the other kind
    Export {
        /// The file; must not be there
        file: PathBuf,
        /// Leave this database for good: it must not be worked on, and is marked, so that it renews no rotating grant
        #[arg(long = "move")]
        leave: bool,
        #[command(flatten)]
        flags: Flags,
    },
    /// Make a database from an export or a backup; it is frozen until `valetkey store confirm`, unless it was moved
    Import {
        /// The file
        file: PathBuf,
        /// Go on where `valetkey export --move` has left off, without being frozen; only once for each export
        #[arg(long = "move")]
        go_on: bool,
        #[command(flatten)]
        flags: Flags,
    },
}

impl Command {
    /// The settings on the command line.
    pub(crate) fn flags(&self) -> &Flags {
        match self {
            Self::Backup { flags, .. }
            | Self::Restore { flags, .. }
            | Self::Verify { flags, .. }
            | Self::Export { flags, .. }
            | Self::Import { flags, .. } => flags,
        }
    }
}

pub(crate) async fn run(command: Command, settings: &Settings) -> Result<(), Failure> {
    let at = SystemClock.now();
    match command {
        Command::Backup { file, .. } => write::run(settings, &file, Purpose::Backup, at).await,
        Command::Export { file, leave, .. } => {
            let purpose = if leave { Purpose::Move } else { Purpose::Export };
            write::run(settings, &file, purpose, at).await
        }
        Command::Restore { file, .. } => read::make(settings, &file, read::From::Backup, at).await,
        Command::Import { file, go_on, .. } => {
            let from = if go_on { read::From::Moved } else { read::From::Export };
            read::make(settings, &file, from, at).await
        }
        Command::Verify { file, .. } => read::verify(settings, &file).await,
    }
}

/// The keys that may open an archive: the current one first.
fn master_keys(settings: &Settings) -> Result<(MasterKey, Option<MasterKey>), Failure> {
    let key =
        |source: &MasterKeySource| source.key().map_err(|error| Failure::setting(source.setting(), error));
    let current = settings.master_key.as_ref().ok_or_else(|| Failure::setting("master_key", "is missing"))?;
    Ok((key(current)?, settings.previous_master_key.as_ref().map(key).transpose()?))
}

/// Something about the file.
fn refused(file: &Path, error: impl fmt::Display) -> Failure {
    Failure::new(Exit::Refused, format!("{}: {error}", file.display()))
}

/// How many rows of what there are, one line each.
fn print_rows(rows: &RowCounts) -> Result<(), Failure> {
    let width = rows.keys().map(String::len).max().unwrap_or(0);
    let lines = rows.iter().map(|(table, rows)| format!("  {table:width$}  {rows}\n"));
    output::print(&lines.collect::<String>())
}

#[cfg(test)]
mod tests;
