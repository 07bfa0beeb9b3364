//! Client commands against a `valetkey dev`.

use pretty_assertions::assert_eq;
use serde_json::json;

use crate::harness::{Dev, folder, run, valetkey, wait_until};

#[test]
fn connection_lives_its_life_on_the_command_line() {
    let folder = folder();
    let dev = Dev::start(folder.path());
    let create = ["connection", "create", "gmail-work", "--connector", "GMAIL", "--client-id", "id.apps"];
    let secret = "canary-client-secret";
    let created = dev.run_with(&[&create[..], &["--client-secret-stdin"]].concat(), &format!("{secret}\n"));
    assert_eq!(created.code, 0, "{}", created.stderr);
    assert!(created.stdout.contains(&format!("redirect uri            {}/oauth/callback/conn_", dev.url())));
    assert!(created.stdout.contains("has client secret       yes"));

    let change = ["connection", "update", "gmail-work", "--api-base-url", "https://mail.example.com/"];
    assert_eq!(dev.run(&change).code, 0);
    let token_url = "https://login.example.com/token";
    let changed = dev.json(&[
        "connection",
        "update",
        "gmail-work",
        "--token-url",
        token_url,
        "--scope",
        "a",
        "--scope",
        "b",
    ]);
    let overrides = json!({"api_base_url": "https://mail.example.com/", "token_url": token_url});
    assert_eq!((&changed["overrides"], &changed["scopes"]), (&overrides, &json!(["a", "b"])));
    let reset = dev.json(&[
        "connection",
        "update",
        "gmail-work",
        "--reset-urls",
        "--default-scopes",
        "--enabled",
        "false",
    ]);
    assert_eq!(
        (&reset["overrides"], &reset["scopes"], &reset["enabled"]),
        (&json!({}), &json!([]), &json!(false))
    );

    let all = [
        dev.run(&["connection", "list", "--json"]),
        dev.run(&["connection", "events", "gmail-work"]),
        created,
    ];
    assert!(all.iter().all(|ended| !ended.stdout.contains(secret)), "a secret is never read back");
    assert!(all[1].stdout.contains("connection.updated"), "{}", all[1].stdout);
    let listed = dev.run(&["connection", "list", "--connector", "gmail"]);
    assert!(listed.stdout.starts_with("NAME") && listed.stdout.contains("gmail-work"), "{}", listed.stdout);

    assert_eq!(
        dev.run(&["connection", "delete", "gmail-work"]).stdout,
        "The connection gmail-work is deleted.\n"
    );
    dev.run(&["connection", "get", "gmail-work"])
        .refused(1, &["[connection_not_found]", "What to do:", "Request id: req_"]);
}

#[test]
fn connection_test_tells_a_good_client_from_a_bad_one() {
    let folder = folder();
    let dev = Dev::start(folder.path());
    let good = dev.run(&["connection", "test", "sandbox"]);
    assert_eq!(good.code, 0, "{}", good.stderr);
    assert!(good.stdout.contains("not checked  redirect_uri"), "{}", good.stdout);
    std::fs::write(folder.path().join("secret"), "wrong-secret").unwrap();
    let update = dev.run(&["connection", "update", "sandbox", "--client-secret-file", "secret"]);
    assert_eq!(update.code, 0, "{}", update.stderr);
    let bad = dev.run(&["connection", "test", "sandbox"]);
    bad.refused(1, &["not in order"]);
    assert!(bad.stdout.contains("not ok       client_credentials"), "{}", bad.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn account_lives_its_life_on_the_command_line() {
    let folder = folder();
    let dev = Dev::start(folder.path());
    let pick = ["--identifier", "user_1", "--connection", "sandbox"];
    let link = dev.run(&[&["account", "link"][..], &pick].concat());
    assert!(link.stdout.starts_with(&format!("link        {}/connect/", dev.url())), "{}", link.stdout);
    assert_eq!(dev.json(&["account", "get", "--identifier", "user_1"])["status"], "PENDING");
    dev.connect("user_1").await;

    let account = dev.json(&[&["account", "get"][..], &pick].concat());
    assert_eq!((&account["status"], &account["label"]), (&json!("ACTIVE"), &json!("ada@example.com")));
    let id = account["id"].as_str().unwrap();
    assert!(dev.run(&["account", "get", id]).stdout.contains("status            ACTIVE"));
    let config = ["account", "update", id, "--user-id", "u7", "--api-config", "{\"team\": \"blue\"}"];
    let updated = dev.json(&config);
    assert_eq!((&updated["user_id"], &updated["api_config"]["team"]), (&json!("u7"), &json!("blue")));
    let listed = dev.run(&["account", "list", "--status", "ACTIVE", "--connector", "sandbox"]);
    assert!(listed.stdout.contains("user_1"), "{}", listed.stdout);

    assert_eq!(dev.json(&["account", "refresh", id])["status"], "ACTIVE");
    let refreshes = dev.run(&["account", "refreshes", id]).stdout;
    assert!(refreshes.starts_with("NUMBER  REASON  OUTCOME"), "{refreshes}");
    assert!(refreshes.contains("asked") && refreshes.contains("renewed"), "{refreshes}");
    assert!(dev.run(&["account", "get", id]).stdout.contains("refresh at"));
    let background = dev.run(&["background", "status"]).stdout;
    assert!(background.contains("refresh_ahead"), "{background}");
    let preview = dev.run(&["account", "disconnect", id, "--dry-run"]).stdout;
    assert!(preview.contains("ada@example.com"), "{preview}");
    let events = dev.run(&["account", "events", id]).stdout;
    for kind in ["authorization.link_created", "account.activated", "credential.refreshed"] {
        assert!(events.contains(kind), "{kind} is not in {events}");
    }
    assert_eq!(dev.json(&["account", "disconnect", id])["status"], "DISCONNECTED");
    dev.run(&["tool", "run", "sandbox_get_profile", "--account", id]).refused(1, &["[account_disconnected]"]);
    assert_eq!(dev.run(&["account", "delete", id]).code, 0);
    dev.run(&["account", "get", "--identifier", "user_1"]).refused(1, &["There is no account of user_1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn tool_run_reads_its_input_as_the_schema_says() {
    let folder = folder();
    let dev = Dev::start(folder.path());
    dev.connect("user_1").await;
    let as_user = ["--identifier", "user_1"];
    let run = |arguments: &[&str]| dev.run(&[&["tool", "run"], arguments, &as_user].concat());

    let sent = run(&[
        "sandbox_send_message",
        "--set",
        "to=grace@example.com",
        "--set",
        "subject=42",
        "--set",
        "body=Hi",
    ]);
    assert_eq!(sent.json()["subject"], "42", "a text stays a text");
    assert!(sent.stderr.starts_with("execution ex_"), "{}", sent.stderr);
    let listed = run(&["sandbox_list_messages", "--set", "limit=1"]);
    assert_eq!(listed.json()["messages"].as_array().unwrap().len(), 1);
    let from_stdin = dev.run_with(
        &[&["tool", "run", "sandbox_list_files", "--input", "-"], &as_user[..]].concat(),
        "{\"query\": \"note\"}",
    );
    assert_eq!(from_stdin.json()["files"][0]["name"], "note-g.md");

    run(&["sandbox_list_messages", "--set", "limit=many"]).refused(1, &["[tool_input_invalid]", "limit"]);
    run(&["sandbox_send_message"]).refused(1, &["[tool_input_invalid]", "to"]);
    run(&["sandbox_fly"]).refused(1, &["[tool_not_found]"]);
    run(&["sandbox_list_files", "--input", "{"]).refused(2, &["--input", "not JSON"]);

    let executions =
        dev.json(&["execution", "list", "--tool", "sandbox_send_message", "--status", "SUCCEEDED"]);
    assert_eq!(executions["total_size"], 1);
    let shown = dev.run(&["execution", "get", executions["items"][0]["id"].as_str().unwrap()]);
    assert!(shown.stdout.contains("POST /api/v1/messages"), "{}", shown.stdout);
    assert!(dev.run(&["tool", "get", "sandbox_send_message"]).stdout.contains("\"subject\""));
}

/// The flags of `tool run` that say how a call is made, each seen by what the server did.
#[tokio::test(flavor = "multi_thread")]
async fn tool_run_takes_key_age_time_out_and_mode() {
    let folder = folder();
    let dev = Dev::start(folder.path());
    dev.connect("user_1").await;
    let account = dev.json(&["account", "get", "--identifier", "user_1"])["id"].as_str().unwrap().to_owned();
    let run =
        |arguments: &[&str]| dev.run(&[&["tool", "run"], arguments, &["--identifier", "user_1"]].concat());
    let send =
        ["sandbox_send_message", "--input", r#"{"to": "grace@example.com", "subject": "Hi", "body": "Hi"}"#];
    let sent = || dev.json(&["execution", "list", "--tool", "sandbox_send_message"])["total_size"].clone();

    // The same key: the same answer, and the same execution.
    let keyed = |key: &str| run(&[&send[..], &["--idempotency-key", key]].concat());
    let (first, again, other) = (keyed("k-1"), keyed("k-1"), keyed("k-2"));
    assert_eq!((again.json(), &again.stderr), (first.json(), &first.stderr));
    assert_ne!(other.json()["id"], first.json()["id"]);
    assert_eq!(sent(), 2);
    run(&["sandbox_list_files", "--idempotency-key", "k-1"]).refused(1, &["[idempotency_key_reused]"]);

    // An answer from memory says how old it is.
    let read = || run(&["sandbox_get_profile", "--max-age", "3600"]);
    let (first, again) = (read(), read());
    assert_eq!(again.json(), first.json());
    assert!(
        !first.stderr.contains("given") && again.stderr.contains(", an answer given "),
        "{}",
        again.stderr
    );
    run(&[&send[..], &["--max-age", "5"]].concat()).refused(1, &["max_age", "not cacheable"]);
    run(&["sandbox_get_profile", "--max-age", "5", "--async"]).refused(2, &["--max-age", "--async"]);
    run(&["sandbox_get_profile", "--max-age", "5", "--idempotency-key", "k"]).refused(2, &["--max-age"]);

    // The answer of a call that nobody waits for is read later.
    let taken = run(&[&send[..], &["--async", "--json", "--agent-run-id", "run-7"]].concat()).json();
    assert_eq!(taken.as_object().unwrap().len(), 2, "{taken}");
    let id = taken["execution_id"].as_str().unwrap();
    wait_until("the call is over", || dev.json(&["execution", "get", id])["status"] == "SUCCEEDED");
    let shown = dev.run(&["execution", "get", id]).stdout;
    assert!(shown.contains("run-7") && shown.contains("\"subject\": \"Hi\""), "{shown}");
    let told = run(&[&send[..], &["--async"]].concat());
    assert!(
        told.code == 0 && told.stdout.contains("ex_") && told.stdout.contains("RUNNING"),
        "{}",
        told.stdout
    );

    // A provider that is too slow, and an account instead of a user.
    let slow = json!({"endpoint": "api", "kind": "delay", "delay_ms": 20_000, "times": 10});
    let faults = format!("{}/_sim/faults", dev.simulator());
    assert!(dev.http().post(faults).json(&slow).send().await.unwrap().status().is_success());
    let by_account = ["tool", "run", "sandbox_get_profile", "--account", &account, "--timeout-ms", "150"];
    dev.run(&by_account).refused(1, &["[upstream_timeout]", "The caller allowed the call 150 ms"]);
    run(&["sandbox_get_profile", "--timeout-ms", "0"]).refused(2, &["--timeout-ms"]);
}

#[test]
fn account_with_an_imported_credential_reads_it_from_a_file_only() {
    let folder = folder();
    let dev = Dev::start(folder.path());
    assert_eq!(dev.run(&["connection", "create", "search", "--connector", "bravesearch"]).code, 0);
    let create = [
        "account",
        "create",
        "--connection",
        "search",
        "--identifier",
        "user_1",
        "--skip-probe",
        "--credential",
    ];
    let inline = dev.run(&[&create[..], &["{\"fields\": {\"api_key\": \"canary\"}}"]].concat());
    inline.refused(2, &["--credential"]);
    let connector = dev.json(&["connector", "get", "bravesearch"]);
    let field = connector["fields"][0]["name"].as_str().unwrap().to_owned();
    let credential = json!({"fields": {field: "BSA0canary1Api2Key3BSA0canary1Api2Key3"}}).to_string();
    let created = dev.run_with(&[&create[..], &["-", "--json"]].concat(), &credential);
    assert_eq!(created.json()["status"], "ACTIVE");
    assert!(!created.stdout.contains("canary"));
}

#[test]
fn clients_and_tokens_are_made_and_taken_back() {
    let folder = folder();
    let dev = Dev::start(folder.path());
    let client = dev.json(&[
        "client",
        "create",
        "reporting",
        "--permission",
        "agent_logs:read",
        "--permission",
        "connections:read",
    ]);
    let (id, secret) = (client["client"]["id"].as_str().unwrap(), client["client_secret"].as_str().unwrap());
    let as_client = |arguments: &[&str]| {
        let mut command = valetkey(folder.path());
        command
            .args(arguments)
            .env("VALETKEY_URL", dev.url())
            .env("VALETKEY_CA_FILE", &dev.env["VALETKEY_CA_FILE"]);
        run(command.env("VALETKEY_CLIENT_ID", id).env("VALETKEY_CLIENT_SECRET", secret), "")
    };
    assert_eq!(as_client(&["execution", "list"]).code, 0);
    as_client(&["account", "list"]).refused(1, &["[permission_denied]", "connected_accounts:read"]);

    let created = dev.run(&["token", "create", "ci", "--expires-at", "2099-01-01T00:00:00Z"]);
    let token = created.stdout.split_whitespace().find(|word| word.starts_with("vk_")).unwrap();
    let token_id = created.stdout.split_whitespace().find(|word| word.starts_with("tok_")).unwrap();
    let as_token = || {
        let mut command = valetkey(folder.path());
        command.args(["connection", "list"]).env("VALETKEY_URL", dev.url());
        run(
            command.env("VALETKEY_CA_FILE", &dev.env["VALETKEY_CA_FILE"]).env("VALETKEY_API_TOKEN", token),
            "",
        )
    };
    assert_eq!(as_token().code, 0);
    assert!(!dev.run(&["token", "list", "--json"]).stdout.contains(token));
    assert_eq!(dev.run(&["token", "revoke", token_id]).code, 0);
    as_token().refused(1, &["[unauthenticated]"]);
    assert_eq!(dev.run(&["client", "disable", id]).code, 0);
    as_client(&["execution", "list"]).refused(1, &["Error:"]);
    assert!(dev.run(&["client", "list"]).stdout.contains("reporting"));
}

#[test]
fn command_without_a_server_says_so() {
    let folder = folder();
    run(valetkey(folder.path()).args(["connection", "list"]), "")
        .refused(2, &["VALETKEY_URL", "valetkey dev"]);
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut command = valetkey(folder.path());
    command.args(["connection", "list"]).env("VALETKEY_API_TOKEN", "vk_x");
    run(command.env("VALETKEY_URL", format!("http://{closed}")), "").refused(3, &["cannot be reached"]);
}

#[test]
fn command_that_does_not_know_the_certificate_says_how_to() {
    let folder = folder();
    let dev = Dev::start(folder.path());
    let mut command = valetkey(folder.path());
    command.args(["connection", "list"]).env("VALETKEY_URL", dev.url());
    let ended = run(command.env("VALETKEY_API_TOKEN", &dev.env["VALETKEY_API_TOKEN"]), "");
    ended.refused(3, &["VALETKEY_CA_FILE"]);
}

#[test]
fn command_line_that_is_wrong_ends_with_two() {
    let folder = folder();
    for arguments in
        [&["connection", "create"][..], &["fly"], &["serve", "--nonsense", "1"], &["tool", "run", "x"]]
    {
        assert_eq!(run(valetkey(folder.path()).args(arguments), "").code, 2, "{arguments:?}");
    }
}

#[test]
fn connector_file_is_checked_without_a_server() {
    let folder = folder();
    let good = concat!(env!("CARGO_MANIFEST_DIR"), "/../../connectors/sandbox.yaml");
    let checked = run(valetkey(folder.path()).args(["connector", "check", good]), "");
    assert!(
        checked.code == 0 && checked.stdout.contains("good, 10 tools"),
        "{}{}",
        checked.stdout,
        checked.stderr
    );
    std::fs::write(folder.path().join("bad.yaml"), "slug: bad\ncolour: red\n").unwrap();
    run(valetkey(folder.path()).args(["connector", "check", good, "bad.yaml"]), "").refused(1, &["bad.yaml"]);
}

#[test]
fn settings_are_listed_with_flag_and_variable() {
    let folder = folder();
    let text = run(valetkey(folder.path()).arg("settings"), "").stdout;
    assert!(text.contains("--public-url  VALETKEY_PUBLIC_URL") && text.contains("VALETKEY_MASTER_KEY"));
    assert!(!text.contains("--master-key  "), "a secret has no flag");
    let markdown = run(valetkey(folder.path()).args(["settings", "--markdown"]), "").stdout;
    assert!(markdown.starts_with("| setting |") && markdown.contains("| `listen` "));
}

#[test]
fn doctor_says_what_is_wrong_and_whose_move_it_is() {
    let folder = folder();
    let dev = Dev::start(folder.path());
    let link = dev.json(&["account", "link", "--identifier", "user_1", "--connection", "sandbox"]);
    let id = link["account"]["id"].as_str().unwrap().to_owned();
    let told = dev.run(&["doctor", "account", "--identifier", "user_1", "--connection", "sandbox"]);
    assert_eq!(told.code, 1, "{}", told.stderr);
    for piece in ["BROKEN", "1. link_never_opened", "Whose move: the user's", "/connect/", "evidence: "] {
        assert!(told.stdout.contains(piece), "{piece} is not in {}", told.stdout);
    }
    let ended = dev.run(&["doctor", "account", &id, "--json"]);
    let answer: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((ended.code, answer["verdict"].as_str()), (1, Some("broken")));
    let well = dev.run(&["doctor", "connection", "sandbox", "--probe"]);
    assert_eq!(well.code, 0, "{}{}", well.stdout, well.stderr);
    assert!(
        well.stdout.starts_with("HEALTHY") && well.stdout.contains("client_credentials"),
        "{}",
        well.stdout
    );
}

/// A call that failed is looked up by the id that its error named: in words, and for programs.
#[tokio::test(flavor = "multi_thread")]
async fn doctor_of_a_call_says_why_it_failed_and_whose_move_it_is() {
    let folder = folder();
    let dev = Dev::start(folder.path());
    dev.connect("user_1").await;
    assert_eq!(dev.run(&["simulate", "do", "revoke-grants", "user=ada", "by=admin"]).code, 0);
    let failed = dev.run(&["tool", "run", "sandbox_get_profile", "--identifier", "user_1"]);
    let id = failed.stderr.lines().find_map(|line| line.strip_prefix("Execution: ")).unwrap();
    let told = dev.run(&["doctor", "execution", id]);
    assert_eq!(told.code, 1, "{}", told.stderr);
    for piece in [
        "BROKEN",
        id,
        "1. access_revoked_by_admin",
        "Whose move: an administrator's at the provider",
        "-> ",
        "evidence: ",
        "account.revoked",
    ] {
        assert!(told.stdout.contains(piece), "{piece} is not in {}", told.stdout);
    }
    let ended = dev.run(&["doctor", "execution", id, "--json"]);
    let answer: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((ended.code, answer["subject"]["kind"].as_str()), (1, Some("execution")));
    assert_eq!(answer["findings"][0]["code"], "access_revoked_by_admin");
}
