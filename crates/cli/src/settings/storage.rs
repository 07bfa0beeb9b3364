//! Where data is kept.

use std::path::{Path, PathBuf};

use valetkey_domain::SecretString;
use valetkey_store::PostgresStore;

use super::{Mode, read::Reader};

/// Where data is kept.
#[derive(Debug, Clone)]
pub(crate) struct Storage {
    /// The data folder.
    pub(crate) data_dir: PathBuf,
    /// The SQLite file, unless there is a server.
    pub(crate) database: PathBuf,
    /// The URL of a PostgreSQL database.
    pub(crate) server: Option<SecretString>,
}

impl Storage {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let default = match reader.mode {
            Mode::Serve | Mode::Beside => "valetkey-data",
            Mode::Dev => ".valetkey",
        };
        let data_dir = reader.path("data_dir").unwrap_or_else(|| default.into());
        if data_dir.exists() && !data_dir.is_dir() {
            reader.refuse("data_dir", format!("{} is not a folder", data_dir.display()));
        }
        let (database, server) = match place(reader) {
            Some(Place::File(path)) => (path, None),
            Some(Place::Server(url)) => (data_dir.join("valetkey.db"), Some(url)),
            None => (data_dir.join("valetkey.db"), None),
        };
        if database.is_dir() {
            reader.refuse("database_url", format!("{} is a folder", database.display()));
        }
        Self { data_dir, database, server }
    }
}

enum Place {
    File(PathBuf),
    Server(SecretString),
}

/// `sqlite:///var/lib/valetkey/valetkey.db` is an absolute path, `sqlite://data/valetkey.db` a relative one.
fn place(reader: &mut Reader) -> Option<Place> {
    let text = reader.text("database_url")?;
    if let Some(path) = text.strip_prefix("sqlite://") {
        if path.is_empty() || path.contains('?') {
            reader.refuse("database_url", "must be sqlite:// and the path of a file, without parameters");
            return None;
        }
        return Some(Place::File(Path::new(path).to_owned()));
    }
    // The URL of a database server holds a password: it is not repeated.
    if !text.starts_with("postgres://") && !text.starts_with("postgresql://") {
        reader.refuse("database_url", "must begin with sqlite:// or postgres://");
        return None;
    }
    if reader.mode == Mode::Dev {
        reader.refuse(
            "database_url",
            "valetkey dev keeps everything in its folder; PostgreSQL is for valetkey serve",
        );
        return None;
    }
    let url = SecretString::from(text);
    match PostgresStore::check_url(&url) {
        Ok(()) => Some(Place::Server(url)),
        Err(error) => {
            reader.refuse("database_url", error);
            None
        }
    }
}
