//! `valetkey doctor …`: what is wrong, how that is known, whose move it is and what to do.

mod prose;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{Common, Session, pretty, show};
use crate::{
    doctor::{self, System},
    failure::{Exit, Failure},
    output,
};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Diagnose a connected account
    Account(Account),
    /// Diagnose a connection
    Connection(Connection),
    /// Diagnose a tool or proxied call
    Execution(Execution),
    /// Diagnose this server itself: settings, master key, database, disk, public URL, certificate, clock, the way out.
    /// Reads the settings of `valetkey serve` and works where the server cannot start
    System(Box<System>),
}

#[derive(Debug, Args)]
pub(crate) struct Account {
    /// Its id: ca_…; or its identifier, with --connection
    account: String,
    /// The name of the connection, if the account is named by its identifier
    #[arg(long, value_name = "NAME")]
    connection: Option<String>,
    #[command(flatten)]
    probe: Probe,
}

#[derive(Debug, Args)]
pub(crate) struct Connection {
    /// Its name or id
    connection: String,
    /// Check before launch: redirect URI, scopes, lasting access, PKCE, client credentials, secret age, consent
    #[arg(long, conflicts_with = "probe")]
    preflight: bool,
    #[command(flatten)]
    probe: Probe,
}

#[derive(Debug, Args)]
pub(crate) struct Execution {
    /// Its id: ex_…
    execution_id: String,
    #[command(flatten)]
    probe: Probe,
}

/// Whether the provider is asked too.
#[derive(Debug, Args)]
pub(crate) struct Probe {
    /// Ask the provider too: refresh the credential, compare scopes, make the cheapest read call
    #[arg(long)]
    probe: bool,
}

pub(super) async fn run(command: Command, common: &Common) -> Result<(), Failure> {
    if let Command::System(system) = command {
        return of_system(&system, common).await;
    }
    let session = &Session::open(common)?;
    let diagnosis = match command {
        Command::System(_) => return Ok(()),
        Command::Account(Account { account, connection, probe: Probe { probe } }) => {
            let body = match connection {
                Some(name) => json!({"identifier": account, "connection_name": name, "probe": probe}),
                None => json!({"account_id": account, "probe": probe}),
            };
            session.post(&["diagnoses"], &body).await?
        }
        Command::Connection(Connection { connection, preflight: true, .. }) => {
            session.post(&["connections", &connection, "preflight"], &json!({})).await?
        }
        Command::Connection(Connection { connection, probe: Probe { probe }, .. }) => {
            session.post(&["diagnoses"], &json!({"connection_name": connection, "probe": probe})).await?
        }
        Command::Execution(Execution { execution_id, probe: Probe { probe } }) => {
            session.post(&["diagnoses"], &json!({"execution_id": execution_id, "probe": probe})).await?
        }
    };
    tell(session, &diagnosis)
}

async fn of_system(system: &System, common: &Common) -> Result<(), Failure> {
    let (diagnosis, public_url) = doctor::diagnose(system).await;
    let diagnosis = doctor::as_json(&diagnosis, public_url.as_ref());
    if common.json {
        output::print_line(&pretty(&diagnosis))?;
    } else {
        output::print(&prose::diagnosis(&diagnosis))?;
    }
    ending(&diagnosis)
}

/// Prints a diagnosis; what is broken ends with exit code 1, so that scripts can branch on it.
fn tell(session: &Session, diagnosis: &Value) -> Result<(), Failure> {
    show(session, diagnosis, prose::diagnosis)?;
    ending(diagnosis)
}

fn ending(diagnosis: &Value) -> Result<(), Failure> {
    match (diagnosis["verdict"].as_str(), diagnosis["findings"][0]["code"].as_str()) {
        (Some("broken"), Some(code)) => {
            Err(Failure::new(Exit::Refused, format!("Broken: {}.", super::view::clean(code))))
        }
        _ => Ok(()),
    }
}
