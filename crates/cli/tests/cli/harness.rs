//! Servers and commands as child processes, and an end user's browser without scripts.

use std::{
    collections::BTreeMap,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// The binary under test, without any setting of whoever runs the tests.
pub(crate) fn valetkey(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_valetkey"));
    for (name, _) in std::env::vars_os() {
        let name_text = name.to_string_lossy();
        if name_text.starts_with("VALETKEY_") || name_text.to_ascii_lowercase().ends_with("_proxy") {
            command.env_remove(&name);
        }
    }
    command.current_dir(folder);
    command
}

/// How a command ended.
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.code, 0, "{}", self.stderr);
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("{e}: {}", self.stdout))
    }

    /// Asserts that the command ended so and said all of this on stderr.
    pub(crate) fn refused(&self, code: i32, named: &[&str]) {
        assert_eq!(self.code, code, "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        for name in named {
            assert!(self.stderr.contains(name), "{name:?} is not in: {}", self.stderr);
        }
    }
}

/// Runs a command to its end, which must come within the deadline.
pub(crate) fn run(command: &mut Command, stdin: &str) -> Ended {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A command that does not read its stdin may have ended already.
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    // Read while it runs: a pipe that nobody empties would hold up whoever says much.
    let (stdout, stderr) = (read(child.stdout.take().unwrap()), read(child.stderr.take().unwrap()));
    wait_until("the command ends", || child.try_wait().unwrap().is_some());
    let status = child.wait().unwrap();
    Ended {
        code: status.code().unwrap_or(-1),
        stdout: stdout.join().unwrap(),
        stderr: stderr.join().unwrap(),
    }
}

fn read(mut stream: impl std::io::Read + Send + 'static) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    })
}

pub(crate) fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < DEADLINE, "{what}: not within {DEADLINE:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A server process. Killed when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) folder: PathBuf,
}

impl Server {
    pub(crate) fn start(mut command: Command, folder: &Path) -> Self {
        let file = |name: &str| std::fs::File::create(folder.join(name)).unwrap();
        let child =
            command.stdin(Stdio::null()).stdout(file("stdout")).stderr(file("stderr")).spawn().unwrap();
        Self { child, folder: folder.to_owned() }
    }

    pub(crate) fn output(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.join(name)).unwrap()
    }

    /// Waits for a condition, and fails with what the server said if it ends before.
    pub(crate) fn wait_until(&mut self, what: &str, condition: impl Fn(&Self) -> bool) {
        let begun = Instant::now();
        while !condition(self) {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("{what}: the server ended with {status}: {}", self.output("stderr"));
            }
            assert!(begun.elapsed() < DEADLINE, "{what}: not within {DEADLINE:?}: {}", self.output("stderr"));
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Sends a signal and asserts that the server ends well within the deadline.
    pub(crate) fn stop(mut self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                assert!(status.success(), "{signal}: {status}: {}", self.output("stderr"));
                return;
            }
            assert!(begun.elapsed() < DEADLINE, "{signal}: still running: {}", self.output("stderr"));
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A running `valetkey dev` in a folder of its own.
pub(crate) struct Dev {
    pub(crate) server: Server,
    pub(crate) env: BTreeMap<String, String>,
}

impl Dev {
    pub(crate) fn start(folder: &Path) -> Self {
        Self::start_with(folder, &[])
    }

    pub(crate) fn start_with(folder: &Path, more: &[&str]) -> Self {
        let mut command = valetkey(folder);
        command.args(["dev", "--listen", "127.0.0.1:0", "--env-file", "ready"]).args(more);
        let _ = std::fs::remove_file(folder.join("ready"));
        let mut server = Server::start(command, folder);
        server.wait_until("the environment file", |server| server.folder.join("ready").exists());
        let text = std::fs::read_to_string(folder.join("ready")).unwrap();
        let env = text.lines().map(|line| line.split_once('=').unwrap());
        let env = env.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Self { server, env }
    }

    pub(crate) fn url(&self) -> &str {
        &self.env["VALETKEY_URL"]
    }

    /// A client command, run in the server's folder.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        self.run_with(arguments, "")
    }

    pub(crate) fn run_with(&self, arguments: &[&str], stdin: &str) -> Ended {
        run(valetkey(&self.server.folder).args(arguments), stdin)
    }

    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        self.run(&[arguments, &["--json"]].concat()).json()
    }

    pub(crate) fn http(&self) -> reqwest::Client {
        let pem = std::fs::read(&self.env["VALETKEY_CA_FILE"]).unwrap();
        let certificates = reqwest::Certificate::from_pem_bundle(&pem).unwrap();
        let builder = reqwest::Client::builder().tls_certs_only(certificates).no_proxy();
        builder.redirect(reqwest::redirect::Policy::none()).timeout(DEADLINE).build().unwrap()
    }

    /// Where the simulator listens.
    pub(crate) fn simulator(&self) -> String {
        let connection = self.json(&["connection", "get", "sandbox"]);
        let url = connection["overrides"]["token_url"].as_str().unwrap().to_owned();
        url.strip_suffix("/oauth/token").unwrap().to_owned()
    }

    /// Connects `identifier` as `ada`: opens the link, continues, allows, and follows back.
    pub(crate) async fn connect(&self, identifier: &str) -> String {
        let link = self.json(&["account", "link", "--connection", "sandbox", "--identifier", identifier]);
        let link = link["link"].as_str().unwrap();
        let http = self.http();
        let page = http.get(link).send().await.unwrap();
        let cookie = page.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
        let fields = hidden(&page.text().await.unwrap());
        let started = http.post(link).header("cookie", &cookie).form(&fields).send().await.unwrap();
        let authorize = location(&started);
        let consent = http.get(&authorize).send().await.unwrap().text().await.unwrap();
        let mut fields = hidden(&consent);
        fields.remove("scopes_shown");
        fields.insert("user".to_owned(), "ada".to_owned());
        fields.insert("decision".to_owned(), "allow".to_owned());
        let decision = format!("{}/oauth/authorize/decision", self.simulator());
        let back = location(&http.post(decision).form(&fields).send().await.unwrap());
        let done = http.get(&back).header("cookie", &cookie).send().await.unwrap();
        assert!(done.status().is_success(), "{}", done.text().await.unwrap());
        done.text().await.unwrap()
    }
}

fn location(response: &reqwest::Response) -> String {
    assert!(response.status().is_redirection(), "{}", response.status());
    response.headers()["location"].to_str().unwrap().to_owned()
}

/// The hidden fields of a page's form.
fn hidden(page: &str) -> BTreeMap<String, String> {
    let inputs = page.split("<input type=\"hidden\"").skip(1);
    let attribute = |input: &str, name: &str| {
        let rest = input.split(&format!("{name}=\"")).nth(1).unwrap();
        rest.split('"').next().unwrap().to_owned()
    };
    inputs.map(|input| (attribute(input, "name"), attribute(input, "value"))).collect()
}

pub(crate) fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}
