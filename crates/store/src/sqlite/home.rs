//! Recognizing a database file that was restored from a backup or copied.
//!
//! The database knows where its file is, and holds a random token that is also in a witness file beside it. Both get a
//! new token when a process joins, every few minutes of work, and when the store is closed. A copy is another file; an
//! older content that was put back into the same file holds a token that the witness has forgotten.
//!
//! The witness is written first, with the token before beside the new one, then the database, then the witness with the
//! new token alone. So a crash in between is no mismatch, and afterwards nothing older is taken for the present. What
//! cannot be seen from here is database and witness put back together into the same files, as a snapshot of a whole
//! machine does.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};
use valetkey_domain::{
    StoreError, Time,
    refresh::{Frozen, Joined},
};

use super::{
    instances,
    row::{json, unavailable},
};

const TABLE: &str = "store_info";

/// What the database knows of its file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Home {
    token: String,
    file: Identity,
}

/// Which file it is. A device may get another number when the machine starts again, and the number of a removed file
/// may be given to the next one: the time of birth tells, where the file system has one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Identity {
    device: u64,
    inode: u64,
    /// In nanoseconds since 1970.
    born: Option<u64>,
}

impl Identity {
    fn of(path: &Path) -> io::Result<Self> {
        let file = fs::metadata(path)?;
        let born = file.created().ok().and_then(|born| born.duration_since(UNIX_EPOCH).ok());
        let born = born.and_then(|since| u64::try_from(since.as_nanos()).ok());
        Ok(Self { device: file.dev(), inode: file.ino(), born })
    }

    fn same(&self, other: &Self) -> bool {
        let birth = match (self.born, other.born) {
            (Some(one), Some(other)) => one == other,
            _ => self.device == other.device,
        };
        self.inode == other.inode && birth
    }
}

/// What is in the file beside the database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Witness {
    token: String,
    /// The token before, until the database is known to hold the new one; [`NEVER`] if it holds none yet.
    before: Option<String>,
}

/// Stands for the token of a database that nobody has joined.
const NEVER: &str = "";

impl Witness {
    fn accepts(&self, token: &str) -> bool {
        self.token == token || self.before.as_deref() == Some(token)
    }
}

fn witness_path(database: &Path) -> PathBuf {
    let mut path = OsString::from(database);
    path.push(".home");
    path.into()
}

/// The witness as it is: missing, or of no use, or sound.
fn read_witness(path: &Path) -> io::Result<Option<Result<Witness, String>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes).map_err(|error| error.to_string()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whole or not at all, and durable when it returns.
fn write_witness(path: &Path, witness: &Witness) -> io::Result<()> {
    let mut new = OsString::from(path);
    new.push(".new");
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    file.write_all(&serde_json::to_vec(witness)?)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

fn of_file(path: &Path) -> impl Fn(io::Error) -> StoreError {
    move |error| StoreError::Unavailable(format!("{}: {error}", path.display()))
}

/// What the database says of itself.
struct Known {
    home: Option<Home>,
    is_copy: bool,
    has_credentials: bool,
}

fn known(connection: &Connection) -> Result<Known, StoreError> {
    let sql = "SELECT home, is_copy, EXISTS (SELECT 1 FROM credentials) FROM store_info";
    let (home, is_copy, has_credentials): (Option<String>, bool, bool) = connection
        .query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .map_err(unavailable)?;
    let home = home.map(|text| serde_json::from_str(&text)).transpose();
    let home = home.map_err(|error| StoreError::Inconsistent {
        table: TABLE,
        column: "home",
        row: "1".into(),
        reason: error.to_string(),
    })?;
    Ok(Known { home, is_copy, has_credentials })
}

/// Why the database is not the one that was worked on last, in words.
fn suspicion(known: &Known, file: &Identity, witness: Option<&Result<Witness, String>>) -> Option<String> {
    if known.is_copy {
        return Some("the database is a backup that Valetkey made".into());
    }
    let Some(home) = &known.home else {
        let accepts =
            |witness: &Result<Witness, String>| witness.as_ref().is_ok_and(|witness| witness.accepts(NEVER));
        let older = known.has_credentials && !witness.is_none_or(accepts);
        return older
            .then(|| "the database is from before the file beside it that witnesses its last use".into());
    };
    if !home.file.same(file) {
        return Some("the database is in another file than the one that was worked on last".into());
    }
    match witness {
        None => Some("the file beside the database that witnesses its last use is missing".into()),
        Some(Err(reason)) => {
            Some(format!("the file beside the database that witnesses its last use is damaged: {reason}"))
        }
        Some(Ok(witness)) => (!witness.accepts(&home.token))
            .then(|| "the content of the database is older than its last use".into()),
    }
}

/// A token that comes only once.
fn token(connection: &Connection) -> Result<String, StoreError> {
    connection.query_row("SELECT lower(hex(randomblob(16)))", [], |row| row.get(0)).map_err(unavailable)
}

/// What is to be written when a process joins. The witness has been written.
pub(super) struct Arrival {
    home: Home,
    suspicion: Option<String>,
}

/// Looks at the file at `path` and its witness, and gives the witness a new token.
pub(super) fn arrive(connection: &Connection, path: &Path) -> Result<Arrival, StoreError> {
    let beside = witness_path(path);
    let known = known(connection)?;
    let file = Identity::of(path).map_err(of_file(path))?;
    let witness = read_witness(&beside).map_err(of_file(&beside))?;
    let suspicion = suspicion(&known, &file, witness.as_ref());
    let token = token(connection)?;
    // A copy goes on from where it stands: what was suspected is in the mark, which stays. Until that is written, the
    // witness still contradicts the copy.
    let before = match &suspicion {
        None => Some(known.home.map_or_else(|| NEVER.to_owned(), |home| home.token)),
        Some(_) => None,
    };
    let witness = Witness { token: token.clone(), before };
    write_witness(&beside, &witness).map_err(of_file(&beside))?;
    Ok(Arrival { home: Home { token, file }, suspicion })
}

impl Arrival {
    /// The new token.
    pub(super) fn token(&self) -> String {
        self.home.token.clone()
    }
}

/// Takes the token before out of the witness, once the database holds this one.
pub(super) fn confirm(path: &Path, token: String) -> Result<(), StoreError> {
    let beside = witness_path(path);
    write_witness(&beside, &Witness { token, before: None }).map_err(of_file(&beside))
}

/// Writes the arrival and gives the process its number. There is no arrival at a database in memory.
pub(super) fn settle(
    connection: &Connection,
    arrival: Option<Arrival>,
    at: Time,
) -> Result<Joined, StoreError> {
    if let Some(Arrival { home, suspicion }) = arrival {
        let sql = "UPDATE store_info SET home = ?1, is_copy = 0";
        connection.execute(sql, [json(&home, TABLE, "home")?]).map_err(unavailable)?;
        if let Some(reason) = suspicion {
            freeze(connection, &Frozen { since: at, reason })?;
        }
    }
    Ok(Joined { instance: instances::insert(connection, at)?, frozen: frozen(connection)? })
}

/// A new token for a database that a process has joined, witness first. Not inside a transaction.
pub(super) fn renew(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let Some(home) = known(connection)?.home else { return Ok(()) };
    let (token, file, beside) = (token(connection)?, home.file.clone(), witness_path(path));
    let witness = Witness { token: token.clone(), before: Some(home.token) };
    write_witness(&beside, &witness).map_err(of_file(&beside))?;
    let home = Home { token, file };
    let sql = "UPDATE store_info SET home = ?1";
    connection.execute(sql, [json(&home, TABLE, "home")?]).map_err(unavailable)?;
    confirm(path, home.token)
}

/// Writes into a backup that it is one.
pub(super) fn mark_as_copy(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute("UPDATE store_info SET is_copy = 1", [])?;
    Ok(())
}

/// The first mark counts: it is the one that says since when.
pub(super) fn freeze(connection: &Connection, mark: &Frozen) -> Result<(), StoreError> {
    let sql = "UPDATE store_info SET frozen = ?1 WHERE frozen IS NULL";
    connection.execute(sql, params![json(mark, TABLE, "frozen")?]).map_err(unavailable)?;
    Ok(())
}

pub(super) fn thaw(connection: &Connection) -> Result<(), StoreError> {
    connection.execute("UPDATE store_info SET frozen = NULL", []).map_err(unavailable)?;
    Ok(())
}

pub(super) fn frozen(connection: &Connection) -> Result<Option<Frozen>, StoreError> {
    let mut statement = connection.prepare_cached("SELECT frozen FROM store_info").map_err(unavailable)?;
    let mark: Option<String> = statement.query_row([], |row| row.get(0)).map_err(unavailable)?;
    let mark = mark.map(|text| serde_json::from_str(&text)).transpose();
    mark.map_err(|error| StoreError::Inconsistent {
        table: TABLE,
        column: "frozen",
        row: "1".into(),
        reason: error.to_string(),
    })
}
