//! The master key and the bootstrap API client.

use valetkey_domain::{ApiClientId, ExposeSecret, SecretString};

use super::{Mode, read::Reader};
use crate::master_key::{InFile, InSettings, KeyCommand, MasterKeyProvider, MasterKeySource};

/// S33: without a key of its own the server does not start.
pub(super) fn master_key(reader: &mut Reader) -> Option<MasterKeySource> {
    let names = ["master_key", "master_key_file", "master_key_command"];
    let set: Vec<_> = names.into_iter().filter(|name| reader.is_set(name)).collect();
    if let [first, second, ..] = set[..] {
        reader.refuse(second, format!("is set beside {first}: set only one of them"));
        return None;
    }
    let command = reader.words("master_key_command");
    let provider: Box<dyn MasterKeyProvider> = match in_settings_or_file(
        reader,
        "master_key",
        "master_key_file",
    ) {
        Some(provider) => provider,
        None if command.is_some() => Box::new(KeyCommand::new(command?)),
        None => {
            if reader.mode != Mode::Dev && set.is_empty() {
                reader.refuse(
                    "master_key",
                    "is missing. Make one with `openssl rand -base64 32`, keep a copy of it elsewhere, and set it \
                     as VALETKEY_MASTER_KEY or in a file named by master_key_file",
                );
            }
            return None;
        }
    };
    fetched(reader, &*provider)
}

/// The key before the present one, while it is being replaced.
pub(super) fn previous_master_key(reader: &mut Reader) -> Option<MasterKeySource> {
    let (inline, file) = ("previous_master_key", "previous_master_key_file");
    if reader.is_set(inline) && reader.is_set(file) {
        reader.refuse(file, format!("is set beside {inline}: set only one of them"));
        return None;
    }
    let provider = in_settings_or_file(reader, inline, file)?;
    fetched(reader, &*provider)
}

fn in_settings_or_file(
    reader: &mut Reader,
    inline: &'static str,
    file: &'static str,
) -> Option<Box<dyn MasterKeyProvider>> {
    if let Some(text) = reader.secret(inline) {
        return Some(Box::new(InSettings { setting: inline, text }));
    }
    let path = reader.path(file)?;
    Some(Box::new(InFile { setting: file, path }))
}

fn fetched(reader: &mut Reader, provider: &dyn MasterKeyProvider) -> Option<MasterKeySource> {
    MasterKeySource::fetch(provider).map_err(|problem| reader.refuse(provider.setting(), problem)).ok()
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
