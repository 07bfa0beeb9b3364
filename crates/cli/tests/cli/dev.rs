//! `valetkey dev`

use std::{os::unix::fs::PermissionsExt as _, path::Path};

use pretty_assertions::assert_eq;
use serde_json::json;

use crate::harness::{Dev, folder, run, valetkey};

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn dev_once_ready_has_written_what_programs_need() {
    let folder = folder();
    let dev = Dev::start(folder.path());
    let names: Vec<_> = dev.env.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "VALETKEY_API_TOKEN",
            "VALETKEY_CA_FILE",
            "VALETKEY_CLIENT_ID",
            "VALETKEY_CLIENT_SECRET",
            "VALETKEY_URL"
        ]
    );
    assert!(dev.url().starts_with("https://127.0.0.1:") && !dev.url().ends_with('/'));
    assert!(Path::new(&dev.env["VALETKEY_CA_FILE"]).is_absolute());
    let data = folder.path().join(".valetkey");
    assert_eq!((mode(&folder.path().join("ready")), mode(&data)), (0o600, 0o700));
    for entry in std::fs::read_dir(&data).unwrap() {
        let path = entry.unwrap().path();
        assert!(path.ends_with(".gitignore") || mode(&path) == 0o600, "{}", path.display());
    }
    assert_eq!(std::fs::read_to_string(data.join(".gitignore")).unwrap(), "*\n");
    dev.server.stop("-TERM");
}

/// Whoever follows only what is printed gets to an answer: the printed commands are run as they stand.
#[tokio::test(flavor = "multi_thread")]
async fn page_followed_to_the_letter_calls_a_tool() {
    let folder = folder();
    let dev = Dev::start(folder.path());
    let page = dev.server.output("stdout");
    for name in ["VALETKEY_URL", "VALETKEY_CLIENT_ID", "VALETKEY_CLIENT_SECRET", "VALETKEY_API_TOKEN"] {
        assert!(page.contains(&dev.env[name]), "{name} is not on the page");
    }
    for variable in ["REQUESTS_CA_BUNDLE=", "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH=", "NODE_EXTRA_CA_CERTS="] {
        assert!(page.contains(&format!("{variable}{}", dev.env["VALETKEY_CA_FILE"])), "{variable}");
    }
    let commands: Vec<&str> =
        page.split("\n\n").map(str::trim_start).filter(|block| block.starts_with("curl ")).collect();
    assert_eq!(commands.len(), 2, "{page}");
    let shell = |command: &str| {
        run(std::process::Command::new("sh").args(["-c", command]).current_dir("/"), "").json()
    };
    let link = shell(commands[0]);
    assert!(link["link"].as_str().unwrap().starts_with(dev.url()));
    dev.connect("user_123").await;
    assert_eq!(shell(commands[1])["data"]["email"], "ada@example.com");
}

#[tokio::test(flavor = "multi_thread")]
async fn dev_started_again_goes_on_with_everything() {
    let folder = folder();
    let first = Dev::start(folder.path());
    first.connect("user_1").await;
    let before = (first.env.clone(), first.json(&["connection", "get", "sandbox"]));
    let file = |name: &str| std::fs::read(folder.path().join(".valetkey").join(name)).unwrap();
    let files = ["ca.pem", "ca.key", "server.pem", "master.key", "access.json", "sandbox.json"];
    let contents: Vec<_> = files.iter().map(|name| file(name)).collect();
    first.server.stop("-INT");

    let second = Dev::start(folder.path());
    for name in ["VALETKEY_CLIENT_ID", "VALETKEY_CLIENT_SECRET", "VALETKEY_API_TOKEN", "VALETKEY_CA_FILE"] {
        assert_eq!(second.env[name], before.0[name], "{name}");
    }
    assert_eq!(files.iter().map(|name| file(name)).collect::<Vec<_>>(), contents);
    assert_eq!(second.json(&["connection", "get", "sandbox"])["id"], before.1["id"]);
    // The account connected before still works: the simulator remembers its grant.
    let profile = second.run(&["tool", "run", "sandbox_get_profile", "--identifier", "user_1"]);
    assert_eq!(profile.json()["username"], "ada");
    // And a new one can be connected, although the server's port and with it the redirect URI have changed.
    second.connect("user_2").await;
    assert_eq!(second.json(&["account", "get", "--identifier", "user_2"])["status"], "ACTIVE");
}

#[tokio::test(flavor = "multi_thread")]
async fn simulator_told_to_expire_tokens_is_called_with_a_fresh_one() {
    let folder = folder();
    let dev = Dev::start(folder.path());
    dev.connect("user_1").await;
    let control = format!("{}/_sim", dev.simulator());
    let expired = dev.http().post(format!("{control}/expire-access-tokens")).json(&json!({})).send().await;
    assert_eq!(expired.unwrap().json::<serde_json::Value>().await.unwrap()["affected"], 1);
    let profile = dev.run(&["tool", "run", "sandbox_get_profile", "--identifier", "user_1"]);
    assert_eq!(profile.json()["username"], "ada");
    let counters = dev.http().get(format!("{control}/counters")).send().await.unwrap();
    let counters = counters.json::<serde_json::Value>().await.unwrap();
    assert_eq!((&counters["refreshes"], &counters["refresh_reuses"]), (&json!(1), &json!(0)));
}

#[test]
fn dev_on_a_folder_in_use_is_refused() {
    let folder = folder();
    let dev = Dev::start(folder.path());
    let second = run(valetkey(folder.path()).args(["dev", "--listen", "127.0.0.1:0"]), "");
    second.refused(2, &["database_url", "another valetkey is running"]);
    assert_eq!(
        dev.run(&["connection", "list"]).code,
        0,
        "the first one goes on, its environment file included"
    );
}

#[test]
fn dev_on_a_port_in_use_is_refused() {
    let folder = folder();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ended = run(valetkey(folder.path()).args(["dev", "--listen", &address]), "");
    ended.refused(2, &["listen", &address, "another port"]);
}

/// S34: beside an old database no new key is made.
#[test]
fn dev_without_its_master_key_is_refused_and_changes_nothing() {
    let folder = folder();
    Dev::start(folder.path()).server.stop("-TERM");
    let data = folder.path().join(".valetkey");
    std::fs::remove_file(data.join("master.key")).unwrap();
    let database = std::fs::read(data.join("valetkey.db")).unwrap();
    let ended = run(valetkey(folder.path()).args(["dev", "--listen", "127.0.0.1:0"]), "");
    ended.refused(2, &["master_key_file", "master.key is gone"]);
    assert!(!data.join("master.key").exists());
    assert!(std::fs::read(data.join("valetkey.db")).unwrap() == database);
}

#[test]
fn dev_writes_no_secret_to_its_log() {
    let folder = folder();
    let dev = Dev::start_with(folder.path(), &["--log-level", "trace"]);
    let form = ["VALETKEY_CLIENT_ID", "VALETKEY_CLIENT_SECRET"].map(|name| dev.env[name].clone());
    let mut command = valetkey(folder.path());
    command.args(["connection", "list"]).env("VALETKEY_URL", dev.url());
    command.env("VALETKEY_CA_FILE", &dev.env["VALETKEY_CA_FILE"]);
    command.env("VALETKEY_CLIENT_ID", &form[0]).env("VALETKEY_CLIENT_SECRET", &form[1]);
    assert_eq!(run(&mut command, "").code, 0);
    let log = dev.server.output("stderr");
    assert!(log.contains("request"), "{log}");
    for name in ["VALETKEY_CLIENT_SECRET", "VALETKEY_API_TOKEN"] {
        assert!(!log.contains(&dev.env[name]), "{name} is in the log");
    }
}
