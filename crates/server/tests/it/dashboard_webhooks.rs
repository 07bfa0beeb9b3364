//! Webhooks at the dashboard: made, tested, turned off, given another secret, asked for a message again, deleted.

use std::sync::{
    Arc,
    atomic::{AtomicU16, Ordering},
};

use axum::{Router, body::Bytes, extract::State, routing::post};
use http::{HeaderMap, StatusCode};
use pretty_assertions::assert_eq;
use valetkey_domain::{PageRequest, Role};

use crate::{
    app::App,
    dashboard::{Person, owner, person},
};

/// An endpoint of an app that answers with one status.
#[derive(Clone)]
struct Endpoint {
    url: String,
    status: Arc<AtomicU16>,
    /// The ids of what came.
    came: Arc<std::sync::Mutex<Vec<String>>>,
}

impl Endpoint {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = Self {
            url: format!("http://{}/hooks", listener.local_addr().unwrap()),
            status: Arc::new(AtomicU16::new(204)),
            came: Arc::default(),
        };
        let routes = Router::new().route("/hooks", post(Self::take)).with_state(endpoint.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        endpoint
    }

    async fn take(
        State(endpoint): State<Self>,
        headers: HeaderMap,
        _body: Bytes,
    ) -> (StatusCode, &'static str) {
        let id = headers["webhook-id"].to_str().unwrap().to_owned();
        endpoint.came.lock().unwrap().push(id);
        let status = endpoint.status.load(Ordering::SeqCst);
        (StatusCode::from_u16(status).unwrap(), "the hooks are <b>closed</b> today")
    }

    fn came(&self) -> Vec<String> {
        self.came.lock().unwrap().clone()
    }
}

const LIST: &str = "/dashboard/settings/webhooks";

/// The address of the only webhook there is.
async fn the_one(app: &App) -> String {
    let page = PageRequest { size: 2, cursor: None };
    let found = app.fixture.engine.list_webhooks(&app.fixture.caller, &page).await.unwrap().items;
    assert_eq!(found.len(), 1);
    format!("{LIST}/{}", found[0].id)
}

async fn make(app: &App, owner: &Person, endpoint: &Endpoint) -> String {
    let fields =
        [("url", &*endpoint.url), ("description", "our app"), ("event_type", "account.disconnected")];
    let made = owner.post(app, LIST, &fields).await;
    assert_eq!(made.status, 200, "{made:?}");
    assert!(made.text.contains("value=\"whsec_") && made.text.contains("shown only now"), "{}", made.text);
    let address = the_one(app).await;
    let page = owner.get(app, &address).await;
    assert!(!page.text.contains("whsec_"), "the secret is shown once: {}", page.text);
    address
}

/// Everything the API can do with a webhook can be done here, each with its entry in the audit log.
#[tokio::test]
async fn webhook_made_here_is_tested_changed_and_deleted() {
    let app = App::start().await;
    let (endpoint, owner) = (Endpoint::start().await, owner(&app).await);
    let empty = owner.get(&app, LIST).await;
    assert!(empty.text.contains("No app is told anything yet"), "{}", empty.text);
    let address = make(&app, &owner, &endpoint).await;
    let list = owner.get(&app, LIST).await;
    assert!(list.text.contains("our app") && list.text.contains("nothing has arrived yet"), "{}", list.text);
    let tested = owner.post(&app, &format!("{address}/test"), &[]).await;
    assert!(tested.text.contains("The test arrived") && tested.text.contains("HTTP 204"), "{}", tested.text);
    assert_eq!(endpoint.came().len(), 1);

    let wrong = owner.post(&app, &address, &[("url", "ftp://x"), ("description", "")]).await;
    assert_eq!(wrong.status, 400, "{wrong:?}");
    let fields = [("url", &*endpoint.url), ("description", "the new one")];
    assert_eq!(owner.post(&app, &address, &fields).await.status, 303);
    let page = owner.get(&app, &format!("{address}?done=saved")).await;
    assert!(page.text.contains("the new one") && page.text.contains("<dd>everything</dd>"), "{}", page.text);

    let rotated = owner.post(&app, &format!("{address}/rotate"), &[]).await;
    assert!(rotated.text.contains("whsec_") && rotated.text.contains("24 hours"), "{}", rotated.text);
    assert_eq!(owner.post(&app, &format!("{address}/switch"), &[("enabled", "maybe")]).await.status, 400);
    assert_eq!(owner.post(&app, &format!("{address}/switch"), &[("enabled", "no")]).await.status, 303);
    let off = owner.get(&app, &address).await;
    assert!(off.text.contains("Somebody turned it off") && off.text.contains("Turn it on"), "{}", off.text);

    let ask = owner.get(&app, &format!("{address}/delete")).await;
    assert!(ask.text.contains(&endpoint.url) && !ask.text.contains("never arrive"), "{}", ask.text);
    assert_eq!(owner.post(&app, &format!("{address}/delete"), &[]).await.status, 400, "nobody is sure");
    let gone = owner.post(&app, &format!("{address}/delete"), &[("sure", "yes")]).await;
    assert_eq!(
        (gone.status.as_u16(), gone.header("location")),
        (303, "/dashboard/settings/webhooks?done=webhook-deleted")
    );
    assert_eq!(owner.get(&app, &address).await.status, 404);
    let log = owner.get(&app, "/dashboard/audit").await;
    for action in ["created", "updated", "secret_rotated", "deleted"] {
        assert!(log.text.contains(&format!("webhook.{action}")), "{action}: {}", log.text);
    }
}

/// A message that does not arrive is there with what the endpoint said, as text, and is sent again on request.
#[tokio::test]
async fn message_refused_is_shown_with_its_reason_and_sent_again() {
    let app = App::start().await;
    app.fixture.connection("notes", "acme").await;
    let account = app.fixture.authorize("notes", "user_1").await.account.id;
    let (endpoint, owner) = (Endpoint::start().await, owner(&app).await);
    let address = make(&app, &owner, &endpoint).await;
    endpoint.status.store(503, Ordering::SeqCst);
    let end = owner.post(&app, &format!("/dashboard/accounts/{account}/end"), &[("end", "disconnect")]).await;
    assert_eq!(end.status, 303, "{end:?}");
    assert_eq!(app.fixture.engine.deliver_webhooks().await.unwrap(), 1);
    let page = owner.get(&app, &address).await;
    for told in [
        "messages do not arrive",
        "Will be tried again",
        "sent 1×",
        "HTTP 503",
        "user_1 on notes",
        "&#60;b&#62;closed",
    ] {
        assert!(page.text.contains(told), "{told}: {}", page.text);
    }
    let ask = owner.get(&app, &format!("{address}/delete")).await;
    assert!(ask.text.contains("1 message that has not arrived yet"), "{}", ask.text);
    let filtered = owner.get(&app, &format!("{address}?outcome=delivered")).await;
    assert!(filtered.text.contains("No message fits this filter"), "{}", filtered.text);
    assert_eq!(owner.get(&app, &format!("{address}?outcome=lost")).await.status, 400);

    endpoint.status.store(204, Ordering::SeqCst);
    let id = endpoint.came().pop().unwrap();
    let again = owner.post(&app, &format!("{address}/deliveries/{id}/again"), &[]).await;
    assert_eq!(again.status, 303, "{again:?}");
    assert_eq!(app.fixture.engine.deliver_webhooks().await.unwrap(), 1);
    assert_eq!(endpoint.came(), [id.clone(), id], "the same message");
    let page = owner.get(&app, &format!("{address}?outcome=delivered")).await;
    assert!(page.text.contains("messages arrive") && page.text.contains("Arrived"), "{}", page.text);
}

/// Whoever may only look sees webhooks and no button, and a form of theirs does nothing.
#[tokio::test]
async fn viewer_sees_webhooks_and_changes_none() {
    let app = App::start().await;
    let (endpoint, owner) = (Endpoint::start().await, owner(&app).await);
    let address = make(&app, &owner, &endpoint).await;
    let viewer = person(&app, Role::Viewer).await;
    let page = viewer.get(&app, &address).await;
    assert_eq!(page.status, 200);
    assert!(
        page.text.contains(&endpoint.url) && !page.text.contains(&format!("{address}/")),
        "{}",
        page.text
    );
    assert!(!viewer.get(&app, LIST).await.text.contains("New webhook"));
    for (path, fields) in [
        (LIST.to_owned(), vec![("url", "https://app.example/hooks")]),
        (address.clone(), vec![("url", "https://app.example/hooks")]),
        (format!("{address}/switch"), vec![("enabled", "no")]),
        (format!("{address}/rotate"), vec![]),
        (format!("{address}/test"), vec![]),
        (format!("{address}/delete"), vec![("sure", "yes")]),
        (format!("{address}/deliveries/dl_{}/again", "0".repeat(26)), vec![]),
    ] {
        assert_eq!(viewer.post(&app, &path, &fields).await.status, 403, "{path}");
    }
    assert_eq!(endpoint.came(), Vec::<String>::new());
}

/// What needs somebody names a webhook that is gone, and leads to its page.
#[tokio::test]
async fn webhook_that_gets_nothing_is_on_the_overview() {
    let app = App::start().await;
    let (endpoint, owner) = (Endpoint::start().await, owner(&app).await);
    let address = make(&app, &owner, &endpoint).await;
    let link = format!("href=\"{address}\"");
    let well = owner.get(&app, "/dashboard").await;
    assert!(!well.text.contains(&link), "{}", well.text);
    endpoint.status.store(410, Ordering::SeqCst);
    owner.post(&app, &format!("{address}/test"), &[]).await;
    let overview = owner.get(&app, "/dashboard").await;
    assert!(overview.text.contains("The webhook our app was turned off"), "{}", overview.text);
    assert!(overview.text.contains(&link) && overview.text.contains("answered 410"), "{}", overview.text);
}
