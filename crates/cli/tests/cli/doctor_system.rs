//! `valetkey doctor system`: every trouble of the operator's own is made for real, and found by its name.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::Command,
};

use pretty_assertions::assert_eq;
use rcgen::{CertificateParams, KeyPair};
use serde_json::{Value, json};

use crate::{
    harness::{Dev, Ended, Server, folder, run, valetkey},
    serve::{KEY, OTHER_KEY, started},
};

/// A port where nobody listens.
fn closed() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

fn doctor(folder: &Path, variables: &[(&str, &str)]) -> Command {
    let mut command = valetkey(folder);
    command.args(["doctor", "system", "--json"]);
    command.envs(variables.iter().map(|(name, value)| (format!("VALETKEY_{name}"), value)));
    command
}

/// What the doctor says, with its exit code: 1 if anything is broken, else 0.
pub(crate) fn diagnosis(folder: &Path, variables: &[(&str, &str)]) -> Value {
    let address = closed();
    let listen = variables.iter().any(|(name, _)| *name == "LISTEN");
    let own = [("LISTEN", address.as_str())];
    let own: &[(&str, &str)] = if listen { &[] } else { &own };
    read(&run(&mut doctor(folder, &[own, variables].concat()), ""))
}

fn read(ended: &Ended) -> Value {
    let value: Value = serde_json::from_str(&ended.stdout)
        .unwrap_or_else(|e| panic!("{e}: {} {}", ended.stdout, ended.stderr));
    let broken = value["verdict"] == "broken";
    assert_eq!(ended.code, i32::from(broken), "{value:#}");
    assert_eq!(value["subject"]["kind"], "system");
    value
}

pub(crate) fn finding<'a>(diagnosis: &'a Value, code: &str) -> &'a Value {
    let findings = diagnosis["findings"].as_array().unwrap();
    let found = findings.iter().find(|finding| finding["code"] == code);
    found.unwrap_or_else(|| panic!("{code} is not in {diagnosis:#}"))
}

pub(crate) fn codes(diagnosis: &Value) -> Vec<&str> {
    diagnosis["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding["code"].as_str().unwrap())
        .collect()
}

pub(crate) fn step<'a>(diagnosis: &'a Value, name: &str) -> &'a str {
    let steps = diagnosis["steps"].as_array().unwrap();
    steps.iter().find(|step| step["name"] == name).map_or("none", |step| step["outcome"].as_str().unwrap())
}

/// Asserts that a finding has its evidence, and a remedy that says this; it is the operator's move.
pub(crate) fn told(finding: &Value, evidence: &str, remedy: &str) {
    let text = |name: &str| finding[name].to_string();
    assert_eq!(finding["actor"], "operator", "{finding:#}");
    assert!(text("evidence").contains(evidence), "{evidence}: {finding:#}");
    assert!(text("remedies").contains(remedy), "{remedy}: {finding:#}");
}

/// A folder in which a server has worked once under [`KEY`].
fn used() -> tempfile::TempDir {
    let folder = folder();
    let (server, _) = started(folder.path(), &[("MASTER_KEY", KEY)]);
    server.stop("-TERM");
    folder
}

fn database(folder: &Path) -> std::path::PathBuf {
    folder.join("valetkey-data/valetkey.db")
}

/// A server that gives every request this answer. Ends with the test's process.
fn answering(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|n| n == 1) {
                head.push(byte[0]);
            }
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    address.to_string()
}

#[test]
fn system_with_a_running_server_is_healthy_and_leaves_it_alone() {
    let folder = folder();
    let (server, url) = started(folder.path(), &[("MASTER_KEY", KEY)]);
    let listen = url.strip_prefix("http://").unwrap();
    let variables = [("MASTER_KEY", KEY), ("LISTEN", listen), ("PUBLIC_URL", url.as_str())];
    let found = diagnosis(folder.path(), &variables);
    assert_eq!((found["verdict"].as_str(), codes(&found)), (Some("healthy"), vec!["healthy"]), "{found:#}");
    for name in [
        "settings",
        "rights",
        "disk",
        "database",
        "migrations",
        "writes",
        "master_key",
        "public_url",
        "background",
    ] {
        assert_eq!(step(&found, name), "ok", "{name}: {found:#}");
    }
    assert_eq!(step(&found, "providers"), "skipped");
    assert!(found["findings"][0]["evidence"].as_array().unwrap().len() > 5, "{found:#}");
    // As prose, and the server works on.
    let mut prose = valetkey(folder.path());
    prose.args(["doctor", "system"]);
    prose.envs(variables.iter().map(|(name, value)| (format!("VALETKEY_{name}"), value)));
    let prose = run(&mut prose, "");
    assert!(prose.code == 0 && prose.stdout.starts_with("HEALTHY  this server\n"), "{}", prose.stdout);
    server.stop("-TERM");
    // A database that was looked at is no copy: nothing is frozen afterwards.
    let (server, _) = started(folder.path(), &[("MASTER_KEY", KEY)]);
    assert!(!server.output("stderr").contains("restored or copied"));
}

fn detail<'a>(diagnosis: &'a Value, name: &str) -> &'a str {
    let steps = diagnosis["steps"].as_array().unwrap();
    steps.iter().find(|step| step["name"] == name).map_or("", |step| step["detail"].as_str().unwrap())
}

/// In the folder of a `valetkey dev` nothing needs to be said: its key, address, certificate and database are found, and
/// the server is asked with the key that client commands use.
#[test]
fn development_server_of_the_folder_is_found_and_asked() {
    let place = folder();
    let dev = Dev::start(place.path());
    let here = || read(&run(valetkey(place.path()).args(["doctor", "system", "--json"]), ""));
    let found = here();
    assert_eq!(codes(&found), ["healthy"], "{found:#}");
    assert!(detail(&found, "which").contains("`valetkey dev`) of the folder .valetkey"), "{found:#}");
    for name in ["master_key", "certificate", "public_url", "server", "background", "providers"] {
        assert_eq!(step(&found, name), "ok", "{name}: {found:#}");
    }
    let said = detail(&found, "server");
    assert!(said.contains(dev.url()) && said.contains("on this very database"), "{said}");
    assert!(said.contains("named by the `valetkey dev` of this folder"), "{said}");

    // From elsewhere, and with a key that it does not know.
    let elsewhere = used();
    let ask = |token: &str| {
        let own = [("MASTER_KEY", KEY), ("LISTEN", &closed())];
        let mut command = doctor(elsewhere.path(), &own);
        command.env("VALETKEY_URL", dev.url()).env("VALETKEY_CA_FILE", &dev.env["VALETKEY_CA_FILE"]);
        read(&run(command.env("VALETKEY_API_TOKEN", token), ""))
    };
    let found = ask(&dev.env["VALETKEY_API_TOKEN"]);
    assert!(detail(&found, "which").contains("`valetkey serve`"), "{found:#}");
    let said = detail(&found, "server");
    assert!(said.contains("named by VALETKEY_URL") && said.contains("on another database"), "{said}");
    let found = ask("vk_of_nobody");
    let refused = finding(&found, "unauthenticated");
    assert_eq!(refused["severity"], "degraded");
    assert!(!found.to_string().contains("vk_of_nobody"), "{found:#}");

    dev.server.stop("-TERM");
    let found = here();
    assert_eq!(codes(&found).iter().filter(|code| **code == "server_unreachable").count(), 1, "{found:#}");
    finding(&found, "public_url_unreachable");
    assert_eq!(step(&found, "master_key"), "ok");
    std::fs::remove_file(place.path().join(".valetkey/master.key")).unwrap();
    told(finding(&here(), "master_key_missing"), "master_key_file", "openssl rand");
}

#[test]
fn server_that_does_not_run_is_told_with_the_refused_connection() {
    let folder = used();
    let found = diagnosis(folder.path(), &[("MASTER_KEY", KEY)]);
    assert_eq!(codes(&found), ["public_url_unreachable"], "{found:#}");
    let unreachable = finding(&found, "public_url_unreachable");
    told(unreachable, "upstream_refused", "Start the server");
    // It is the operator's own address: nothing of providers, nor of the overrides of connections.
    let words = unreachable.to_string();
    assert!(!words.contains("provider's host") && !words.contains("overrides"), "{unreachable:#}");
    assert_eq!(step(&found, "listener"), "skipped");
}

#[test]
fn master_key_missing_or_wrong_is_told_with_its_setting() {
    let folder = used();
    let found = diagnosis(folder.path(), &[]);
    told(finding(&found, "master_key_missing"), "master_key", "openssl rand -base64 32");
    let found = diagnosis(folder.path(), &[("MASTER_KEY", "too short")]);
    told(finding(&found, "master_key_missing"), "master_key", "master_key_file");
    assert!(!found.to_string().contains("too short"));
    std::fs::write(folder.path().join("key"), OTHER_KEY).unwrap();
    std::fs::set_permissions(folder.path().join("key"), std::fs::Permissions::from_mode(0o600)).unwrap();
    let found = diagnosis(folder.path(), &[("MASTER_KEY_FILE", "key")]);
    told(finding(&found, "master_key_wrong"), "master_key_file", "previous_master_key");
    assert_eq!(step(&found, "master_key"), "failed");
    assert!(!found.to_string().contains(OTHER_KEY));
    // The old key as the previous one opens it.
    let both = [("MASTER_KEY", OTHER_KEY), ("PREVIOUS_MASTER_KEY", KEY)];
    assert_eq!(step(&diagnosis(folder.path(), &both), "master_key"), "ok");
}

#[test]
fn settings_that_are_wrong_are_all_named_and_the_rest_is_looked_at() {
    let folder = used();
    let variables = [
        ("MASTER_KEY", KEY),
        ("UPSTREAM_CA_FILE", "none.pem"),
        ("HTTPS_PROXY", "socks5://u:hunter2@proxy:1080"),
        ("LOG_LEVEL", "loud"),
    ];
    let found = diagnosis(folder.path(), &variables);
    let invalid = finding(&found, "setting_invalid");
    told(invalid, "none.pem", "Correct the named setting");
    let named: Vec<_> = invalid["evidence"]
        .as_array()
        .unwrap()
        .iter()
        .map(|evidence| evidence["ref"].as_str().unwrap())
        .collect();
    assert_eq!(named, ["upstream_ca_file", "https_proxy", "log_level"]);
    assert!(!found.to_string().contains("hunter2"), "{found:#}");
    assert_eq!(step(&found, "master_key"), "ok");
    // A file that can be read and holds no certificate only shows when it is used.
    std::fs::write(folder.path().join("ca.pem"), "no certificate").unwrap();
    let found = diagnosis(folder.path(), &[("MASTER_KEY", KEY), ("UPSTREAM_CA_FILE", "ca.pem")]);
    told(finding(&found, "setting_invalid"), "upstream_ca_file", "Correct the named setting");
}

#[test]
fn database_missing_foreign_or_damaged_is_told_apart() {
    let empty = folder();
    let found = diagnosis(empty.path(), &[("MASTER_KEY", KEY)]);
    told(finding(&found, "database_missing"), "valetkey.db", "data_dir");
    assert!(!database(empty.path()).exists(), "nothing is made");

    let folder = used();
    let whole = std::fs::read(database(folder.path())).unwrap();
    std::fs::write(database(folder.path()), "not a database at all, but long enough to look at").unwrap();
    let found = diagnosis(folder.path(), &[("MASTER_KEY", KEY)]);
    told(finding(&found, "database_unusable"), "not a Valetkey database", "right database");
    let mut broken = whole.clone();
    // Past the first page, which says whose file it is.
    broken[4096..20_000].fill(0xa5);
    std::fs::write(database(folder.path()), broken).unwrap();
    let found = diagnosis(folder.path(), &[("MASTER_KEY", KEY)]);
    told(finding(&found, "database_unusable"), "damaged", "backup");
}

#[test]
fn database_of_an_older_version_is_not_migrated_by_a_look() {
    let folder = used();
    let remove = "DELETE FROM schema_migrations WHERE number = (SELECT max(number) FROM schema_migrations)";
    let connection = rusqlite::Connection::open(database(folder.path())).unwrap();
    connection.execute(remove, []).unwrap();
    let count = |c: &rusqlite::Connection| -> u32 {
        c.query_row("SELECT count(*) FROM schema_migrations", [], |row| row.get(0)).unwrap()
    };
    let before = count(&connection);
    let found = diagnosis(folder.path(), &[("MASTER_KEY", KEY)]);
    let pending = finding(&found, "migrations_pending");
    told(pending, "pending", "backup");
    assert_eq!(pending["severity"], "degraded");
    assert_eq!(count(&connection), before);
}

#[test]
fn database_server_that_is_not_there_is_told_without_its_password() {
    let folder = folder();
    let url = format!("postgres://valetkey:hunter2@{}/valetkey", closed());
    let found = diagnosis(folder.path(), &[("MASTER_KEY", KEY), ("DATABASE_URL", &url)]);
    told(finding(&found, "database_unreachable"), "refused", "database_url");
    assert!(!found.to_string().contains("hunter2"), "{found:#}");
}

#[test]
fn folder_and_key_that_others_can_read_are_told() {
    let folder = used();
    let data = folder.path().join("valetkey-data");
    std::fs::set_permissions(&data, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::write(folder.path().join("key"), KEY).unwrap();
    std::fs::set_permissions(folder.path().join("key"), std::fs::Permissions::from_mode(0o644)).unwrap();
    let found = diagnosis(folder.path(), &[("MASTER_KEY_FILE", "key")]);
    let exposed = finding(&found, "data_folder_exposed");
    told(exposed, "valetkey-data has the mode 755", "chmod 700");
    told(exposed, "key has the mode 644", "chmod 600 key");
    assert_eq!(exposed["severity"], "degraded");
}

/// R: a full disk. The limit on the size of files stands for it: writing fails for real.
#[test]
fn disk_without_room_is_told() {
    let folder = used();
    let listen = closed();
    let mut command = Command::new("sh");
    let script = "trap '' XFSZ; ulimit -f 100; exec \"$0\" doctor system --json";
    command.args(["-c", script, env!("CARGO_BIN_EXE_valetkey")]).current_dir(folder.path());
    command.env("VALETKEY_MASTER_KEY", KEY).env("VALETKEY_LISTEN", listen);
    let found = read(&run(&mut command, ""));
    told(finding(&found, "database_full"), "Writing 256 KiB", "Make room");
    assert_eq!(step(&found, "disk"), "failed");
    let left: Vec<_> = std::fs::read_dir(folder.path().join("valetkey-data")).unwrap().collect();
    assert!(
        left.iter().all(|entry| !entry.as_ref().unwrap().file_name().to_string_lossy().contains("doctor"))
    );
}

#[test]
fn public_url_that_leads_elsewhere_is_told() {
    let (one, two) = (folder(), used());
    let (server, url) = started(one.path(), &[("MASTER_KEY", KEY)]);
    let found = diagnosis(two.path(), &[("MASTER_KEY", KEY), ("PUBLIC_URL", &url)]);
    told(finding(&found, "public_url_elsewhere"), "mark", "public_url");
    server.stop("-TERM");
    let web = answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi");
    let found = diagnosis(two.path(), &[("MASTER_KEY", KEY), ("PUBLIC_URL", &format!("http://{web}"))]);
    told(finding(&found, "public_url_elsewhere"), "answered 200", "public_url");
    let elsewhere = answering(
        "HTTP/1.1 302 Found\r\nLocation: https://login.example/x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    );
    let found = diagnosis(two.path(), &[("MASTER_KEY", KEY), ("PUBLIC_URL", &format!("http://{elsewhere}"))]);
    assert!(finding(&found, "public_url_elsewhere")["message"].as_str().unwrap().contains("login.example"));
    let front = answering("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    let found = diagnosis(two.path(), &[("MASTER_KEY", KEY), ("PUBLIC_URL", &format!("http://{front}"))]);
    told(finding(&found, "public_url_unreachable"), "answered 502", "in front");
}

fn certificate(folder: &Path, name: &str, days: (i64, i64)) {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    let now = valetkey_domain::Clock::now(&valetkey_domain::SystemClock);
    params.not_before = now + time::Duration::days(days.0);
    params.not_after = now + time::Duration::days(days.1);
    let key = KeyPair::generate().unwrap();
    std::fs::write(folder.join("cert.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
    std::fs::write(folder.join("key.pem"), key.serialize_pem()).unwrap();
}

#[test]
fn certificate_of_the_listener_is_judged() {
    let folder = used();
    let rows = [
        ("localhost", (-90, -1), "listener_certificate_expired", "broken"),
        ("localhost", (1, 90), "listener_certificate_expired", "broken"),
        ("localhost", (-80, 10), "listener_certificate_expiring", "degraded"),
        ("other.example", (-1, 90), "listener_certificate_mismatch", "broken"),
    ];
    for (name, days, code, severity) in rows {
        certificate(folder.path(), name, days);
        let variables = [
            ("MASTER_KEY", KEY),
            ("TLS_CERT", "cert.pem"),
            ("TLS_KEY", "key.pem"),
            ("PUBLIC_URL", "https://localhost:9"),
        ];
        let found = diagnosis(folder.path(), &variables);
        let judged = finding(&found, code);
        told(judged, "tls_cert", "certificate");
        assert_eq!(judged["severity"], severity);
    }
    certificate(folder.path(), "localhost", (-1, 90));
    let variables = [
        ("MASTER_KEY", KEY),
        ("TLS_CERT", "cert.pem"),
        ("TLS_KEY", "key.pem"),
        ("PUBLIC_URL", "https://localhost:9"),
    ];
    assert_eq!(step(&diagnosis(folder.path(), &variables), "certificate"), "ok");
}

/// A folder whose database has a connection to a provider at `api`; without one, to GitHub itself.
fn with_connection(api: Option<&str>) -> tempfile::TempDir {
    let folder = folder();
    let secret = "bootstrap-canary-0123456789";
    let variables = [
        ("MASTER_KEY", KEY),
        ("BOOTSTRAP_CLIENT_ID", "ops"),
        ("BOOTSTRAP_CLIENT_SECRET", secret),
        ("ALLOW_PRIVATE_UPSTREAMS", "true"),
    ];
    let (server, url): (Server, String) = started(folder.path(), &variables);
    let mut create = valetkey(folder.path());
    create.args(["connection", "create", "hub", "--connector", "github", "--client-id", "x", "--json"]);
    if let Some(api) = api {
        create.args(["--api-base-url", api]);
    }
    create.env("VALETKEY_URL", &url).env("VALETKEY_CLIENT_ID", "ops").env("VALETKEY_CLIENT_SECRET", secret);
    run(&mut create, "").json();
    server.stop("-TERM");
    folder
}

/// Outbound proxy: unreachable and asking for credentials are told apart, through the real binary.
#[test]
fn egress_proxy_in_trouble_is_told_with_its_address() {
    let folder = with_connection(None);
    let nobody = closed();
    let proxy = format!("http://{nobody}");
    let found = diagnosis(folder.path(), &[("MASTER_KEY", KEY), ("HTTPS_PROXY", &proxy)]);
    told(finding(&found, "upstream_proxy_unreachable"), &nobody, "https_proxy");
    let asking = answering(
        "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n",
    );
    let proxy = format!("http://user:hunter2@{asking}");
    let found = diagnosis(folder.path(), &[("MASTER_KEY", KEY), ("HTTPS_PROXY", &proxy)]);
    told(finding(&found, "upstream_proxy_auth_required"), "407", "user:password");
    assert_eq!(step(&found, "providers"), "failed");
    assert!(!found.to_string().contains("hunter2"), "{found:#}");
    // Asked not to, nobody is called.
    let mut offline =
        doctor(folder.path(), &[("MASTER_KEY", KEY), ("HTTPS_PROXY", &proxy), ("LISTEN", &closed())]);
    let found = read(&run(offline.arg("--offline"), ""));
    assert_eq!(step(&found, "providers"), "skipped");
}

/// What `no_proxy` names is not sent through the proxy, and the doctor says which way calls leave.
#[test]
fn host_of_no_proxy_is_looked_at_without_the_proxy() {
    let folder = with_connection(Some("https://api.hub.invalid"));
    let asking = answering("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n");
    let proxy = format!("http://user:hunter2@{asking}");
    let with = |no_proxy: &str| {
        let variables = [("MASTER_KEY", KEY), ("HTTPS_PROXY", &proxy), ("NO_PROXY", no_proxy)];
        let found = diagnosis(folder.path(), &variables);
        let steps = found["steps"].as_array().unwrap().clone();
        let way = steps.into_iter().find(|step| step["name"] == "egress_proxy").unwrap();
        (found, way["detail"].as_str().unwrap().to_owned())
    };
    let (found, way) = with("10.0.0.0/8,other.invalid");
    told(finding(&found, "upstream_proxy_auth_required"), "407", "user:password");
    assert!(way.contains(&asking) && way.contains("10.0.0.0/8, other.invalid"), "{way}");
    assert!(!way.contains("directly") && !way.contains("hunter2"), "{way}");
    let (found, way) = with(".hub.invalid");
    assert!(way.contains("Called directly: api.hub.invalid"), "{way}");
    assert!(!codes(&found).contains(&"upstream_proxy_auth_required"), "{found:#}");
    // Its name is looked up here, and there is none.
    assert!(found.to_string().contains("api.hub.invalid"), "{found:#}");
    let names_only = [("MASTER_KEY", KEY), ("NO_PROXY", "a.example")];
    assert_eq!(step(&diagnosis(folder.path(), &names_only), "egress_proxy"), "skipped");
}

#[test]
fn provider_that_is_down_is_told_with_its_status_page() {
    let api = format!("http://{}", closed());
    let folder = with_connection(Some(&api));
    let found = diagnosis(folder.path(), &[("MASTER_KEY", KEY), ("ALLOW_PRIVATE_UPSTREAMS", "true")]);
    told(finding(&found, "upstream_refused"), "127.0.0.1", "https://www.githubstatus.com/");
}

#[test]
fn clock_that_providers_contradict_is_told_with_the_difference() {
    let api = answering(
        "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    );
    let folder = with_connection(Some(&format!("http://{api}")));
    let found = diagnosis(folder.path(), &[("MASTER_KEY", KEY), ("ALLOW_PRIVATE_UPSTREAMS", "true")]);
    let skew = finding(&found, "clock_skew");
    told(skew, "days ahead of", "NTP");
    // A single provider may have a wrong clock itself.
    assert_eq!((&skew["confidence"], &skew["severity"]), (&json!("likely"), &json!("broken")));
}

/// The identity provider of the dashboard: one that is not there and one that is no such thing are told apart.
#[test]
fn identity_provider_in_trouble_is_told_with_its_issuer() {
    let folder = used();
    let of = |issuer: &str, private: &str| {
        let variables = [
            ("MASTER_KEY", KEY),
            ("SSO_ISSUER", issuer),
            ("SSO_CLIENT_ID", "valetkey"),
            ("SSO_CLIENT_SECRET", "hunter2-hunter2"),
            ("SSO_ALLOW_PRIVATE", private),
        ];
        let found = diagnosis(folder.path(), &variables);
        assert!(!found.to_string().contains("hunter2"), "{found:#}");
        found
    };
    let nobody = closed();
    let found = of(&format!("http://{nobody}"), "true");
    told(finding(&found, "sso_unavailable"), &nobody, "sso_issuer");
    assert_eq!(step(&found, "single_sign_on"), "failed");
    let other = answering("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    let found = of(&format!("http://{other}"), "true");
    told(finding(&found, "sso_provider_invalid"), &other, "sso_issuer");
    // S47: an address inside has to be allowed.
    let found = of(&format!("https://{nobody}"), "false");
    told(finding(&found, "sso_unavailable"), &nobody, "sso_allow_private");
}

/// Whether a request is there with all of its body.
fn whole(message: &[u8]) -> bool {
    let text = String::from_utf8_lossy(message);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length =
        head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
    body.len() >= length.unwrap_or(0)
}

/// A webhook whose endpoint is gone is named, with what it said and what to do.
#[test]
fn webhook_that_is_gone_is_found() {
    let folder = folder();
    let dev = Dev::start(folder.path());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hooks", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let (mut message, mut piece) = (Vec::new(), [0; 4096]);
            // The whole message: an answer to half of it may be lost with the connection.
            while !whole(&message) {
                match stream.read(&mut piece) {
                    Ok(0) | Err(_) => break,
                    Ok(n) => message.extend_from_slice(&piece[..n]),
                }
            }
            let _ = stream.write_all(b"HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n");
        }
    });
    let made = dev.json(&["webhook", "create", &url, "--event-type", "account.revoked"]);
    let id = made["webhook"]["id"].as_str().unwrap();
    assert!(made["secret"].as_str().unwrap().starts_with("whsec_"));
    let test = dev.json(&["webhook", "test", id]);
    assert_eq!((&test["outcome"], &test["response_status"]), (&json!("failed"), &json!(410)));
    let found = read(&dev.run(&["doctor", "system", "--json", "--offline"]));
    let webhook = finding(&found, "webhook_failing");
    told(webhook, "410", "valetkey webhook test");
    assert!(webhook["evidence"].to_string().contains(id), "{webhook:#}");
    dev.json(&["webhook", "update", id, "--enabled", "true"]);
    assert_eq!(dev.json(&["webhook", "get", id])["status"], "healthy");
    assert_eq!(dev.run(&["webhook", "delete", id]).code, 0);
}
