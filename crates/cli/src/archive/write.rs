//! A database into a file.

use std::{
    io::{self, BufWriter, Write as _},
    path::Path,
};

use serde_json::json;
use time::format_description::well_known::Rfc3339;
use valetkey_domain::Time;
use valetkey_store::{DumpError, DumpHead, PostgresStore, Purpose, SqliteStore};
use valetkey_vault::{MasterKey, archive::ArchiveWriter};

use super::{master_keys, print_rows, refused};
use crate::{failure::Failure, files::NewFile, output, settings::Settings, wiring};

type Out = BufWriter<ArchiveWriter<BufWriter<NewFile>>>;

pub(super) async fn run(settings: &Settings, file: &Path, purpose: Purpose, at: Time) -> Result<(), Failure> {
    let (key, _) = master_keys(settings)?;
    let begin = |head: &DumpHead| begin(file, &key, head);
    let mut made = None;
    let finish = |out: Out| {
        made = Some(seal(out)?);
        Ok(())
    };
    let dumped = match &settings.storage.server {
        Some(url) => PostgresStore::dump(url, purpose, at, begin, finish).await,
        None => {
            let database = &settings.storage.database;
            // The lock is the server's: who has it knows that no server works on the database.
            let _lock = match purpose {
                Purpose::Move if database.exists() => Some(wiring::lock(database)?),
                _ => None,
            };
            SqliteStore::dump(database, purpose, at, begin, finish)
        }
    };
    let (_, rows) = dumped.map_err(|error| match error {
        DumpError::Stream(error) => refused(file, error),
        other => Failure::new(crate::failure::Exit::Refused, other),
    })?;
    if let Some(made) = made {
        made.place().map_err(|error| refused(file, error))?;
    }
    output::print_line(&format!("{} is written. Rows in it:", file.display()))?;
    print_rows(&rows)?;
    output::print(match purpose {
        Purpose::Backup => {
            "It opens under the master key alone: keep that key, apart from it. `valetkey verify` checks it.\n"
        }
        Purpose::Export => {
            "It opens under the master key alone. This database goes on; the one that is made from the file is frozen.\n"
        }
        Purpose::Move => {
            "This database is left: it renews no rotating grant any more. Go on with `valetkey import --move`, once.\n\
             To stay here after all, do not import the file; start the server and run `valetkey store confirm`.\n"
        }
    })
}

/// Looks whether the master key is the one of the database before there is a file. An archive under another key would be
/// found useless on the day when it is needed.
fn begin(file: &Path, key: &MasterKey, head: &DumpHead) -> io::Result<Out> {
    for (term, wrapped) in &head.key_terms {
        if key.unwrap(*term, wrapped).is_err() {
            return Err(io::Error::other(format!(
                "not written, since the master key does not open term {term} of the keyring in the database; set it to \
                 the key that the server runs with (after a change of the master key, start the server once before)"
            )));
        }
    }
    let made_at = head.made_at.format(&Rfc3339).map_err(io::Error::other)?;
    let label = json!({
        "purpose": head.purpose,
        "made_at": made_at,
        "version": env!("CARGO_PKG_VERSION"),
    });
    let out = BufWriter::new(NewFile::begin(file)?);
    Ok(BufWriter::new(ArchiveWriter::begin(out, key, label.to_string().as_bytes())?))
}

fn seal(out: Out) -> io::Result<NewFile> {
    let mut out = out.into_inner().map_err(io::IntoInnerError::into_error)?.finish()?;
    out.flush()?;
    let mut file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.settle()?;
    Ok(file)
}
