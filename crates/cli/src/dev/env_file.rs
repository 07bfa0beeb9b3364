//! The environment file: what other programs need, as shell lines.

use std::path::{Path, PathBuf};

use valetkey_domain::ExposeSecret;

use super::{folder::Folder, page::Facts};
use crate::{failure::Failure, files};

/// Its place in the data folder, where client commands look for it.
pub(crate) const NAME: &str = "env";

/// Where the lines go: always into the data folder, and into the file asked for.
pub(super) struct EnvFile {
    own: PathBuf,
    asked: Option<PathBuf>,
}

impl EnvFile {
    /// Removes what an earlier start left: whoever waits for the file waits for *this* server.
    pub(super) fn prepare(asked: Option<PathBuf>, folder: &Folder) -> Result<Self, Failure> {
        let own = folder.file(NAME);
        for path in asked.iter().chain([&own]) {
            match std::fs::remove_file(path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(refused(path, &error));
                }
                _ => {}
            }
        }
        Ok(Self { own, asked })
    }

    /// Writes the lines, whole or not at all, readable by the owner only.
    pub(super) fn write(&self, facts: &Facts<'_>) -> Result<(), Failure> {
        let text = lines(facts);
        for path in [&self.own].into_iter().chain(&self.asked) {
            files::write_private(path, text.as_bytes()).map_err(|error| refused(path, &error))?;
        }
        Ok(())
    }

    /// The file to show to people: the one with an absolute path.
    pub(super) fn shown(&self) -> &Path {
        &self.own
    }
}

fn refused(path: &Path, error: &std::io::Error) -> Failure {
    Failure::usage(format!("the environment file {}: {error}", path.display()))
}

fn lines(facts: &Facts<'_>) -> String {
    let values = [
        ("VALETKEY_URL", facts.base_url()),
        ("VALETKEY_CLIENT_ID", facts.access.client_id.clone()),
        ("VALETKEY_CLIENT_SECRET", facts.access.client_secret.expose_secret().to_owned()),
        ("VALETKEY_CA_FILE", facts.ca_file.display().to_string()),
        ("VALETKEY_API_TOKEN", facts.access.api_token.expose_secret().to_owned()),
    ];
    values.iter().map(|(name, value)| format!("{name}={}\n", quoted(value))).collect()
}

/// A word for the shell.
pub(super) fn quoted(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_-./:@%+=,".contains(&b);
    if !text.is_empty() && text.bytes().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn words_with_special_characters_are_quoted() {
        assert_eq!(quoted("https://127.0.0.1:7077"), "https://127.0.0.1:7077");
        assert_eq!(quoted("/my folder/ca.pem"), "'/my folder/ca.pem'");
        assert_eq!(quoted("it's $HOME"), r"'it'\''s $HOME'");
    }
}
