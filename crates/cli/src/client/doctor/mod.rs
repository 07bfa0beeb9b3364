//! `valetkey doctor …`: what is wrong, how that is known, whose move it is and what to do.

mod prose;

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use valetkey_domain::ErrorCode;

use super::{Common, Session, account::Pick, pretty, show};
use crate::{
    doctor::{self, Running, Said, System},
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
    /// Reads the settings of `valetkey serve`, or those of the `valetkey dev` of this folder, and works where the server
    /// cannot start. A server that VALETKEY_URL or --url names, with a key, is asked how its background is
    System(Box<System>),
}

#[derive(Debug, Args)]
pub(crate) struct Account {
    #[command(flatten)]
    account: Pick,
    #[command(flatten)]
    how: How,
    #[command(flatten)]
    registered: Registered,
}

#[derive(Debug, Args)]
pub(crate) struct Connection {
    /// Its name or id
    connection: String,
    /// Check before launch: redirect URI, scopes, lasting access, PKCE, client credentials, secret age, consent
    #[arg(long, conflicts_with = "probe")]
    preflight: bool,
    #[command(flatten)]
    how: How,
    #[command(flatten)]
    registered: Registered,
}

#[derive(Debug, Args)]
pub(crate) struct Execution {
    /// Its id: ex_…
    execution_id: String,
    #[command(flatten)]
    how: How,
}

/// How far to go.
#[derive(Debug, Args)]
pub(crate) struct How {
    /// Ask the provider too: refresh the credential, compare scopes, make the cheapest read call
    #[arg(long)]
    probe: bool,
}

/// What is registered at the provider.
#[derive(Debug, Args)]
pub(crate) struct Registered {
    /// A redirect URI as the provider's console shows it; a difference to ours is named. Repeatable
    #[arg(long = "registered-redirect-uri", value_name = "URI")]
    uris: Vec<String>,
}

pub(super) async fn run(command: Command, common: &Common) -> Result<(), Failure> {
    let open = || Session::open(common);
    let body = match command {
        Command::System(system) => return of_system(&system, common).await,
        Command::Connection(Connection { connection, preflight: true, .. }) => {
            let path = ["connections", connection.as_str(), "preflight"];
            let session = open()?;
            return tell(&session, &session.post(&path, &json!({})).await?);
        }
        Command::Account(Account { account, how, registered }) => json!({
            "account_id": account.account,
            "identifier": account.identifier,
            "connection_name": account.connection,
            "account_name": account.account_name,
            "probe": how.probe,
            "registered_redirect_uris": registered.uris,
        }),
        Command::Connection(Connection { connection, how, registered, .. }) => json!({
            "connection_name": connection,
            "probe": how.probe,
            "registered_redirect_uris": registered.uris,
        }),
        Command::Execution(Execution { execution_id, how }) => {
            json!({"execution_id": execution_id, "probe": how.probe})
        }
    };
    let session = open()?;
    tell(&session, &session.post(&["diagnoses"], &body).await?)
}

async fn of_system(system: &System, common: &Common) -> Result<(), Failure> {
    let (diagnosis, public_url) = doctor::diagnose(system, ask(common).await).await;
    let diagnosis = doctor::as_json(&diagnosis, public_url.as_ref());
    if common.json {
        output::print_line(&pretty(&diagnosis))?;
    } else {
        output::print(&prose::diagnosis(&diagnosis))?;
    }
    ending(&diagnosis)
}

/// Asks the server that client commands speak to how it is.
async fn ask(common: &Common) -> Running {
    let session = match Session::open(common) {
        Ok(session) => session,
        Err(failure) => return Running::NotAsked { why: failure.text },
    };
    let said = async {
        let ready = session.ready().await?;
        let background = session.get(&["background"], &[]).await?;
        Ok(Said { mark: ready["server"].as_str().map(str::to_owned), background })
    };
    Running::Asked { url: session.url().clone(), by: session.by, said: said.await }
}

/// Prints a diagnosis; what is broken ends with exit code 1, so that scripts can branch on it.
fn tell(session: &Session, diagnosis: &Value) -> Result<(), Failure> {
    show(session, diagnosis, prose::diagnosis)?;
    ending(diagnosis)
}

fn ending(diagnosis: &Value) -> Result<(), Failure> {
    match (diagnosis["verdict"].as_str(), diagnosis["findings"][0]["code"].as_str()) {
        (Some("broken"), Some(code)) => {
            let broken = Failure::new(Exit::Refused, format!("Broken: {}.", super::view::clean(code)));
            // What to read on about is what was found, not that the command found something.
            Err(match ErrorCode::parse(code) {
                Some(code) => broken.of(code),
                None => broken,
            })
        }
        _ => Ok(()),
    }
}
