//! `valetkey simulate`: the simulator alone, for the tests of whoever uses Valetkey. It needs no vault, no database and
//! no data folder, keeps nothing, and is meant for one machine.

pub(crate) mod bad_tls;
mod consent;
mod ready;
mod remote;

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use clap::{Args, Subcommand};
use rustls::ServerConfig;
use time::format_description::well_known::Rfc3339;
use tokio::net::TcpListener;
use valetkey_domain::{Entropy, SystemClock, Time};
use valetkey_server::ListenerSettings;
use valetkey_simulator::{ClientSetup, Profile, SeededEntropy, Setup, Simulator};
use valetkey_vault::SystemEntropy;

use crate::{dev, failure::Failure, shutdown};

/// The client that is there from the start, so that scripts need not register one.
const CLIENT_ID: &str = "valetkey-test";
const CLIENT_SECRET: &str = "valetkey-test-secret";

/// Start the simulator alone (without a command), or tell a running one what to do
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Simulate {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    start: Start,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Have something go wrong soon: `fault endpoint=api kind=status status=429 times=3`
    Fault(remote::Fields),
    /// Show the provider's clock, or move it: `clock days=8`
    Clock(remote::Fields),
    /// Go through an authorization link as an end user does, without a browser
    Consent(consent::Consent),
    /// Obey a verb of the control API: `do revoke-grants user=ada by=admin`
    Do(remote::Verb),
    /// Show a part of the control API: `show journal path_prefix=/api/`
    Show(remote::Verb),
}

#[derive(Debug, Args)]
struct Start {
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:7078")]
    listen: SocketAddr,
    /// Make the same tokens and answers again for the same requests
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// Begin at this time and stand still until the clock is moved, such as 2026-01-01T00:00:00Z
    #[arg(long, value_name = "TIME", value_parser = time_of)]
    at: Option<Time>,
    /// Whose manners: plain, google, microsoft or slack
    #[arg(long, value_name = "NAME", default_value = "plain", value_parser = profile_of)]
    profile: Profile,
    /// The client that is registered at the start
    #[arg(long, value_name = "ID", default_value = CLIENT_ID)]
    client_id: String,
    /// Its secret. It guards nothing: the simulator holds nobody's data
    #[arg(long, value_name = "SECRET", default_value = CLIENT_SECRET)]
    client_secret: String,
    /// A redirect URI of that client. Repeatable; more can be registered later
    #[arg(long = "redirect-uri", value_name = "URL")]
    redirect_uris: Vec<String>,
    /// Speak TLS, with a certificate of a private authority that is kept in this folder (made if it is not there)
    #[arg(long, value_name = "FOLDER")]
    tls: Option<PathBuf>,
    /// Listen on further ports with certificates that clients must refuse
    #[arg(long, requires = "tls")]
    bad_tls: bool,
    /// Print the ready line as JSON
    #[arg(long)]
    json: bool,
    /// Write the ready line as JSON to this file, once it is ready
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
    /// Listen on an address that other machines reach: whoever reaches the simulator commands it
    #[arg(long)]
    allow_remote: bool,
}

fn time_of(text: &str) -> Result<Time, String> {
    Time::parse(text, &Rfc3339).map_err(|_| "a time such as 2026-01-01T00:00:00Z".to_owned())
}

fn profile_of(text: &str) -> Result<Profile, String> {
    Profile::named(text).ok_or_else(|| {
        let names: Vec<&str> = Profile::ALL.iter().map(|(name, _)| *name).collect();
        format!("one of {}", names.join(", "))
    })
}

pub(crate) async fn run(simulate: Simulate) -> Result<(), Failure> {
    match simulate.command {
        None => start(simulate.start).await,
        Some(Command::Fault(fields)) => remote::post("faults", fields).await,
        Some(Command::Clock(fields)) if fields.is_empty() => remote::get("clock", fields).await,
        Some(Command::Clock(fields)) => remote::post("clock", fields).await,
        Some(Command::Consent(consent)) => consent::run(consent).await,
        Some(Command::Do(verb)) => remote::post(&verb.name, verb.fields).await,
        Some(Command::Show(verb)) => remote::get(&verb.name, verb.fields).await,
    }
}

/// A port with what it speaks.
struct Port {
    name: &'static str,
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<Arc<ServerConfig>>,
}

async fn bind(
    name: &'static str,
    address: SocketAddr,
    tls: Option<Arc<ServerConfig>>,
) -> Result<Port, Failure> {
    let refused = |error| Failure::usage(format!("--listen: {address} cannot be used: {error}"));
    let listener = TcpListener::bind(address).await.map_err(refused)?;
    let address = listener.local_addr().map_err(refused)?;
    Ok(Port { name, listener, address, tls })
}

async fn start(start: Start) -> Result<(), Failure> {
    if !start.listen.ip().is_loopback() && !start.allow_remote {
        return Err(Failure::usage(format!(
            "--listen: {} is reached from other machines, and the simulator obeys whoever reaches it. Say \
             --allow-remote if that is meant.",
            start.listen
        )));
    }
    let stop = shutdown::on_signal().map_err(|error| Failure::usage(format!("signals: {error}")))?;
    let simulator = simulator(&start)?;
    let mut ca_file = None;
    let mut ports = Vec::new();
    match &start.tls {
        None => ports.push(bind("simulator", start.listen, None).await?),
        Some(folder) => {
            let good = dev::tls::for_simulator(folder, start.listen.ip())?;
            ca_file = Some(good.ca_file.clone());
            ports.push(bind("simulator", start.listen, Some(good.config.clone())).await?);
            if start.bad_tls {
                for (name, config) in bad_tls::configs(&good.authority, &good.names)? {
                    ports.push(bind(name, (start.listen.ip(), 0).into(), Some(config)).await?);
                }
            }
        }
    }
    let facts = ready::Facts::new(&start, &ports, ca_file);
    let tasks: Vec<_> = ports
        .into_iter()
        .map(|port| {
            let (router, stop) = (simulator.router(), stop.clone());
            let limits = ListenerSettings::default();
            tokio::spawn(async move {
                valetkey_server::serve(port.listener, port.tls, router, limits, stop.cancelled_owned()).await
            })
        })
        .collect();
    ready::tell(&facts, start.json, start.ready_file.as_deref())?;
    for task in tasks {
        if task.await.is_err() {
            tracing::error!("a port of the simulator ended badly");
        }
    }
    Ok(())
}

fn simulator(start: &Start) -> Result<Simulator, Failure> {
    let entropy: Arc<dyn Entropy> = match start.seed {
        Some(seed) => Arc::new(SeededEntropy::new(seed)),
        None => Arc::new(SystemEntropy),
    };
    let setup =
        Setup { settings: start.profile.settings(), frozen_at: start.at, plain_http: start.tls.is_none() };
    let simulator = Simulator::set_up(Arc::new(SystemClock), entropy, setup);
    let client = ClientSetup {
        redirect_uris: start.redirect_uris.clone(),
        ..ClientSetup::web(&start.client_id, &start.client_secret, "")
    };
    simulator.register_client(client).map_err(|error| Failure::usage(format!("the client: {error}")))?;
    Ok(simulator)
}
