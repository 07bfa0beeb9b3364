//! `valetkey serve`

use std::path::Path;

use pretty_assertions::assert_eq;
use serde_json::Value;

use crate::harness::{Dev, Ended, Server, folder, run, valetkey};

pub(crate) const KEY: &str = "3q2+7wAUn5cB1V7y0Z3kWm8pQxJt6LsHv4RdNcEyFgI=";
pub(crate) const OTHER_KEY: &str = "Zm9vT9bXq1L7sPz3Kd0yHc5VwRj8NuGt2MaEiQxYbUo=";

fn serve(folder: &Path, variables: &[(&str, &str)]) -> std::process::Command {
    let mut command = valetkey(folder);
    command.arg("serve").envs(variables.iter().map(|(name, value)| (format!("VALETKEY_{name}"), value)));
    command
}

fn refused(folder: &Path, variables: &[(&str, &str)]) -> Ended {
    run(&mut serve(folder, variables), "")
}

/// A server on a free loopback port, and where it listens.
pub(crate) fn started(folder: &Path, variables: &[(&str, &str)]) -> (Server, String) {
    let mut command = serve(folder, variables);
    command.args(["--listen", "127.0.0.1:0"]);
    let mut server = Server::start(command, folder);
    server.wait_until("the server is ready", |server| server.output("stderr").contains("valetkey is ready"));
    let ready =
        server.output("stderr").lines().find(|line| line.contains("valetkey is ready")).unwrap().to_owned();
    let ready: Value = serde_json::from_str(&ready).unwrap();
    let url = ready["public_url"].as_str().unwrap().trim_end_matches('/').to_owned();
    (server, url)
}

/// S33: no key, no start, and nothing is made.
#[test]
fn serve_without_a_master_key_does_not_start() {
    let folder = folder();
    refused(folder.path(), &[]).refused(2, &["master_key: is missing", "openssl rand -base64 32"]);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// S33, S58: everything that is wrong is named at once; the whole matrix of settings is tested beside the settings.
#[test]
fn serve_with_several_bad_settings_names_them_all() {
    let folder = folder();
    let variables = [
        ("LISTEN", "0.0.0.0:7077"),
        ("MASTER_KEY", "changeme"),
        ("DATABASE_URL", "postgres://valetkey:hunter2@db/valetkey?sslmode=prefer"),
        ("TLS_CERT", "nowhere.pem"),
        ("BOOTSTRAP_CLIENT_ID", "ops"),
        ("MASTERKEY", "x"),
    ];
    let ended = refused(folder.path(), &variables);
    let names = [
        "listen:",
        "master_key:",
        "database_url:",
        "tls_cert:",
        "tls_key:",
        "bootstrap_client_secret:",
        "masterkey:",
    ];
    ended.refused(2, &names);
    assert!(!ended.stderr.contains("hunter2") && !ended.stderr.contains("changeme"), "{}", ended.stderr);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// S44: a server without users prints a link for the first one, past the log; `user invite` makes further ones.
#[test]
fn serve_without_users_prints_a_setup_link_and_does_not_log_it() {
    let folder = folder();
    let bootstrap = [
        ("MASTER_KEY", KEY),
        ("BOOTSTRAP_CLIENT_ID", "ops"),
        ("BOOTSTRAP_CLIENT_SECRET", "a secret of the operator"),
    ];
    let (server, url) = started(folder.path(), &bootstrap);
    let (printed, log) = (server.output("stdout"), server.output("stderr"));
    let link = printed.lines().find(|line| line.starts_with(&url)).unwrap();
    let token = link.strip_prefix(&format!("{url}/dashboard/welcome/")).unwrap();
    assert!(token.len() >= 43 && !log.contains(token), "{log}");
    let ask = |arguments: &[&str]| {
        let mut command = valetkey(folder.path());
        command.env("VALETKEY_URL", &url).env("VALETKEY_CLIENT_ID", "ops");
        command.env("VALETKEY_CLIENT_SECRET", "a secret of the operator").args(arguments);
        run(&mut command, "")
    };
    let invited = ask(&["user", "invite", "--role", "viewer"]);
    assert_eq!(invited.code, 0, "{}", invited.stderr);
    assert!(invited.stdout.contains("/dashboard/welcome/"), "{}", invited.stdout);
    let verified = ask(&["audit", "verify"]);
    assert_eq!(verified.code, 0, "{}", verified.stderr);
    assert!(verified.stdout.starts_with("The audit log is whole: 1 entries."), "{}", verified.stdout);
    assert_eq!(ask(&["user", "invite", "--role", "king"]).code, 1);
}

/// S34: another key than the database was made with.
#[test]
fn serve_with_another_master_key_is_refused_and_changes_nothing() {
    let folder = folder();
    let (server, _) = started(folder.path(), &[("MASTER_KEY", KEY)]);
    server.stop("-TERM");
    let database = folder.path().join("valetkey-data/valetkey.db");
    let before = std::fs::read(&database).unwrap();
    let ended = refused(folder.path(), &[("MASTER_KEY", OTHER_KEY), ("LISTEN", "127.0.0.1:0")]);
    ended.refused(2, &["master_key:", "not the key"]);
    assert!(!ended.stderr.contains(OTHER_KEY));
    assert!(std::fs::read(&database).unwrap() == before, "the database was written to");
    let (server, _) = started(folder.path(), &[("MASTER_KEY", KEY)]);
    server.stop("-TERM");
}

#[test]
fn serve_with_a_database_that_is_none_is_refused() {
    let folder = folder();
    std::fs::write(folder.path().join("notes.txt"), "not a database, but long enough to look at").unwrap();
    let variables = [("MASTER_KEY", KEY), ("DATABASE_URL", "sqlite://notes.txt"), ("LISTEN", "127.0.0.1:0")];
    refused(folder.path(), &variables).refused(2, &["database_url:"]);
    let text = std::fs::read_to_string(folder.path().join("notes.txt")).unwrap();
    assert_eq!(text, "not a database, but long enough to look at");
}

#[test]
fn serve_with_a_broken_connector_file_is_refused() {
    let folder = folder();
    std::fs::write(folder.path().join("mine.yaml"), "slug: mine\nnonsense: 1\n").unwrap();
    let variables = [("MASTER_KEY", KEY), ("CONNECTORS_DIR", "."), ("LISTEN", "127.0.0.1:0")];
    refused(folder.path(), &variables).refused(2, &["connectors_dir:", "mine.yaml"]);
}

#[test]
fn serve_with_shared_credentials_of_nobody_is_refused() {
    let folder = folder();
    let config = "[shared_credentials.nobody]\nclient_id = \"a\"\nclient_secret = \"hunter2\"\n";
    std::fs::write(folder.path().join("valetkey.toml"), config).unwrap();
    let variables = [("MASTER_KEY", KEY), ("LISTEN", "127.0.0.1:0"), ("CONFIG", "valetkey.toml")];
    let ended = refused(folder.path(), &variables);
    ended.refused(2, &["shared_credentials.nobody"]);
    assert!(!ended.stderr.contains("hunter2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn serve_started_well_answers_logs_and_stops() {
    let folder = folder();
    let secret = "bootstrap-canary-0123456789";
    std::fs::write(folder.path().join("key"), format!("{KEY}\n")).unwrap();
    let variables = [
        ("MASTER_KEY_FILE", "key"),
        ("BOOTSTRAP_CLIENT_ID", "ops"),
        ("BOOTSTRAP_CLIENT_SECRET", secret),
        ("LOG_LEVEL", "trace"),
    ];
    let (server, url) = started(folder.path(), &variables);
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    for path in ["/healthz", "/readyz"] {
        assert!(http.get(format!("{url}{path}")).send().await.unwrap().status().is_success(), "{path}");
    }
    // The bootstrap client makes the first token, all on the command line.
    let mut create = valetkey(folder.path());
    create.args(["token", "create", "first", "--json"]).env("VALETKEY_URL", &url);
    create.env("VALETKEY_CLIENT_ID", "ops").env("VALETKEY_CLIENT_SECRET", secret);
    let token = run(&mut create, "").json()["token"].as_str().unwrap().to_owned();
    let mut list = valetkey(folder.path());
    list.args(["connection", "list"]).env("VALETKEY_URL", &url).env("VALETKEY_API_TOKEN", &token);
    assert_eq!(run(&mut list, "").stdout, "Nothing found.\n");

    let log = server.output("stderr");
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let with_id = lines
        .iter()
        .filter(|line| line["span"]["request_id"].as_str().is_some_and(|id| id.starts_with("req_")));
    assert!(with_id.count() >= 4, "{log}");
    for canary in [secret, &token, KEY] {
        assert!(!log.contains(canary), "S56: a secret is in the log");
    }
    server.stop("-TERM");
    assert!(http.get(format!("{url}/healthz")).send().await.is_err(), "nothing listens any more");
}

/// S58: TLS on the same port.
#[tokio::test(flavor = "multi_thread")]
async fn serve_with_a_certificate_speaks_tls() {
    let folder = folder();
    let dev = Dev::start(folder.path());
    let http = dev.http();
    dev.server.stop("-TERM");
    let variables =
        [("MASTER_KEY", KEY), ("TLS_CERT", ".valetkey/server.pem"), ("TLS_KEY", ".valetkey/server.key")];
    let (server, url) = started(folder.path(), &variables);
    assert!(url.starts_with("https://"), "{url}");
    assert!(http.get(format!("{url}/healthz")).send().await.unwrap().status().is_success());
    server.stop("-INT");
}

/// Several servers share one database: what one of them writes, the other one reads. Stopped and started again, they find
/// everything there.
#[tokio::test(flavor = "multi_thread")]
async fn serve_twice_on_one_postgresql_database_works_together() {
    let database = valetkey_testkit::postgres::Database::create().await;
    let url = database.url();
    let (one, two) = (folder(), folder());
    let secret = "bootstrap-secret-0123456789";
    let variables = [
        ("MASTER_KEY", KEY),
        ("DATABASE_URL", url.as_str()),
        ("BOOTSTRAP_CLIENT_ID", "ops"),
        ("BOOTSTRAP_CLIENT_SECRET", secret),
    ];
    let (first, first_url) = started(one.path(), &variables);
    let (second, second_url) = started(two.path(), &[&variables[..], &[("ROLE", "api")]].concat());
    let command = |url: &str, arguments: &[&str]| {
        let mut command = valetkey(one.path());
        command.args(arguments).env("VALETKEY_URL", url);
        run(command.env("VALETKEY_CLIENT_ID", "ops").env("VALETKEY_CLIENT_SECRET", secret), "")
    };
    command(&first_url, &["connection", "create", "news", "--connector", "hackernews", "--json"]).json();
    let seen = command(&second_url, &["connection", "list", "--json"]).json();
    assert!(seen.to_string().contains("\"news\""), "{seen}");
    let background = |url: &str| command(url, &["background", "status", "--json"]).json()["running"].clone();
    assert_eq!((background(&first_url), background(&second_url)), (Value::Bool(true), Value::Bool(false)));
    assert!(!first.output("stderr").contains(url.split('@').next().unwrap()), "the password is in the log");
    first.stop("-TERM");
    second.stop("-TERM");
    // S34: it is sealed with the first key.
    let other = [("MASTER_KEY", OTHER_KEY), ("DATABASE_URL", url.as_str()), ("LISTEN", "127.0.0.1:0")];
    refused(two.path(), &other).refused(2, &["master_key:", "not the key"]);
    let (again, again_url) = started(two.path(), &variables);
    assert!(command(&again_url, &["connection", "get", "news", "--json"]).json().is_object());
    again.stop("-TERM");
}

/// A worker answers health checks, and to operators how its work goes; nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn serve_as_a_worker_answers_health_only() {
    let folder = folder();
    let (server, url) = started(folder.path(), &[("MASTER_KEY", KEY), ("ROLE", "worker")]);
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    for (path, status) in [
        ("/healthz", 200),
        ("/readyz", 200),
        ("/v1/connect/connections", 404),
        ("/v1/connect/background", 401),
    ] {
        assert_eq!(http.get(format!("{url}{path}")).send().await.unwrap().status(), status, "{path}");
    }
    server.stop("-TERM");
}
