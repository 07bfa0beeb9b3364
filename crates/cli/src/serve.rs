//! `valetkey serve`: production.

use std::net::SocketAddr;

use url::Url;
use valetkey_server::Drained;

use crate::{
    failure::Failure,
    master_key::MasterKeySource,
    output,
    settings::{Role, Settings},
    shutdown,
    wiring::{self, Assembly, Start},
};

pub(crate) async fn run(settings: &Settings) -> Result<(), Failure> {
    let master_key: &MasterKeySource =
        settings.master_key.as_ref().ok_or_else(|| Failure::setting("master_key", "is missing"))?;
    warn_of_open_key_file(master_key);
    let tls = match &settings.network.tls {
        Some(tls) => Some(
            valetkey_server::server_config(&tls.certificates, &tls.key)
                .map_err(|error| Failure::setting("tls_cert", error))?,
        ),
        None => None,
    };
    let stop = shutdown::on_signal().map_err(|error| Failure::usage(format!("signals: {error}")))?;
    let lock = match settings.storage.server {
        None => Some(wiring::lock(&settings.storage.database)?),
        Some(_) => None,
    };
    let (listener, address) = wiring::bind(settings).await?;
    let public_url = match &settings.network.public_url {
        Some(url) => url.clone(),
        None => own_url(address, tls.is_some())?,
    };
    let start = Start { public_url: public_url.clone(), master_key, simulator: None, desk: None, lock };
    let assembly = wiring::assemble(settings, start).await?;
    warn_if_nobody_can_call(&assembly).await;
    invite_the_first_owner(settings, &assembly).await?;
    tracing::info!(%address, %public_url, version = env!("CARGO_PKG_VERSION"), "valetkey is ready");
    let drained = valetkey_server::serve(
        listener,
        tls,
        assembly.router.clone(),
        wiring::listener_settings(settings),
        stop.cancelled_owned(),
    )
    .await;
    report(drained);
    assembly.close().await;
    tracing::info!("valetkey has stopped");
    Ok(())
}

/// A server without any API client answers nobody, which is easily mistaken for a wrong key.
async fn warn_if_nobody_can_call(assembly: &Assembly) {
    let engine = &assembly.engine;
    let clients = async {
        let environment = engine.default_environment().await?;
        engine.list_api_clients(&engine.operator(environment)?).await
    };
    if clients.await.is_ok_and(|clients| clients.is_empty()) {
        tracing::warn!(
            "there is no API client yet: set bootstrap_client_id and bootstrap_client_secret and start again"
        );
    }
}

/// A server that nobody can log in to yet says how. The link is for the terminal and goes past the log, which is kept and
/// read by many.
async fn invite_the_first_owner(settings: &Settings, assembly: &Assembly) -> Result<(), Failure> {
    if settings.work.role == Role::Worker {
        return Ok(());
    }
    match assembly.engine.setup_link().await {
        Ok(Some(link)) => output::print_line(&format!(
            "Nobody can use the dashboard yet. Whoever opens this link becomes its owner; it works once, until {}:\n{}",
            link.expires_at.date(),
            link.url
        )),
        Ok(None) => Ok(()),
        Err(error) => {
            tracing::warn!(code = error.code().as_str(), "no setup link could be made");
            Ok(())
        }
    }
}

/// The server's own address as a URL; only for loopback, where the settings allow it.
pub(crate) fn own_url(address: SocketAddr, tls: bool) -> Result<Url, Failure> {
    let scheme = if tls { "https" } else { "http" };
    Url::parse(&format!("{scheme}://{address}")).map_err(|error| Failure::setting("listen", error))
}

pub(crate) fn report(drained: Drained) {
    if let Drained::Cut { connections } = drained {
        tracing::warn!(connections, "connections were still busy after drain_timeout_s and were cut");
    }
}

/// Not refused: orchestrators hand out secret files with such rights into containers of one user.
fn warn_of_open_key_file(master_key: &MasterKeySource) {
    use std::os::unix::fs::PermissionsExt as _;
    let Some(path) = &master_key.file else { return };
    let open = std::fs::metadata(path).is_ok_and(|meta| meta.permissions().mode() & 0o077 != 0);
    if open {
        tracing::warn!(file = %path.display(), "the master key file can be read by other users of this machine: chmod 600");
    }
}
