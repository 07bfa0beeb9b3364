//! The master key and the bootstrap API client.

use std::path::PathBuf;

use valetkey_domain::{ApiClientId, ExposeSecret, SecretString};
use valetkey_vault::MasterKey;

use super::{Mode, read::Reader};

/// Where the master key came from; checked to be usable.
#[derive(Clone)]
pub(crate) struct MasterKeySource {
    /// The text of the key.
    text: SecretString,
    /// The file it was in.
    pub(crate) file: Option<PathBuf>,
}

impl std::fmt::Debug for MasterKeySource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MasterKeySource").field("file", &self.file).finish_non_exhaustive()
    }
}

impl MasterKeySource {
    /// The setting to name when the key turns out to be the wrong one.
    pub(crate) fn setting(&self) -> &'static str {
        if self.file.is_some() { "master_key_file" } else { "master_key" }
    }

    /// The key.
    ///
    /// # Errors
    /// When the text stands for no usable key.
    pub(crate) fn key(&self) -> Result<MasterKey, valetkey_vault::MasterKeyError> {
        MasterKey::from_text(self.text.expose_secret())
    }

    pub(crate) fn from_file(path: PathBuf) -> std::io::Result<Self> {
        Ok(Self { text: std::fs::read_to_string(&path)?.into(), file: Some(path) })
    }
}

/// S33: without a key of its own the server does not start.
pub(super) fn master_key(reader: &mut Reader) -> Option<MasterKeySource> {
    let inline = reader.secret("master_key");
    let file = reader.path("master_key_file");
    if reader.is_set("master_key") && reader.is_set("master_key_file") {
        reader.refuse("master_key_file", "is set beside master_key: set only one of them");
        return None;
    }
    let source = match (inline, file) {
        (Some(text), _) => MasterKeySource { text, file: None },
        (None, Some(path)) => match MasterKeySource::from_file(path.clone()) {
            Ok(source) => source,
            Err(error) => {
                reader.refuse("master_key_file", format!("{} cannot be read: {error}", path.display()));
                return None;
            }
        },
        (None, None) => {
            if reader.mode == Mode::Serve && !reader.is_set("master_key") {
                reader.refuse(
                    "master_key",
                    "is missing. Make one with `openssl rand -base64 32`, keep a copy of it elsewhere, and set it \
                     as VALETKEY_MASTER_KEY or in a file named by master_key_file",
                );
            }
            return None;
        }
    };
    if let Err(error) = source.key() {
        reader.refuse(source.setting(), error);
        return None;
    }
    Some(source)
}

pub(super) fn bootstrap(reader: &mut Reader) -> Option<(String, SecretString)> {
    let id = reader.text("bootstrap_client_id");
    let secret = reader.secret("bootstrap_client_secret");
    match (reader.is_set("bootstrap_client_id"), reader.is_set("bootstrap_client_secret")) {
        (true, false) => {
            reader.refuse("bootstrap_client_secret", "is missing beside bootstrap_client_id");
        }
        (false, true) => {
            reader.refuse("bootstrap_client_id", "is missing beside bootstrap_client_secret");
        }
        _ => {}
    }
    let (id, secret) = (id?, secret?);
    if let Err(error) = id.parse::<ApiClientId>() {
        reader.refuse("bootstrap_client_id", error);
    }
    if secret.expose_secret().chars().count() < 16 {
        reader.refuse("bootstrap_client_secret", "must have at least 16 characters");
    } else if secret.expose_secret().to_ascii_lowercase().contains(&id.to_ascii_lowercase()) {
        reader.refuse("bootstrap_client_secret", "must not contain bootstrap_client_id");
    }
    Some((id, secret))
}
