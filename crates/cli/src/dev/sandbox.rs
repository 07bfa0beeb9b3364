//! The simulator beside a development server, and the connection `sandbox` that leads to it.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use async_trait::async_trait;
use axum::body::{Body, to_bytes};
use http::{
    Method, Request,
    header::{CONTENT_TYPE, HOST},
};
use rustls::ServerConfig;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use url::Url;
use valetkey_domain::{
    Caller, Error, ErrorCode, ExposeSecret, SecretString, SystemClock, connection::Overrides,
};
use valetkey_engine::{ConnectionUpdate, ConnectionView, Engine, NewConnection};
use valetkey_server::{ListenerSettings, SimulatorDesk};
use valetkey_simulator::{ClientSetup, Simulator, Snapshot};
use valetkey_vault::SystemEntropy;

use super::{
    broken,
    folder::{Folder, secret_text},
    keys::random_secret,
};
use crate::{failure::Failure, files};

const ABOUT: &str = "sandbox.json";
const SNAPSHOT: &str = "simulator.json";
const CONNECTION: &str = "sandbox";
const CLIENT_ID: &str = "valetkey-dev";
/// The server's default port, and the simulator's beside it: the one that connections of the connector `sandbox` lead
/// to unless told otherwise.
const USUAL_PORTS: (u16, u16) = (7077, 7078);

/// What is kept from start to start.
#[derive(Serialize, Deserialize)]
struct About {
    port: u16,
    #[serde(with = "secret_text")]
    client_secret: SecretString,
}

/// The simulator of the `valetkey dev` whose data is in the usual folder here, and the certificate to trust.
pub(crate) fn here() -> Option<(String, PathBuf)> {
    /// Only what is no secret.
    #[derive(Deserialize)]
    struct Where {
        port: u16,
    }
    let folder = Path::new(super::USUAL_FOLDER);
    let text = std::fs::read(folder.join(ABOUT)).ok()?;
    let about: Where = serde_json::from_slice(&text).ok()?;
    Some((format!("https://127.0.0.1:{}", about.port), folder.join("ca.pem")))
}

/// The simulator with its listener, not serving yet.
pub(super) struct Sandbox {
    pub(super) address: SocketAddr,
    listener: TcpListener,
    simulator: Simulator,
    client_secret: SecretString,
    snapshot: PathBuf,
}

/// Binds the simulator's port (the one of the last start if it is free) and brings its grants back.
pub(super) async fn open(folder: &Folder, server_port: u16) -> Result<Sandbox, Failure> {
    let about: Option<About> = folder.read_json(ABOUT)?;
    let last = about.as_ref().map(|about| about.port);
    let listener = bind(last, server_port).await?;
    let address = listener.local_addr().map_err(|error| Failure::setting("listen", error))?;
    let client_secret = about.map_or_else(|| random_secret(""), |about| about.client_secret);
    if last != Some(address.port()) {
        let about = About { port: address.port(), client_secret: client_secret.clone() };
        folder.write_json(ABOUT, &about)?;
    }
    let simulator = Simulator::new(Arc::new(SystemClock), Arc::new(SystemEntropy));
    if let Some(snapshot) = folder.read_json::<Snapshot>(SNAPSHOT)? {
        simulator.restore(snapshot);
    }
    Ok(Sandbox { address, listener, simulator, client_secret, snapshot: folder.file(SNAPSHOT) })
}

async fn bind(last: Option<u16>, server_port: u16) -> Result<TcpListener, Failure> {
    let usual = (server_port == USUAL_PORTS.0).then_some(USUAL_PORTS.1);
    for port in last.into_iter().chain(usual) {
        if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)).await {
            return Ok(listener);
        }
    }
    let refused =
        |error| Failure::setting("listen", format!("no free loopback port for the simulator: {error}"));
    TcpListener::bind(("127.0.0.1", 0)).await.map_err(refused)
}

/// Makes sure that the connection `sandbox` exists and leads to the simulator, and that the simulator knows it.
pub(super) async fn connect(
    sandbox: &Sandbox,
    folder: &Folder,
    engine: &Engine,
    caller: &Caller,
) -> Result<(), Failure> {
    let refused = |error: Error| Failure::setting("data_dir", format!("the connection sandbox: {error}"));
    let overrides = overrides(sandbox.address).map_err(|error| broken(folder.path(), error))?;
    let view = match engine.get_connection(caller, CONNECTION).await {
        Err(error) if error.code() == ErrorCode::ConnectionNotFound => {
            let new = NewConnection {
                name: Some(CONNECTION.to_owned()),
                connector: "sandbox".to_owned(),
                client_id: Some(CLIENT_ID.to_owned()),
                client_secret: Some(sandbox.client_secret.clone()),
                overrides,
                ..NewConnection::default()
            };
            engine.create_connection(caller, new).await.map_err(refused)?
        }
        Err(error) => return Err(refused(error)),
        Ok(view) => follow(view, overrides, engine, caller).await.map_err(refused)?,
    };
    let client = ClientSetup::web(CLIENT_ID, sandbox.client_secret.expose_secret(), view.redirect_uri);
    sandbox.simulator.register_client(client).map_err(|error| broken(folder.path(), error))?;
    Ok(())
}

/// Leads an existing connection to where the simulator is now. One that the developer has changed to something else
/// stays as it is.
async fn follow(
    view: ConnectionView,
    overrides: Overrides,
    engine: &Engine,
    caller: &Caller,
) -> Result<ConnectionView, Error> {
    let connection = &view.connection;
    let ours = connection.connector == "sandbox" && connection.client_id.as_deref() == Some(CLIENT_ID);
    if !ours || connection.overrides == overrides {
        return Ok(view);
    }
    let update = ConnectionUpdate { overrides: Some(overrides), ..ConnectionUpdate::default() };
    engine.update_connection(caller, connection.id.as_str(), update).await
}

fn overrides(simulator: SocketAddr) -> Result<Overrides, url::ParseError> {
    let base = Url::parse(&format!("https://{simulator}"))?;
    Ok(Overrides {
        authorize_url: Some(base.join("/oauth/authorize")?),
        token_url: Some(base.join("/oauth/token")?),
        revoke_url: Some(base.join("/oauth/revoke")?),
        userinfo_url: Some(base.join("/oauth/userinfo")?),
        api_base_url: Some(base.join("/api/v1")?),
    })
}

/// The simulator's control API, asked without a socket.
struct Desk(axum::Router);

/// The longest answer of the control API that is read: some thousands of grants.
const MAX_ANSWER: usize = 8 << 20;

#[async_trait]
impl SimulatorDesk for Desk {
    async fn ask(&self, verb: &str, body: Option<Value>) -> Result<Value, String> {
        let request = Request::builder().uri(format!("/_sim/{verb}")).header(HOST, "127.0.0.1");
        let request = match body {
            None => request.body(Body::empty()),
            Some(body) => request
                .method(Method::POST)
                .header(CONTENT_TYPE, "application/json")
                .body(Body::from(body.to_string())),
        };
        let request = request.map_err(|error| error.to_string())?;
        let answer = match self.0.clone().oneshot(request).await {
            Ok(answer) => answer,
            Err(never) => match never {},
        };
        let ok = answer.status().is_success();
        let text = to_bytes(answer.into_body(), MAX_ANSWER).await.map_err(|error| error.to_string())?;
        let said: Value = serde_json::from_slice(&text).unwrap_or_default();
        match ok {
            true => Ok(said),
            false => Err(said["error"]["message"].as_str().unwrap_or("it did not do so").to_owned()),
        }
    }
}

impl Sandbox {
    /// What commands it.
    pub(super) fn desk(&self) -> Arc<dyn SimulatorDesk> {
        Arc::new(Desk(self.router()))
    }

    /// What it answers, on whatever port.
    pub(super) fn router(&self) -> axum::Router {
        self.simulator.router()
    }

    /// Serves until told to stop, and writes what must survive a restart whenever it has changed.
    pub(super) async fn serve(
        self,
        tls: Arc<ServerConfig>,
        limits: ListenerSettings,
        stop: CancellationToken,
    ) {
        let keeper = tokio::spawn(keep(self.simulator.clone(), self.snapshot.clone(), stop.clone()));
        let router = self.simulator.router();
        valetkey_server::serve(self.listener, Some(tls), router, limits, stop.cancelled_owned()).await;
        if keeper.await.is_err() {
            tracing::error!("the task that keeps the simulator's state ended badly");
        }
        write(&self.simulator, &self.snapshot);
    }
}

async fn keep(simulator: Simulator, path: PathBuf, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = simulator.changed() => {}
            () = stop.cancelled() => return,
        }
        let (simulator, path) = (simulator.clone(), path.clone());
        if tokio::task::spawn_blocking(move || write(&simulator, &path)).await.is_err() {
            return;
        }
    }
}

fn write(simulator: &Simulator, path: &Path) {
    let written = serde_json::to_vec(&simulator.snapshot())
        .map_err(std::io::Error::from)
        .and_then(|text| files::write_private(path, &text));
    if let Err(error) = written {
        tracing::warn!(%error, "the simulator's state was not kept: connected sandbox accounts end with this server");
    }
}
