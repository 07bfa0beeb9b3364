//! Servers under trial: real processes on one database, with an API client that may do everything.

use std::{
    collections::BTreeMap,
    fs::File,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tempfile::TempDir;
use valetkey_testkit::postgres::Database;

use crate::provider::Provider;

const KEY: &str = "3q2+7wAUn5cB1V7y0Z3kWm8pQxJt6LsHv4RdNcEyFgI=";
const SECRET: &str = "0123456789abcdef-0123456789abcdef";
/// The longest that anything may take that is not part of a trial.
const PATIENCE: Duration = Duration::from_secs(60);

/// Whether this is the long run (`./x soak`).
pub(crate) fn soak() -> bool {
    std::env::var_os("VALETKEY_SOAK").is_some()
}

/// The size of a trial: in `./x test`, and in `./x soak`.
pub(crate) fn sized<T>(in_test: T, in_soak: T) -> T {
    if soak() { in_soak } else { in_test }
}

/// The connector of the trials, with further lines below `refresh.rotation`.
fn connector(slug: &str, rotation: &str) -> String {
    format!(
        r"
slug: {slug}
display_name: Trial
description: A strict provider for the trials of the refresh ledger.
auth:
  oauth:
    scopes: {{ default: [read] }}
    authorize: {{ url: https://trial.invalid/authorize }}
    token: {{ url: https://trial.invalid/token }}
    refresh:
      margin_seconds: 60
      rotation: {{ {rotation} }}
    revoke: {{ url: https://trial.invalid/revoke }}
api:
  base_url: https://trial.invalid/api
  errors: {{ code: [error] }}
tools:
  - name: {slug}_get_me
    title: Get me
    description: Tells which grant the token that arrived belongs to. Takes no input.
    read_only: true
    scopes: [[read]]
    input: {{}}
    example: {{}}
    request: {{ path: /me }}
"
    )
}

/// Refresh tokens work once and their reuse kills the grant; or the provider forgives for 30 seconds.
pub(crate) const STRICT: &str = "strict";
pub(crate) const GRACE: &str = "grace";

/// What a process takes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Usage {
    pub(crate) resident_kib: u64,
    pub(crate) files: usize,
}

/// One server process. Killed when dropped.
pub(crate) struct Replica {
    child: Child,
    log: PathBuf,
    pub(crate) url: String,
}

impl Replica {
    fn start(mut command: Command, log: PathBuf) -> Self {
        let file = File::create(&log).unwrap();
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(file).spawn().unwrap();
        let mut replica = Self { child, log, url: String::new() };
        let begun = Instant::now();
        while replica.url.is_empty() {
            if let Some(status) = replica.child.try_wait().unwrap() {
                panic!("the server ended with {status}: {}", replica.log());
            }
            assert!(begun.elapsed() < PATIENCE, "the server is not ready: {}", replica.log());
            std::thread::sleep(Duration::from_millis(5));
            replica.url = replica.ready_url().unwrap_or_default();
        }
        replica
    }

    fn ready_url(&self) -> Option<String> {
        let log = self.log();
        let line = log.lines().find(|line| line.contains("valetkey is ready"))?;
        let line: Value = serde_json::from_str(line).ok()?;
        Some(format!("http://{}", line["address"].as_str()?))
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// What the process takes now.
    pub(crate) fn usage(&self) -> Usage {
        let process = format!("/proc/{}", self.child.id());
        let status = std::fs::read_to_string(format!("{process}/status")).unwrap();
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        Usage {
            resident_kib: resident.trim().trim_end_matches(" kB").parse().unwrap(),
            files: std::fs::read_dir(format!("{process}/fd")).unwrap().count(),
        }
    }

    pub(crate) fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// `kill -9`, and waits until it is gone.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, and the time until it ended. Anything but a clean end is a failure.
    pub(crate) fn terminate(mut self) -> Duration {
        self.signal("-TERM");
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                assert!(status.success(), "{status}: {}", self.log());
                return begun.elapsed();
            }
            assert!(begun.elapsed() < PATIENCE, "still running: {}", self.log());
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

enum Place {
    Sqlite,
    Postgres(Database),
}

/// Where servers are started, and the caller that they all know.
pub(crate) struct Fleet {
    folder: TempDir,
    place: Place,
    started: std::sync::atomic::AtomicUsize,
    variables: BTreeMap<String, String>,
}

impl Fleet {
    pub(crate) fn sqlite() -> Self {
        Self::new(Place::Sqlite)
    }

    pub(crate) async fn postgres() -> Self {
        Self::new(Place::Postgres(Database::create().await))
    }

    fn new(place: Place) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let connectors = folder.path().join("connectors");
        std::fs::create_dir(&connectors).unwrap();
        let strict = connector(STRICT, "single_use: true, reuse_kills_grant: true");
        let grace = connector(GRACE, "single_use: true, reuse_kills_grant: true, grace_seconds: 30");
        std::fs::write(connectors.join("strict.yaml"), strict).unwrap();
        std::fs::write(connectors.join("grace.yaml"), grace).unwrap();
        Self { folder, place, started: 0.into(), variables: BTreeMap::new() }
    }

    /// Every server started from here on has this setting.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<String>) {
        self.variables.insert(format!("VALETKEY_{name}"), value.into());
    }

    /// The same with a variable that is no setting.
    pub(crate) fn set_raw(&mut self, name: &str, value: &str) {
        self.variables.insert(name.to_owned(), value.to_owned());
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn database(&self) -> Option<&Database> {
        match &self.place {
            Place::Sqlite => None,
            Place::Postgres(database) => Some(database),
        }
    }

    /// The binary in the fleet's folder, with the fleet's settings.
    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_valetkey"));
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("VALETKEY_") || text.to_ascii_lowercase().ends_with("_proxy") {
                command.env_remove(&name);
            }
        }
        let url = match &self.place {
            Place::Sqlite => "sqlite://valetkey.db".to_owned(),
            Place::Postgres(database) => database.url(),
        };
        command
            .current_dir(self.folder.path())
            .env("VALETKEY_DATABASE_URL", url)
            // One address for all, as behind a balancer: what one replica signs, the others believe.
            .env("VALETKEY_PUBLIC_URL", "http://localhost:7077")
            .env("VALETKEY_MASTER_KEY", KEY)
            .env("VALETKEY_CONNECTORS_DIR", "connectors")
            .env("VALETKEY_ALLOW_PRIVATE_UPSTREAMS", "true")
            .env("VALETKEY_BOOTSTRAP_CLIENT_ID", "trial")
            .env("VALETKEY_BOOTSTRAP_CLIENT_SECRET", SECRET)
            .envs(&self.variables);
        command
    }

    /// Starts one more server on the database and waits until it is ready.
    pub(crate) fn start(&self) -> Replica {
        let number = self.started.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let mut command = self.command();
        command.args(["serve", "--listen", "127.0.0.1:0"]);
        Replica::start(command, self.folder.path().join(format!("server-{number}.log")))
    }

    /// Runs a command beside the servers to its end: its output, or what it says of its failure.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Result<String, String> {
        let mut command = self.command();
        command.args(arguments).stdin(Stdio::null());
        let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
    }
}

/// The code of a call that found nobody to take it: it was not made.
pub(crate) const NOT_CONNECTED: &str = "not connected";

/// Why a call did not work.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// The HTTP status; 0 if there was no answer.
    pub(crate) status: u16,
    /// The catalogue code, if there was an answer.
    pub(crate) code: String,
    /// What was answered, for the message of a failed trial.
    #[expect(dead_code, reason = "printed by Debug")]
    pub(crate) body: String,
}

/// The caller of a fleet.
#[derive(Clone)]
pub(crate) struct Caller {
    http: reqwest::Client,
    token: String,
}

impl Caller {
    pub(crate) async fn of(replica: &Replica) -> Self {
        // The server ends connections that were idle for 30 s: one that is about to be ended is not used.
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(PATIENCE)
            .pool_idle_timeout(Duration::from_secs(10))
            .build()
            .unwrap();
        let form = [("grant_type", "client_credentials"), ("client_id", "trial"), ("client_secret", SECRET)];
        let answer = http.post(format!("{}/oauth/token", replica.url)).form(&form).send().await.unwrap();
        let answer: Value = answer.json().await.unwrap();
        let token = answer["access_token"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned();
        Self { http, token }
    }

    pub(crate) async fn call(
        &self,
        url: &str,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> Result<Value, Refusal> {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let mut request =
            self.http.request(method, format!("{url}/v1/connect{path}")).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let lost = |error: reqwest::Error| {
            let code = if error.is_connect() { NOT_CONNECTED } else { "" };
            Refusal { status: 0, code: code.to_owned(), body: format!("{error:?}") }
        };
        let answer = request.send().await.map_err(lost)?;
        let status = answer.status();
        let text = answer.text().await.map_err(lost)?;
        if status.is_success() {
            return Ok(serde_json::from_str(&text).unwrap_or(Value::Null));
        }
        let code = serde_json::from_str::<Value>(&text)
            .ok()
            .and_then(|body| Some(body["error"]["code"].as_str()?.to_owned()))
            .unwrap_or_default();
        Err(Refusal { status: status.as_u16(), code, body: text })
    }

    /// A connection of the connector that leads to `provider`.
    pub(crate) async fn connection(
        &self,
        replica: &Replica,
        name: &str,
        connector: &str,
        provider: &Provider,
    ) {
        let body = json!({
            "name": name, "connector": connector, "client_id": "c", "client_secret": "s",
            "overrides": {
                "authorize_url": provider.url("/authorize"), "token_url": provider.url("/token"),
                "revoke_url": provider.url("/revoke"), "api_base_url": provider.url("/api"),
            },
        });
        self.call(&replica.url, "POST", "/connections", Some(body)).await.unwrap();
    }

    /// An account of a fresh grant, imported; its access token has expired unless `lives` says otherwise. Gives its id
    /// and the grant's number.
    pub(crate) async fn account(
        &self,
        replica: &Replica,
        connection: &str,
        identifier: &str,
        provider: &Provider,
        lives: time::Duration,
    ) -> (String, usize) {
        let (grant, access_token, refresh_token) = provider.grant();
        let expires_at = now() + lives;
        let body = json!({
            "connection_name": connection, "identifier": identifier, "skip_probe": true,
            "credential": {"oauth": {
                "access_token": access_token, "refresh_token": refresh_token, "scopes": ["read"],
                "expires_at": expires_at.format(&time::format_description::well_known::Rfc3339).unwrap(),
            }},
        });
        let made = self.call(&replica.url, "POST", "/accounts", Some(body)).await.unwrap();
        (made["id"].as_str().unwrap().to_owned(), grant)
    }

    /// Calls the tool that tells which grant arrived.
    pub(crate) async fn me(&self, url: &str, connector: &str, account: &str) -> Result<Value, Refusal> {
        let body = json!({
            "tool_name": format!("{connector}_get_me"), "connected_account_id": account, "tool_input": {},
        });
        self.call(url, "POST", "/tools/execute", Some(body)).await
    }

    pub(crate) async fn refresh(&self, url: &str, account: &str) -> Result<Value, Refusal> {
        self.call(url, "POST", &format!("/accounts/{account}/refresh"), None).await
    }

    pub(crate) async fn get(&self, url: &str, account: &str) -> Value {
        self.call(url, "GET", &format!("/accounts/{account}"), None).await.unwrap()
    }

    pub(crate) async fn events(&self, url: &str, account: &str) -> Vec<Value> {
        let path = format!("/accounts/{account}/events?page_size=100");
        let page = self.call(url, "GET", &path, None).await.unwrap();
        page["items"].as_array().unwrap().clone()
    }
}

/// The present instant: what is imported must be dated by the same clock as the servers'.
#[expect(clippy::disallowed_methods, reason = "real processes live by the operating system's clock")]
pub(crate) fn now() -> time::OffsetDateTime {
    time::OffsetDateTime::now_utc()
}

/// Waits for a condition, and no longer than `at_most`.
pub(crate) async fn eventually<F, T>(what: &str, at_most: Duration, mut condition: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let begun = Instant::now();
    loop {
        if let Some(value) = condition().await {
            return value;
        }
        assert!(begun.elapsed() < at_most, "{what}: not within {at_most:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
