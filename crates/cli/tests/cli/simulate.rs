//! `valetkey simulate`, and the recipes of its documentation, each run as it stands.

use std::path::{Path, PathBuf};

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::harness::{DEADLINE, Dev, Ended, Server, folder, run, valetkey};

/// A running `valetkey simulate` with what its ready line says.
struct Simulator {
    server: Server,
    ready: Value,
}

impl Simulator {
    fn start(folder: &Path, arguments: &[&str]) -> Self {
        let mut command = valetkey(folder);
        command.args(["simulate", "--listen", "127.0.0.1:0", "--ready-file", "ready.json"]).args(arguments);
        let mut server = Server::start(command, folder);
        server.wait_until("the ready file", |server| server.folder.join("ready.json").exists());
        let text = std::fs::read(folder.join("ready.json")).unwrap();
        Self { server, ready: serde_json::from_slice(&text).unwrap() }
    }

    fn url(&self) -> &str {
        self.ready["url"].as_str().unwrap()
    }

    fn command(&self, arguments: &[&str]) -> Ended {
        let mut command = valetkey(&self.server.folder);
        command.arg("simulate").args(arguments).env("SIMULATOR_URL", self.url());
        if let Some(ca) = self.ready["ca_file"].as_str() {
            command.env("SIMULATOR_CA_FILE", ca);
        }
        run(&mut command, "")
    }

    /// A token of the client's own, and what a call with it answers.
    async fn story(&self) -> (String, String) {
        let http = reqwest::Client::builder().no_proxy().timeout(DEADLINE).build().unwrap();
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", "valetkey-test"),
            ("client_secret", "valetkey-test-secret"),
        ];
        let answer = http.post(format!("{}/oauth/token", self.url())).form(&form).send().await.unwrap();
        let token = answer.json::<Value>().await.unwrap()["access_token"].as_str().unwrap().to_owned();
        let event = json!({"title": "Tea", "start": "2026-01-02T10:00:00Z", "end": "2026-01-02T11:00:00Z"});
        let events = format!("{}/api/v1/events", self.url());
        let created = http.post(&events).bearer_auth(&token).json(&event).send().await.unwrap();
        assert_eq!(created.status(), 201);
        let journal = http.get(format!("{}/_sim/journal", self.url())).send().await.unwrap();
        (token, journal.text().await.unwrap())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn simulate_with_a_seed_and_a_time_repeats_every_byte() {
    let mut stories = Vec::new();
    for seed in ["7", "7", "8"] {
        let folder = folder();
        let simulator = Simulator::start(folder.path(), &["--seed", seed, "--at", "2026-01-01T00:00:00Z"]);
        assert_eq!(simulator.ready["connector"], "sandbox");
        stories.push(simulator.story().await);
        simulator.server.stop("-TERM");
    }
    assert_eq!(stories[0], stories[1]);
    assert_ne!(stories[0].0, stories[2].0);
}

#[test]
fn simulate_is_told_by_commands_what_to_do() {
    let folder = folder();
    let simulator = Simulator::start(folder.path(), &["--profile", "microsoft"]);
    assert_eq!(simulator.command(&["show", "settings"]).json()["profile"], "microsoft");
    assert_eq!(simulator.command(&["clock", "days=8"]).json()["ahead_s"], 8 * 86_400);
    assert_eq!(simulator.command(&["clock"]).json()["frozen"], false);
    let fault = simulator.command(&["fault", "endpoint=token", "kind=error", "aadsts=50173", "user=ada"]);
    assert_eq!(fault.json()["faults"][0]["user"], "ada");
    simulator
        .command(&["fault", "endpoint=token", "kind=error", "aadsts=1"])
        .refused(1, &["aadsts", "50173"]);
    simulator.command(&["do", "no-such-verb"]).refused(1, &["404"]);
    simulator.command(&["do", "../oauth/token"]).refused(2, &["revoke-grants"]);
    assert_eq!(simulator.command(&["do", "reset"]).code, 0);
    let settings = simulator.command(&["show", "settings"]).json();
    assert_eq!(settings["profile"], "microsoft", "a reset goes back to how it was started");
    assert_eq!(simulator.command(&["clock"]).json()["ahead_s"], 0);
    let url = simulator.url().to_owned();
    simulator.server.stop("-INT");
    let mut gone = valetkey(folder.path());
    run(gone.args(["simulate", "clock", "--simulator", &url]), "").refused(3, &["cannot be reached"]);
}

/// Each of the further ports has one fault, and the first has none.
#[tokio::test(flavor = "multi_thread")]
async fn simulate_with_bad_tls_shows_certificates_that_clients_refuse() {
    let folder = folder();
    let simulator = Simulator::start(folder.path(), &["--tls", "tls", "--bad-tls"]);
    let pem = std::fs::read(simulator.ready["ca_file"].as_str().unwrap()).unwrap();
    let trusted = reqwest::Certificate::from_pem_bundle(&pem).unwrap();
    let http =
        reqwest::Client::builder().tls_certs_only(trusted).no_proxy().timeout(DEADLINE).build().unwrap();
    let good = http.get(format!("{}/_sim/clock", simulator.url())).send().await.unwrap();
    assert_eq!(good.status(), 200);
    let ports = simulator.ready["bad_tls"].as_object().unwrap();
    assert_eq!(ports.len(), 4);
    for (fault, word) in [
        ("expired", "expired"),
        ("not_yet_valid", "notvalidyet"),
        ("wrong_host", "notvalidforname"),
        ("unknown_ca", "unknownissuer"),
    ] {
        let url = ports[fault].as_str().unwrap();
        let refused = http.get(format!("{url}/_sim/clock")).send().await.unwrap_err();
        let said = format!("{refused:?}").to_lowercase();
        assert!(said.contains(word), "{fault}: {said}");
    }
}

#[test]
fn simulate_beyond_loopback_or_with_a_wrong_word_is_refused() {
    let folder = folder();
    for (arguments, named) in [
        (&["--listen", "0.0.0.0:0"][..], "--allow-remote"),
        (&["--profile", "yahoo"], "google"),
        (&["--at", "yesterday"], "2026-01-01T00:00:00Z"),
        (&["--bad-tls"], "--tls"),
        (&["--redirect-uri", "https://a.example/#f"], "fragment"),
    ] {
        run(valetkey(folder.path()).arg("simulate").args(arguments), "").refused(2, &[named]);
    }
}

/// A production server calls no private address, so a connection that leads to a simulator is refused there unless the
/// operator opens that very address.
#[test]
fn dev_that_opens_no_private_address_refuses_a_connection_to_the_simulator() {
    let folder = folder();
    let dev = Dev::start_with(folder.path(), &["--allow-private-upstreams", "false"]);
    let create = "connection create sim --connector sandbox --client-id valetkey-test --client-secret-stdin";
    let mut arguments: Vec<&str> = create.split(' ').collect();
    arguments.extend(["--token-url", "http://127.0.0.1:9/oauth/token"]);
    let created = dev.run_with(&arguments, "valetkey-test-secret");
    created.refused(1, &["token_url"]);
}

/// The fenced blocks of one language below the heading `Recipes`, with the heading each stands under.
fn recipes(language: &str) -> Vec<(String, String)> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/simulator.md");
    let text = std::fs::read_to_string(path).unwrap();
    let (_, text) = text.split_once("\n## Recipes\n").unwrap();
    let fence = format!("```{language}\n");
    let mut found = Vec::new();
    for section in text.split("\n### ").skip(1) {
        let title = section.lines().next().unwrap().to_owned();
        for block in section.split(&fence).skip(1) {
            found.push((title.clone(), block.split("\n```").next().unwrap().to_owned()));
        }
    }
    found
}

fn shell(folder: &Path, script: &str, more: &[(&str, &str)]) -> Ended {
    let binary = Path::new(env!("CARGO_BIN_EXE_valetkey"));
    let path = format!("{}:{}", binary.parent().unwrap().display(), std::env::var("PATH").unwrap());
    let mut command = std::process::Command::new("sh");
    command.args(["-ec", script]).current_dir(folder).env("PATH", path);
    for name in ["VALETKEY_URL", "VALETKEY_CA_FILE", "SIMULATOR_URL", "SIMULATOR_CA_FILE"] {
        command.env_remove(name);
    }
    command.envs(more.iter().copied());
    run(&mut command, "")
}

/// Whoever follows a recipe gets what it promises: each is a script that fails if a step does not answer as it says.
#[test]
fn recipe_of_the_documentation_does_what_it_promises() {
    let folder = folder();
    let dev = Dev::start_with(folder.path(), &["--bad-tls"]);
    let google_folder = crate::harness::folder();
    let google = Simulator::start(google_folder.path(), &["--profile", "google"]);
    let recipes = recipes("sh");
    assert!(recipes.len() >= 11, "{}", recipes.len());
    for (title, script) in recipes {
        assert!(!script.contains("\n! "), "{title}: sh -e lets a negated command pass");
        let ended = shell(folder.path(), &script, &[("GOOGLE_SIMULATOR", google.url())]);
        assert_eq!(ended.code, 0, "{title}\nstdout: {}\nstderr: {}", ended.stdout, ended.stderr);
        assert_eq!(dev.run(&["simulate", "do", "reset"]).code, 0);
    }
}

/// A connection of the profile's connector that leads to the simulator, with Ada's account on it.
fn real_connector(dev: &Dev, simulator: &Simulator) -> String {
    let connection = format!("{}-sim", simulator.ready["connector"].as_str().unwrap());
    connected(dev, simulator, &connection, None)
}

/// The same under a name, its API elsewhere if said so.
fn connected(dev: &Dev, simulator: &Simulator, connection: &str, api: Option<&str>) -> String {
    let field = |name: &str| simulator.ready[name].as_str().unwrap();
    let (connector, client, secret) = (field("connector"), field("client_id"), field("client_secret"));
    let mut arguments: Vec<String> = ["connection", "create", connection, "--connector", connector]
        .into_iter()
        .chain(["--client-id", client, "--client-secret-stdin", "--json"])
        .map(str::to_owned)
        .collect();
    for (name, url) in simulator.ready["overrides"].as_object().unwrap() {
        let url = api.filter(|_| name == "api_base_url").unwrap_or(url.as_str().unwrap());
        arguments.extend([format!("--{}", name.replace('_', "-")), url.to_owned()]);
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let created = dev.run_with(&arguments, secret).json();
    let client = [
        format!("client_id={client}"),
        format!("client_secret={secret}"),
        format!("redirect_uris=[{}]", created["redirect_uri"]),
    ];
    assert_eq!(simulator.command(&["do", "clients", &client[0], &client[1], &client[2]]).code, 0);
    let identifier = format!("{connection}_user");
    let link = dev.json(&["account", "link", "--connection", connection, "--identifier", &identifier]);
    let mut consent = vec!["simulate", "consent", link["link"].as_str().unwrap(), "--user", "ada"];
    if let Some(ca) = simulator.ready["ca_file"].as_str() {
        consent.extend(["--ca-file", ca, "--ca-file", &dev.env["VALETKEY_CA_FILE"]]);
    }
    let consented = dev.run(&consent);
    assert_eq!(consented.code, 0, "{}", consented.stderr);
    assert!(consented.stdout.contains("is connected"), "{}", consented.stdout);
    identifier
}

#[test]
fn microsoft_connector_against_its_profile_connects_and_meets_its_errors() {
    let (folder, other) = (folder(), crate::harness::folder());
    let dev = Dev::start(folder.path());
    let simulator = Simulator::start(other.path(), &["--profile", "microsoft"]);
    let user = real_connector(&dev, &simulator);
    let run = |tool: &str| dev.run(&["tool", "run", tool, "--identifier", &user]);
    assert_eq!(run("microsoft365_get_profile").json()["user_principal_name"], "ada@example.com");
    assert_eq!(run("microsoft365_list_messages").json()["messages"][0]["id"], "msg_ada_4");
    let mail = "[\"Mail.ReadWrite\"]";
    simulator.command(&["do", "drop-scopes", &format!("scopes={mail}")]);
    assert_ne!(run("microsoft365_list_messages").code, 0);
    assert_eq!(simulator.command(&["clock", "days=91"]).code, 0);
    run("microsoft365_get_profile").refused(1, &["account_expired"]);
}

#[test]
fn slack_connector_against_its_profile_connects_and_meets_its_errors() {
    let (folder, other) = (folder(), crate::harness::folder());
    let dev = Dev::start(folder.path());
    let simulator = Simulator::start(other.path(), &["--profile", "slack"]);
    let user = real_connector(&dev, &simulator);
    let send = ["tool", "run", "slack_send_message", "--set", "channel=C_general", "--set", "text=Hi"];
    let send = [&send[..], &["--identifier", &user]].concat();
    assert_eq!(dev.run(&send).json()["channel"], "C_general");
    simulator.command(&["do", "drop-scopes", "scopes=[\"chat:write\"]"]);
    dev.run(&send).refused(1, &["insufficient_scope", "chat:write"]);
    assert_eq!(simulator.command(&["do", "suspend-user", "user=ada"]).code, 0);
    dev.run(&["tool", "run", "slack_list_channels", "--identifier", &user]).refused(1, &["account_revoked"]);
}

/// The user's no reaches the server as such: nothing is connected, and the command says what the user was told.
#[test]
fn consent_denied_or_led_elsewhere_connects_nothing() {
    let folder = folder();
    let dev = Dev::start(folder.path());
    let link = dev.json(&["account", "link", "--connection", "sandbox", "--identifier", "user_1"]);
    let link = link["link"].as_str().unwrap();
    let denied = dev.run(&["simulate", "consent", link, "--deny"]);
    assert!(!denied.stdout.contains("is connected"), "{}", denied.stdout);
    assert_eq!(
        dev.json(&["account", "get", "--identifier", "user_1", "--connection", "sandbox"])["status"],
        "PENDING"
    );
    let used = dev.run(&["simulate", "consent", &format!("{link}x")]);
    assert_eq!(used.code, 1, "{}{}", used.stdout, used.stderr);
}

/// A provider whose certificate is wrong is not called, whatever is wrong with it.
#[test]
fn provider_with_a_bad_certificate_is_not_called_and_the_error_says_so() {
    let (folder, other) = (folder(), crate::harness::folder());
    let simulator = Simulator::start(other.path(), &["--tls", "tls", "--bad-tls"]);
    let ca = simulator.ready["ca_file"].as_str().unwrap();
    let dev = Dev::start_with(folder.path(), &["--upstream-ca-file", ca]);
    for (fault, code) in [
        ("expired", "upstream_tls_expired"),
        ("not_yet_valid", "upstream_tls_not_yet_valid"),
        ("wrong_host", "upstream_tls_host_mismatch"),
        ("unknown_ca", "upstream_tls_unknown_issuer"),
    ] {
        let api = format!("{}/api/v1", simulator.ready["bad_tls"][fault].as_str().unwrap());
        let connection = format!("sim-{}", fault.replace('_', "-"));
        let user = connected(&dev, &simulator, &connection, Some(&api));
        dev.run(&["tool", "run", "sandbox_get_profile", "--identifier", &user]).refused(1, &[code]);
    }
    let good = connected(&dev, &simulator, "sim-good", None);
    assert_eq!(
        dev.run(&["tool", "run", "sandbox_get_profile", "--identifier", &good]).json()["username"],
        "ada"
    );
    let calls = simulator.command(&["show", "journal", "endpoint=api"]).json();
    assert_eq!(calls["entries"].as_array().unwrap().len(), 1, "{calls}");
}

/// The same without a simulator of one's own: `valetkey dev` opens the ports beside its own, and not unasked.
#[test]
fn dev_with_bad_tls_opens_the_ports_beside_its_simulator() {
    let folder = folder();
    let ports = folder.path().join(".valetkey/bad_tls.json");
    let dev = Dev::start_with(folder.path(), &["--bad-tls"]);
    let urls: Value = serde_json::from_slice(&std::fs::read(&ports).unwrap()).unwrap();
    assert_eq!(urls.as_object().unwrap().len(), 4);
    let link = dev.json(&["account", "link", "--connection", "sandbox", "--identifier", "user_1"]);
    assert_eq!(dev.run(&["simulate", "consent", link["link"].as_str().unwrap()]).code, 0);
    for (fault, code) in [
        ("expired", "upstream_tls_expired"),
        ("not_yet_valid", "upstream_tls_not_yet_valid"),
        ("wrong_host", "upstream_tls_host_mismatch"),
        ("unknown_ca", "upstream_tls_unknown_issuer"),
    ] {
        let api = format!("{}/api/v1", urls[fault].as_str().unwrap());
        assert_eq!(dev.run(&["connection", "update", "sandbox", "--api-base-url", &api]).code, 0);
        dev.run(&["tool", "run", "sandbox_get_profile", "--identifier", "user_1"]).refused(1, &[code]);
    }
    dev.server.stop("-INT");
    let dev = Dev::start(folder.path());
    assert!(!ports.exists(), "the file of the last start would lead nowhere");
    assert_eq!(
        dev.run(&["tool", "run", "sandbox_get_profile", "--identifier", "user_1"]).json()["username"],
        "ada",
        "the connection leads to the simulator again"
    );
}
