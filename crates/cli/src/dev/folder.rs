//! The data folder of a development server.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use valetkey_domain::{ExposeSecret, SecretString};

use super::broken;
use crate::{failure::Failure, files};

/// A folder that only its owner may enter.
#[derive(Debug, Clone)]
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        files::private_folder(path).map_err(|error| broken(path, error))?;
        // Absolute, since the environment file is read from elsewhere.
        let path = path.canonicalize().map_err(|error| broken(path, error))?;
        let folder = Self(path);
        let ignore = folder.file(".gitignore");
        if !ignore.exists() {
            // The folder is often made inside a repository, and holds keys.
            std::fs::write(&ignore, "*\n").map_err(|error| broken(&ignore, error))?;
        }
        Ok(folder)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(super) fn read(&self, name: &str) -> Result<Option<Vec<u8>>, Failure> {
        let path = self.file(name);
        match std::fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(broken(&path, error)),
        }
    }

    pub(super) fn write(&self, name: &str, contents: &[u8]) -> Result<(), Failure> {
        let path = self.file(name);
        files::write_private(&path, contents).map_err(|error| broken(&path, error))
    }

    pub(super) fn read_json<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, Failure> {
        let Some(bytes) = self.read(name)? else { return Ok(None) };
        // The parser's words may quote the file, which may hold a secret.
        let read = serde_json::from_slice(&bytes).map_err(|error| {
            let place = format!("line {}, column {}", error.line(), error.column());
            broken(
                &self.file(name),
                format!("cannot be read at {place}; delete the file to have it made anew"),
            )
        });
        read.map(Some)
    }

    pub(super) fn write_json<T: Serialize>(&self, name: &str, value: &T) -> Result<(), Failure> {
        let text = serde_json::to_vec_pretty(value).map_err(|error| broken(&self.file(name), error))?;
        self.write(name, &text)
    }
}

/// A secret that is kept in a private file.
pub(super) mod secret_text {
    use serde::{Deserializer, Serializer};

    use super::{Deserialize, ExposeSecret, SecretString, Serialize};

    pub(in crate::dev) fn serialize<S: Serializer>(
        secret: &SecretString,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        secret.expose_secret().serialize(serializer)
    }

    pub(in crate::dev) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<SecretString, D::Error> {
        String::deserialize(deserializer).map(SecretString::from)
    }
}
