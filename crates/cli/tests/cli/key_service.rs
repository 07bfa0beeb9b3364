//! How often the service that keeps the master key is asked.

use std::sync::Arc;

use pretty_assertions::assert_eq;
use serde_json::json;

use crate::harness::{Server, folder, run, valetkey};

const KEY: &str = "3q2+7wAUn5cB1V7y0Z3kWm8pQxJt6LsHv4RdNcEyFgI=";
const SECRET: &str = "bootstrap-canary-0123456789";
const REQUESTS: usize = 10_000;
const CALLERS: usize = 16;

/// S30: the key service is asked once at start, and by none of ten thousand requests that seal and open secrets; the
/// data keys under it are the server's own. A second start asks once more.
#[tokio::test(flavor = "multi_thread")]
async fn key_service_asked_once_per_start_however_much_is_sealed() {
    let folder = folder();
    // The client of a key service: prints the key, and leaves a mark each time.
    let script = folder.path().join("kms.sh");
    std::fs::write(
        &script,
        format!("echo asked >> '{}'\necho '{KEY}'\n", folder.path().join("asked").display()),
    )
    .unwrap();
    let asked = || std::fs::read_to_string(folder.path().join("asked")).unwrap_or_default().lines().count();
    let start = || {
        let mut command = valetkey(folder.path());
        command.args(["serve", "--listen", "127.0.0.1:0", "--log-level", "info"]);
        command.env("VALETKEY_MASTER_KEY_COMMAND", format!("sh {}", script.display()));
        command.env("VALETKEY_BOOTSTRAP_CLIENT_ID", "ops").env("VALETKEY_BOOTSTRAP_CLIENT_SECRET", SECRET);
        let mut server = Server::start(command, folder.path());
        server.wait_until("the server is ready", |server| {
            server.output("stderr").contains("valetkey is ready")
        });
        let log = server.output("stderr");
        let ready = log.lines().find(|line| line.contains("valetkey is ready")).unwrap();
        let ready: serde_json::Value = serde_json::from_str(ready).unwrap();
        let url = ready["public_url"].as_str().unwrap().trim_end_matches('/').to_owned();
        (server, url)
    };
    let (server, url) = start();
    assert_eq!(asked(), 1);

    let mut create = valetkey(folder.path());
    create.args(["token", "create", "first", "--json"]).env("VALETKEY_URL", &url);
    create.env("VALETKEY_CLIENT_ID", "ops").env("VALETKEY_CLIENT_SECRET", SECRET);
    let token: Arc<str> = run(&mut create, "").json()["token"].as_str().unwrap().into();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let connection =
        json!({"name": "mail", "connector": "gmail", "client_id": "id", "client_secret": "first"});
    let made =
        http.post(format!("{url}/v1/connect/connections")).bearer_auth(&token).json(&connection).send().await;
    assert!(made.unwrap().status().is_success());

    // A tenth of them seal a new secret; the others sign a token with a key that is opened for it.
    let callers = (0..CALLERS).map(|caller| {
        let (http, url, token) = (http.clone(), url.clone(), Arc::clone(&token));
        tokio::spawn(async move {
            for number in (caller..REQUESTS).step_by(CALLERS) {
                let request = if number % 10 == 0 {
                    let body = json!({"client_secret": format!("secret-{number}")});
                    http.patch(format!("{url}/v1/connect/connections/mail")).bearer_auth(&token).json(&body)
                } else {
                    let form = [
                        ("grant_type", "client_credentials"),
                        ("client_id", "ops"),
                        ("client_secret", SECRET),
                    ];
                    http.post(format!("{url}/oauth/token")).form(&form)
                };
                let status = request.send().await.unwrap().status();
                // Two who change the same connection at once: the second one is told so, after it sealed.
                assert!(status.is_success() || status == 409, "{status}");
            }
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        caller.await.unwrap();
    }
    assert_eq!(asked(), 1, "no request asked the key service");
    server.stop("-TERM");

    let (server, url) = start();
    assert_eq!(asked(), 2, "once per start");
    let again =
        http.get(format!("{url}/v1/connect/connections/mail")).bearer_auth(&token).send().await.unwrap();
    assert_eq!(again.json::<serde_json::Value>().await.unwrap()["has_client_secret"], true);
    assert_eq!(asked(), 2);
    server.stop("-TERM");
}
