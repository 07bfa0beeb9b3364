//! Files that only their owner may read, written whole or not at all.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

/// Makes a folder (and its parents) that only its owner may enter. One that exists is left as it is, but for rights
/// of others, which are taken away.
pub(crate) fn private_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    let mode = fs::metadata(path)?.permissions().mode();
    if mode & 0o077 != 0 {
        fs::set_permissions(path, fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

/// Makes a folder that only its owner may enter, where there must be none.
pub(crate) fn new_private_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(path)
}

/// Writes a file that only its owner may read: beside the place first, then moved there, so that nobody ever reads
/// half of it.
pub(crate) fn write_private(path: &Path, contents: &[u8]) -> io::Result<()> {
    let name =
        path.file_name().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "not a file name"))?;
    let mut temporary = name.to_owned();
    temporary.push(format!(".{}.tmp", std::process::id()));
    let temporary = path.with_file_name(temporary);
    let written = write_new(&temporary, contents).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // What matters is told by the first failure.
        let _ = fs::remove_file(&temporary);
    }
    written
}

fn write_new(path: &Path, contents: &[u8]) -> io::Result<()> {
    let _ = fs::remove_file(path);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(contents)?;
    file.sync_all()
}

/// A file that is being made beside its place, which only its owner may read. Removed unless it is kept.
#[derive(Debug)]
pub(crate) struct NewFile {
    path: PathBuf,
    temporary: PathBuf,
    file: File,
    kept: bool,
}

impl NewFile {
    /// Begins a file at `path`, where there must be none.
    pub(crate) fn begin(path: &Path) -> io::Result<Self> {
        refuse_existing(path)?;
        let mut temporary = path.as_os_str().to_owned();
        temporary.push(format!(".{}.tmp", std::process::id()));
        let temporary = PathBuf::from(temporary);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        Ok(Self { path: path.to_owned(), temporary, file, kept: false })
    }

    /// Makes what was written durable. From now on it stays, whatever happens, at its place or beside it.
    pub(crate) fn settle(&mut self) -> io::Result<()> {
        self.file.sync_all()?;
        self.kept = true;
        Ok(())
    }

    /// Moves a settled file to its place.
    pub(crate) fn place(self) -> io::Result<()> {
        let moved = refuse_existing(&self.path).and_then(|()| fs::rename(&self.temporary, &self.path));
        moved.map_err(|error| {
            io::Error::new(error.kind(), format!("{error}; it is complete in {}", self.temporary.display()))
        })?;
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }
}

fn refuse_existing(path: &Path) -> io::Result<()> {
    if path.symlink_metadata().is_err() {
        return Ok(());
    }
    let there = format!("{} is there already; it is not overwritten", path.display());
    Err(io::Error::new(io::ErrorKind::AlreadyExists, there))
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.kept {
            // What matters is told by the failure that led here.
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

/// Held while a server works on a database file. Freed by the operating system when the process ends, however it
/// ends.
#[derive(Debug)]
pub(crate) struct Lock(#[expect(dead_code, reason = "the open file is the lock")] File);

/// Takes the lock beside a database; `None` when another server holds it.
pub(crate) fn lock(database: &Path) -> io::Result<Option<Lock>> {
    let path = database.with_extension("lock");
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(Lock(file))),
        Err(fs::TryLockError::WouldBlock) => Ok(None),
        Err(fs::TryLockError::Error(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_written_twice_holds_the_second_and_is_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/secret");
        private_folder(path.parent().unwrap()).unwrap();
        write_private(&path, b"one").unwrap();
        write_private(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(path.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing is left behind");
    }

    #[test]
    fn lock_is_held_by_one() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("valetkey.db");
        let held = lock(&database).unwrap();
        assert!(held.is_some());
        assert!(lock(&database).unwrap().is_none());
        drop(held);
        assert!(lock(&database).unwrap().is_some());
    }
}
