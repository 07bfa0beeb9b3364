//! Where values come from: defaults, the configuration file, the environment, flags; the later wins.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::{Path, PathBuf},
};

use clap::{Arg, ArgMatches, Command, parser::ValueSource};
use figment::{
    Figment, Metadata, Profile, Provider,
    providers::{Format, Toml},
    value::{Dict, Map, Value},
};

use super::{
    Problem,
    table::{OTHER_VARIABLES, PREFIX, SETTINGS, SHARED_CREDENTIALS, find},
};

/// What was given on the command line.
#[derive(Debug, Clone, Default)]
pub(crate) struct Flags {
    /// `--config FILE`
    pub(crate) config: Option<PathBuf>,
    /// Settings by name.
    pub(crate) values: BTreeMap<&'static str, String>,
}

/// The flags are made from the table, so they cannot differ from it.
impl clap::Args for Flags {
    fn augment_args(command: Command) -> Command {
        let config = Arg::new("config")
            .long("config")
            .value_name("FILE")
            .env("VALETKEY_CONFIG")
            .value_parser(clap::value_parser!(PathBuf))
            .help("Configuration file in TOML; the keys are the names of the settings");
        let flags = SETTINGS.iter().filter(|setting| !setting.secret).map(|setting| {
            Arg::new(setting.name)
                .long(setting.flag())
                .value_name(setting.value)
                .help(setting.help)
                .help_heading("Settings (also as environment variables and in the configuration file)")
        });
        command.arg(config).args(flags)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl clap::FromArgMatches for Flags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut flags = Self { config: matches.get_one("config").cloned(), ..Self::default() };
        for setting in SETTINGS.iter().filter(|setting| !setting.secret) {
            if matches.value_source(setting.name) == Some(ValueSource::CommandLine)
                && let Some(value) = matches.get_one::<String>(setting.name)
            {
                flags.values.insert(setting.name, value.clone());
            }
        }
        Ok(flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// Texts as they are. (Figment's own environment provider guesses types: a key of 64 digits would become a number.)
struct Texts {
    name: &'static str,
    values: Dict,
    interpolate: fn(&[String]) -> String,
}

impl Provider for Texts {
    fn metadata(&self) -> Metadata {
        let interpolate = self.interpolate;
        Metadata::named(self.name).interpolater(move |_, keys: &[&str]| {
            interpolate(&keys.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>())
        })
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Map::from([(Profile::Default, self.values.clone())]))
    }
}

/// Puts the sources on top of each other. Notes what cannot be read and what nobody knows.
pub(crate) fn gather(
    flags: &Flags,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
    problems: &mut Vec<Problem>,
) -> Figment {
    let mut figment = Figment::new();
    if let Some(path) = &flags.config {
        figment = figment.merge(file(path, problems));
    }
    let texts = flags.values.iter().map(|(name, text)| ((*name).to_owned(), Value::from(text.clone())));
    figment
        .merge(Texts {
            name: "environment",
            values: variables(environment, problems),
            interpolate: |keys| format!("{PREFIX}{}", keys.join("__").to_ascii_uppercase()),
        })
        .merge(Texts {
            name: "command line",
            values: texts.collect(),
            interpolate: |keys| format!("--{}", keys.join(".").replace('_', "-")),
        })
}

fn file(path: &Path, problems: &mut Vec<Problem>) -> figment::providers::Data<Toml> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            problems.push(Problem::new("config", format!("{}: {error}", path.display())));
            String::new()
        }
    };
    match text.parse::<toml::Table>() {
        Ok(table) => {
            for key in table.keys().filter(|key| find(key).is_none() && *key != SHARED_CREDENTIALS) {
                problems
                    .push(Problem::new(key, format!("no such setting (in {}){}", path.display(), hint(key))));
            }
        }
        Err(error) => {
            // Its Display quotes the line, which may hold a secret.
            let line = error.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
            let message = format!("{}, line {line}: {}", path.display(), error.message());
            problems.push(Problem::new("config", message));
            return Toml::string("");
        }
    }
    Toml::file_exact(path)
}

/// `VALETKEY_LISTEN` is `listen`; `VALETKEY_SHARED_CREDENTIALS__GMAIL__CLIENT_ID` is
/// `shared_credentials.gmail.client_id`.
fn variables(
    environment: impl IntoIterator<Item = (OsString, OsString)>,
    problems: &mut Vec<Problem>,
) -> Dict {
    let mut values = Dict::new();
    for (name, value) in environment {
        let Some(rest) = name.to_str().and_then(|name| name.strip_prefix(PREFIX)) else { continue };
        if OTHER_VARIABLES.contains(&rest) {
            continue;
        }
        let key = rest.to_ascii_lowercase();
        let path: Vec<&str> = key.split("__").collect();
        let known = match path.as_slice() {
            [name] => find(name).is_some(),
            [SHARED_CREDENTIALS, _, _] => true,
            _ => false,
        };
        let Some(text) = value.to_str() else {
            problems.push(Problem::new(&key, format!("{PREFIX}{rest} is not UTF-8")));
            continue;
        };
        if !known {
            let message = format!("no such setting (environment variable {PREFIX}{rest}){}", hint(&key));
            problems.push(Problem::new(&key, message));
        } else if !text.is_empty() {
            // An empty variable counts as not set: that is how container files write "nothing".
            insert(&mut values, &path, text);
        }
    }
    values
}

fn insert(values: &mut Dict, path: &[&str], text: &str) {
    let Some((first, rest)) = path.split_first() else { return };
    if rest.is_empty() {
        values.insert((*first).to_owned(), Value::from(text));
        return;
    }
    let inner = values.entry((*first).to_owned()).or_insert_with(|| Value::from(Dict::new()));
    if let Value::Dict(_, inner) = inner {
        insert(inner, rest, text);
    }
}

/// "did you mean …" for a slip of the keyboard.
fn hint(key: &str) -> String {
    let squeezed = |text: &str| text.replace(['_', '-'], "");
    let close = SETTINGS.iter().find(|setting| {
        squeezed(setting.name) == squeezed(key)
            || setting.name.strip_suffix('s') == Some(key)
            || key.strip_suffix('s') == Some(setting.name)
    });
    close.map_or_else(
        || "; `valetkey settings` lists them all".to_owned(),
        |setting| format!("; did you mean {}?", setting.name),
    )
}
