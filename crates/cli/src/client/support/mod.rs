//! `valetkey support-bundle`: what somebody who helps needs to know, as JSON and as Markdown.

mod markdown;

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::{Common, Session, input::filled, pretty};
use crate::{
    failure::{Exit, Failure},
    files, output,
};

#[derive(Debug, Args)]
pub(crate) struct SupportBundle {
    #[command(flatten)]
    common: Common,
    /// About an account: its id, ca_…
    #[arg(long, value_name = "ID", conflicts_with_all = ["identifier", "connection", "execution"])]
    account: Option<String>,
    /// About an account: your own id of its user, with --connection
    #[arg(long, value_name = "ID", requires = "connection", conflicts_with = "execution")]
    identifier: Option<String>,
    /// Which of several accounts of the identifier
    #[arg(long, value_name = "NAME", requires = "identifier")]
    account_name: Option<String>,
    /// About a connection, by name or id; or the one that the account is on
    #[arg(long, value_name = "NAME", conflicts_with = "execution", required_unless_present_any = ["account", "execution"])]
    connection: Option<String>,
    /// About a tool or proxied call: its id, ex_…
    #[arg(long, value_name = "ID")]
    execution: Option<String>,
    /// What you did, step by step
    #[arg(long, value_name = "TEXT")]
    steps: Option<String>,
    /// What should have happened
    #[arg(long, value_name = "TEXT")]
    expected: Option<String>,
    /// Where it happened: development, staging, production
    #[arg(long, value_name = "NAME")]
    stage: Option<String>,
    /// Write the two files to this folder
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    output: PathBuf,
    /// Print the Markdown instead of writing files
    #[arg(long, conflicts_with = "json")]
    markdown: bool,
}

pub(super) async fn run(command: SupportBundle) -> Result<(), Failure> {
    let session = Session::open(&command.common)?;
    let body = filled(json!({
        "account_id": command.account,
        "identifier": command.identifier,
        "account_name": command.account_name,
        "connection_name": command.connection,
        "execution_id": command.execution,
        "steps": command.steps,
        "expected": command.expected,
        "stage": command.stage,
    }));
    let mut bundle = session.post(&["support-bundles"], &body).await?;
    bundle["client"] = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "system": format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
    });
    if session.json {
        return output::print_line(&pretty(&bundle));
    }
    let text = markdown::bundle(&bundle);
    if command.markdown {
        return output::print(&text);
    }
    let name = file_name(&bundle);
    for (ending, contents) in [("json", pretty(&bundle)), ("md", text)] {
        let path = command.output.join(format!("{name}.{ending}"));
        files::write_private(&path, contents.as_bytes())
            .map_err(|error| Failure::new(Exit::Refused, format!("{}: {error}", path.display())))?;
        output::print_line(&format!("{} is written.", path.display()))?;
    }
    output::print("Both say the same, and neither holds a secret: look them over and hand them on.\n")
}

/// `valetkey-support-ca_…-2026-11-26T02-20-11Z`
fn file_name(bundle: &Value) -> String {
    let subject = &bundle["diagnosis"]["subject"];
    let ids = ["execution_id", "account_id", "connection_id"];
    let id = ids.iter().find_map(|name| subject[*name].as_str()).unwrap_or("bundle");
    let made_at = bundle["made_at"].as_str().unwrap_or_default();
    let made_at = made_at.split('.').next().unwrap_or(made_at).trim_end_matches('Z').replace(':', "-");
    let name = format!("valetkey-support-{id}-{made_at}Z");
    name.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') { c } else { '-' }).collect()
}
