//! `valetkey connector …`

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::Value;
use valetkey_upstream::connector::Connectors;

use super::{
    Common, Session, show,
    view::{clean, details, table},
};
use crate::{
    failure::{Exit, Failure},
    output,
};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List connectors
    List,
    /// Show a connector
    Get {
        /// Its name
        name: String,
    },
    /// Check connector files; needs no server
    Check {
        /// The files
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
}

const FIELDS: [&str; 8] =
    ["slug", "provider", "display_name", "description", "auth_type", "scopes", "tools", "shared_credentials"];

pub(super) async fn run(command: Command, common: &Common) -> Result<(), Failure> {
    match command {
        Command::List => {
            let session = &Session::open(common)?;
            let answer = session.get(&["connectors"], &[]).await?;
            show(session, &answer, |a| table(a, &["slug", "provider", "auth_type", "description"]))
        }
        Command::Get { name } => {
            let session = &Session::open(common)?;
            show(session, &session.get(&["connectors", &name], &[]).await?, one)
        }
        Command::Check { files } => check(&files),
    }
}

fn one(connector: &Value) -> String {
    let mut text = details(connector, &FIELDS);
    for (kind, title) in [("fields", "asks the user for"), ("variables", "asks the connection for")] {
        for field in connector[kind].as_array().map(Vec::as_slice).unwrap_or_default() {
            let of = |name: &str| clean(field[name].as_str().unwrap_or_default());
            text += &format!("{title}  {} ({}) {}\n", of("name"), of("label"), of("help"));
        }
    }
    text
}

/// Reads connector files as the server would, and says of each whether it is good.
fn check(files: &[PathBuf]) -> Result<(), Failure> {
    let mut bad = Vec::new();
    for path in files {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let checked = std::fs::read_to_string(path)
            .map_err(|error| error.to_string())
            .and_then(|text| Connectors::from_files([(name, text)]).map_err(|error| error.to_string()));
        match checked {
            Ok(connectors) => {
                let tools: usize = connectors.iter().map(|connector| connector.tools.len()).sum();
                output::print_line(&format!("{}: good, {tools} tools", path.display()))?;
            }
            Err(error) => bad.push(format!("{}: {}", path.display(), clean(&error))),
        }
    }
    if bad.is_empty() { Ok(()) } else { Err(Failure::new(Exit::Refused, bad.join("\n"))) }
}
