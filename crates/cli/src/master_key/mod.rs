//! Where the master key comes from.
//!
//! [`MasterKeyProvider`] is the seam for a key management service: one more implementation, one more setting, and the
//! server asks it once, at start. What it must give is the key itself, which the service keeps encrypted (envelope
//! encryption): see `docs/decisions/0012-keys.md`. The command provider does that today with any service that has a
//! command line.

mod command;

use std::{fmt, path::PathBuf};

use valetkey_domain::{ExposeSecret, SecretString};
use valetkey_vault::{MasterKey, MasterKeyError};

pub(crate) use command::KeyCommand;

/// Gives the text of a master key: 32 bytes in base64 or hexadecimal.
pub(crate) trait MasterKeyProvider {
    /// The setting that chose this provider, to be named when something is wrong with the key.
    fn setting(&self) -> &'static str;

    /// Fetches the key. Asked once, when the process starts; may block for as long as it bounds itself.
    ///
    /// # Errors
    /// Why there is none, for the operator. Never a part of the key.
    fn fetch(&self) -> Result<SecretString, String>;

    /// The file that the key is in, if it is one: its rights are looked at.
    fn file(&self) -> Option<PathBuf> {
        None
    }
}

/// The key stands in the settings: in the environment, as a rule.
pub(crate) struct InSettings {
    pub(crate) setting: &'static str,
    pub(crate) text: SecretString,
}

impl MasterKeyProvider for InSettings {
    fn setting(&self) -> &'static str {
        self.setting
    }

    fn fetch(&self) -> Result<SecretString, String> {
        Ok(self.text.clone())
    }
}

/// The key is in a file.
pub(crate) struct InFile {
    pub(crate) setting: &'static str,
    pub(crate) path: PathBuf,
}

impl MasterKeyProvider for InFile {
    fn setting(&self) -> &'static str {
        self.setting
    }

    fn fetch(&self) -> Result<SecretString, String> {
        let text = std::fs::read_to_string(&self.path);
        text.map(SecretString::from)
            .map_err(|error| format!("{} cannot be read: {error}", self.path.display()))
    }

    fn file(&self) -> Option<PathBuf> {
        Some(self.path.clone())
    }
}

/// A key that was fetched and found usable, and where it came from.
#[derive(Clone)]
pub(crate) struct MasterKeySource {
    text: SecretString,
    setting: &'static str,
    /// The file it was in.
    pub(crate) file: Option<PathBuf>,
}

impl fmt::Debug for MasterKeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("MasterKeySource");
        shown.field("setting", &self.setting).field("file", &self.file).finish_non_exhaustive()
    }
}

impl MasterKeySource {
    /// Fetches the key and checks that it is usable.
    ///
    /// # Errors
    /// What is wrong, for the setting of the provider.
    pub(crate) fn fetch(provider: &dyn MasterKeyProvider) -> Result<Self, String> {
        let source = Self { text: provider.fetch()?, setting: provider.setting(), file: provider.file() };
        source.key().map_err(|error| error.to_string())?;
        Ok(source)
    }

    /// The setting to name when the key turns out to be the wrong one.
    pub(crate) fn setting(&self) -> &'static str {
        self.setting
    }

    /// The key.
    ///
    /// # Errors
    /// When the text stands for no usable key.
    pub(crate) fn key(&self) -> Result<MasterKey, MasterKeyError> {
        MasterKey::from_text(self.text.expose_secret())
    }
}
