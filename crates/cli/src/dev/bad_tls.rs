//! Further ports of the simulator, with certificates that clients must refuse.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};

use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use valetkey_server::ListenerSettings;

use super::{broken, folder::Folder, tls::DevTls};
use crate::{failure::Failure, simulate::bad_tls};

/// Where the ports are, by the fault of their certificate.
pub(super) const PORTS: &str = "bad_tls.json";

/// A port, not served yet.
pub(super) struct Port {
    pub(super) address: SocketAddr,
    listener: TcpListener,
    tls: Arc<ServerConfig>,
}

/// Binds a port for each fault and tells where they are in the data folder; none unless they are wanted. They are others
/// after each start, and the file is there only as long as they were wanted at the last one.
pub(super) async fn open(folder: &Folder, tls: &DevTls, wanted: bool) -> Result<Vec<Port>, Failure> {
    let file = folder.file(PORTS);
    if !wanted {
        return match std::fs::remove_file(&file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(broken(&file, error)),
            _ => Ok(Vec::new()),
        };
    }
    let mut ports = Vec::new();
    let mut urls = BTreeMap::new();
    for (name, config) in bad_tls::configs(&tls.authority, &tls.names)? {
        let refused = |error| Failure::setting("listen", format!("no free port for --bad-tls: {error}"));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        urls.insert(name, format!("https://{address}"));
        ports.push(Port { address, listener, tls: config });
    }
    folder.write_json(PORTS, &urls)?;
    Ok(ports)
}

impl Port {
    /// Serves until told to stop.
    pub(super) async fn serve(self, router: axum::Router, limits: ListenerSettings, stop: CancellationToken) {
        valetkey_server::serve(self.listener, Some(self.tls), router, limits, stop.cancelled_owned()).await;
    }
}
