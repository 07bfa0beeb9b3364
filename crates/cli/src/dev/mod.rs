//! `valetkey dev`: a server that needs nothing, with the simulator beside it.

mod bad_tls;
mod env_file;
mod folder;
mod found;
mod keys;
mod page;
mod sandbox;
pub(crate) mod tls;

use std::{
    path::{Path, PathBuf},
    time::Instant,
};

use tokio_util::sync::CancellationToken;
use url::Url;

use crate::{
    failure::Failure,
    serve,
    settings::Settings,
    shutdown,
    wiring::{self, Assembly, Start},
};
use env_file::EnvFile;
pub(crate) use env_file::NAME as ENV_FILE;
use folder::Folder;
pub(crate) use found::complete;
pub(crate) use sandbox::here as sandbox_here;

/// Where `valetkey dev` keeps its data unless told otherwise.
pub(crate) const USUAL_FOLDER: &str = ".valetkey";

pub(crate) async fn run(
    settings: &Settings,
    env_file: Option<PathBuf>,
    with_bad_tls: bool,
) -> Result<(), Failure> {
    let begun = Instant::now();
    let stop = shutdown::on_signal().map_err(|error| Failure::usage(format!("signals: {error}")))?;
    let folder = Folder::open(&settings.storage.data_dir)?;
    let lock = wiring::lock(&settings.storage.database)?;
    let env_file = EnvFile::prepare(env_file, &folder)?;
    let master_key = keys::master_key(settings, &folder)?;
    let (listener, address) = wiring::bind(settings).await?;
    let public_url = match &settings.network.public_url {
        Some(url) => url.clone(),
        None => loopback_url(address.port())?,
    };
    let tls = tls::prepare(settings, &folder, &public_url, address.ip())?;
    let sandbox = sandbox::open(&folder, address.port()).await?;
    let bad_ports = bad_tls::open(&folder, &tls, with_bad_tls).await?;
    let reached = std::iter::once(sandbox.address).chain(bad_ports.iter().map(|port| port.address));
    let start = Start {
        public_url: public_url.clone(),
        master_key: &master_key,
        simulator: Some((reached.collect(), tls.simulator_ca()?)),
        desk: Some(sandbox.desk()),
        lock: Some(lock),
    };
    let assembly = wiring::assemble(settings, start).await?;
    let access = keys::access(settings, &folder, &assembly.engine).await?;
    sandbox::connect(&sandbox, &folder, &assembly.engine, &access.caller).await?;

    let limits = wiring::listener_settings(settings);
    let server = valetkey_server::serve(
        listener,
        Some(tls.server.clone()),
        assembly.router.clone(),
        limits.clone(),
        stop.cancelled_owned(),
    );
    // The provider ends after the server: calls that are being finished still need it.
    let provider_stop = CancellationToken::new();
    let simulator = sandbox.address;
    for port in bad_ports {
        tokio::spawn(port.serve(sandbox.router(), limits.clone(), provider_stop.clone()));
    }
    let provider = tokio::spawn(sandbox.serve(tls.simulator.clone(), limits, provider_stop.clone()));

    let setup = assembly.engine.setup_link().await.ok().flatten();
    let facts = page::Facts {
        url: &public_url,
        access: &access,
        ca_file: &tls.ca_file,
        folder: folder.path(),
        setup: setup.as_ref().map(|link| &link.url),
        simulator,
        bad_tls: with_bad_tls,
    };
    env_file.write(&facts)?;
    page::print(&facts, env_file.shown())?;
    tracing::info!(%address, ready_ms = begun.elapsed().as_millis(), "ready");

    serve::report(server.await);
    close(assembly, provider_stop, provider).await;
    Ok(())
}

async fn close(assembly: Assembly, provider_stop: CancellationToken, provider: tokio::task::JoinHandle<()>) {
    assembly.close().await;
    provider_stop.cancel();
    if provider.await.is_err() {
        tracing::error!("the simulator ended badly");
    }
    tracing::info!("stopped");
}

/// By number and not by name: `localhost` may first lead to another family's address, where something else listens.
fn loopback_url(port: u16) -> Result<Url, Failure> {
    Url::parse(&format!("https://127.0.0.1:{port}")).map_err(|error| Failure::setting("listen", error))
}

/// Something in the data folder cannot be read or written.
fn broken(what: &Path, error: impl std::fmt::Display) -> Failure {
    Failure::setting("data_dir", format!("{}: {error}", what.display()))
}
