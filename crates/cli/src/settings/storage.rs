//! Where data is kept.

use std::path::{Path, PathBuf};

use super::{Mode, read::Reader};

/// Where data is kept.
#[derive(Debug, Clone)]
pub(crate) struct Storage {
    /// The data folder.
    pub(crate) data_dir: PathBuf,
    /// The SQLite file.
    pub(crate) database: PathBuf,
}

impl Storage {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let default = match reader.mode {
            Mode::Serve => "valetkey-data",
            Mode::Dev => ".valetkey",
        };
        let data_dir = reader.path("data_dir").unwrap_or_else(|| default.into());
        if data_dir.exists() && !data_dir.is_dir() {
            reader.refuse("data_dir", format!("{} is not a folder", data_dir.display()));
        }
        let database = database(reader).unwrap_or_else(|| data_dir.join("valetkey.db"));
        if database.is_dir() {
            reader.refuse("database_url", format!("{} is a folder", database.display()));
        }
        Self { data_dir, database }
    }
}

/// `sqlite:///var/lib/valetkey/valetkey.db` is an absolute path, `sqlite://data/valetkey.db` a relative one.
fn database(reader: &mut Reader) -> Option<PathBuf> {
    let text = reader.text("database_url")?;
    if let Some(path) = text.strip_prefix("sqlite://") {
        if path.is_empty() || path.contains('?') {
            reader.refuse("database_url", "must be sqlite:// and the path of a file, without parameters");
            return None;
        }
        return Some(Path::new(path).to_owned());
    }
    // The URL of a database server holds a password: it is not repeated.
    if text.starts_with("postgres://") || text.starts_with("postgresql://") {
        reader.refuse("database_url", "PostgreSQL is not in this version; use sqlite://PATH");
    } else {
        reader.refuse("database_url", "must begin with sqlite://");
    }
    None
}
