//! Which server to speak to, and with which key.

use std::{collections::BTreeMap, path::PathBuf};

use url::Url;
use valetkey_domain::SecretString;

use super::Common;
use crate::{
    dev::{ENV_FILE, USUAL_FOLDER},
    failure::Failure,
};

/// How the caller is known to the server.
pub(super) enum Key {
    /// A static API token.
    Token(SecretString),
    /// An API client, which asks for an access token first.
    Client { id: String, secret: SecretString },
}

/// A server and a key for it.
pub(super) struct Target {
    pub(super) url: Url,
    pub(super) ca_file: Option<PathBuf>,
    pub(super) key: Key,
    /// What named it.
    pub(super) by: &'static str,
}

impl Target {
    /// All values come from one place, so that no key is sent to a server it was not meant for: the file that was
    /// named; else the environment, if it names a server; else the development server of this folder.
    pub(super) fn find(
        common: &Common,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, Failure> {
        let own_file = PathBuf::from(USUAL_FOLDER).join(ENV_FILE);
        let named = common.url.clone().or_else(|| environment("VALETKEY_URL"));
        let by = match (&common.url, &common.env_file, &named) {
            (Some(_), _, _) => "--url",
            (None, Some(_), _) => "--env-file",
            (None, None, Some(_)) => "VALETKEY_URL",
            (None, None, None) => "the `valetkey dev` of this folder",
        };
        let values = match &common.env_file {
            Some(path) => values_of(path)?,
            None if named.is_none() && own_file.exists() => values_of(&own_file)?,
            None => {
                let names =
                    ["CLIENT_ID", "CLIENT_SECRET", "CA_FILE", "API_TOKEN"].map(|n| format!("VALETKEY_{n}"));
                let set = names.into_iter().filter_map(|name| environment(&name).map(|value| (name, value)));
                set.chain(named.map(|url| ("VALETKEY_URL".to_owned(), url))).collect()
            }
        };
        let get = |name: &str| values.get(name).filter(|value| !value.is_empty()).cloned();
        let url = common.url.clone().or_else(|| get("VALETKEY_URL")).ok_or_else(|| {
            Failure::usage(
                "No server: set VALETKEY_URL (and VALETKEY_API_TOKEN), or start `valetkey dev` in this folder.",
            )
        })?;
        let url = Url::parse(&url)
            .ok()
            .filter(|url| matches!(url.scheme(), "https" | "http") && url.has_host())
            .ok_or_else(|| {
                Failure::usage("VALETKEY_URL must be a URL such as https://connect.example.com")
            })?;
        let key = match (get("VALETKEY_API_TOKEN"), get("VALETKEY_CLIENT_ID"), get("VALETKEY_CLIENT_SECRET"))
        {
            (Some(token), _, _) => Key::Token(token.into()),
            (None, Some(id), Some(secret)) => Key::Client { id, secret: secret.into() },
            _ => {
                return Err(Failure::usage(
                    "No key: set VALETKEY_API_TOKEN, or VALETKEY_CLIENT_ID and VALETKEY_CLIENT_SECRET.",
                ));
            }
        };
        let ca_file = common.ca_file.clone().or_else(|| get("VALETKEY_CA_FILE").map(PathBuf::from));
        Ok(Self { url, ca_file, key, by })
    }
}

/// The values of an environment file.
pub(crate) fn values_of(path: &std::path::Path) -> Result<BTreeMap<String, String>, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::usage(format!("{} cannot be read: {error}", path.display())))?;
    Ok(parse(&text))
}

/// Shell lines as `valetkey dev` writes them: `NAME=value`, the value plain or in single quotes.
fn parse(text: &str) -> BTreeMap<String, String> {
    let lines = text.lines().map(|line| line.trim().trim_start_matches("export ").trim_start());
    let pairs = lines.filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('='));
    let unquoted = |value: &str| match value.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
        Some(inner) => inner.replace(r"'\''", "'"),
        None => value.to_owned(),
    };
    pairs.map(|(name, value)| (name.to_owned(), unquoted(value))).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use valetkey_domain::ExposeSecret;

    use super::*;

    fn find(common: &Common, variables: &[(&str, &str)]) -> Result<Target, Failure> {
        let variables: HashMap<_, _> = variables.iter().copied().collect();
        Target::find(common, |name| variables.get(name).map(|value| (*value).to_owned()))
    }

    #[test]
    fn target_of_the_environment_prefers_the_token() {
        let variables = [
            ("VALETKEY_URL", "https://a.example"),
            ("VALETKEY_API_TOKEN", "vk_1"),
            ("VALETKEY_CLIENT_ID", "id"),
            ("VALETKEY_CLIENT_SECRET", "secret"),
        ];
        let target = find(&Common::default(), &variables).unwrap();
        assert!(matches!(target.key, Key::Token(token) if token.expose_secret() == "vk_1"));
    }

    #[test]
    fn target_of_a_named_file_takes_nothing_from_the_environment() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(
            file.path(),
            "# made by hand\nexport VALETKEY_URL='https://b.example'\nVALETKEY_CLIENT_ID=id\nVALETKEY_CLIENT_SECRET='it'\\''s'\n",
        )
        .unwrap();
        let common = Common { env_file: Some(file.path().to_owned()), ..Common::default() };
        let target = find(&common, &[("VALETKEY_API_TOKEN", "vk_of_another_server")]).unwrap();
        assert_eq!(target.url.as_str(), "https://b.example/");
        assert!(matches!(target.key, Key::Client { secret, .. } if secret.expose_secret() == "it's"));
    }

    #[test]
    fn target_that_is_incomplete_says_what_is_missing() {
        for (variables, named) in [
            (vec![], "VALETKEY_URL"),
            (vec![("VALETKEY_URL", "https://a.example")], "VALETKEY_API_TOKEN"),
            (vec![("VALETKEY_URL", "a.example"), ("VALETKEY_API_TOKEN", "vk")], "VALETKEY_URL"),
        ] {
            let failure = find(&Common::default(), &variables).err().unwrap();
            assert!(failure.text.contains(named), "{}", failure.text);
        }
    }
}
