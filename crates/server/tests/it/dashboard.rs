//! The dashboard from outside: who comes in, what a foreign page cannot do, and what each page says.

use axum::body::Body;
use http::{Method, Request, header};
use pretty_assertions::assert_eq;
use serde_json::json;
use valetkey_domain::Role;
use valetkey_engine::NewPassword;

use crate::{
    app::{Answer, App},
    browser::form_token,
};

pub(crate) const PASSWORD: &str = "a calm and sunny morning";

/// Every page of the dashboard that shows itself without an id.
const PAGES: [&str; 15] = [
    "/dashboard",
    "/dashboard/accounts",
    "/dashboard/accounts/new",
    "/dashboard/connections",
    "/dashboard/connections/new",
    "/dashboard/connections/new?connector=acme",
    "/dashboard/connectors",
    "/dashboard/connectors/acme",
    "/dashboard/executions",
    "/dashboard/settings",
    "/dashboard/settings/users",
    "/dashboard/settings/clients",
    "/dashboard/settings/keys",
    "/dashboard/settings/branding",
    "/dashboard/settings/webhooks",
];

/// A browser with a session.
pub(crate) struct Person {
    pub(crate) cookie: String,
    pub(crate) form_token: String,
    pub(crate) origin: String,
}

fn origin(app: &App) -> String {
    app.fixture.engine.settings().public_url.origin().ascii_serialization()
}

pub(crate) async fn send(
    app: &App,
    method: Method,
    path: &str,
    headers: &[(header::HeaderName, &str)],
    form: &[(&str, &str)],
) -> Answer {
    let mut request = Request::builder().method(&method).uri(path);
    for (name, value) in headers {
        request = request.header(name, *value);
    }
    let mut body = Body::empty();
    if method == Method::POST {
        request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        body = Body::from(form);
    }
    app.send(request.body(body).unwrap()).await
}

fn cookie_of(answer: &Answer) -> String {
    answer.header("set-cookie").split(';').next().unwrap().to_owned()
}

impl Person {
    pub(crate) async fn get(&self, app: &App, path: &str) -> Answer {
        send(app, Method::GET, path, &[(header::COOKIE, &self.cookie)], &[]).await
    }

    pub(crate) async fn post(&self, app: &App, path: &str, fields: &[(&str, &str)]) -> Answer {
        let form = [&[("form_token", self.form_token.as_str())], fields].concat();
        let headers = [(header::COOKIE, self.cookie.as_str()), (header::ORIGIN, self.origin.as_str())];
        send(app, Method::POST, path, &headers, &form).await
    }
}

/// The first owner, by the setup link, as a browser does it.
pub(crate) async fn owner(app: &App) -> Person {
    let link = app.fixture.engine.setup_link().await.unwrap().unwrap();
    let page = send(app, Method::GET, link.url.path(), &[], &[]).await;
    assert_eq!(page.status, 200, "{page:?}");
    let form =
        [("name", "An Owner"), ("email", "owner@example.com"), ("password", PASSWORD), ("again", PASSWORD)];
    let origin = origin(app);
    let answer = send(app, Method::POST, link.url.path(), &[(header::ORIGIN, &origin)], &form).await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (303, "/dashboard"), "{answer:?}");
    arrived(app, cookie_of(&answer)).await
}

async fn arrived(app: &App, cookie: String) -> Person {
    let page = send(app, Method::GET, "/dashboard", &[(header::COOKIE, &cookie)], &[]).await;
    assert_eq!(page.status, 200, "{page:?}");
    Person { cookie, form_token: form_token(&page.text), origin: origin(app) }
}

/// Somebody with this role.
pub(crate) async fn person(app: &App, role: Role) -> Person {
    let link = app.fixture.engine.invite_user(&app.fixture.caller, role).await.unwrap();
    let email = format!("{}@example.com", role.as_str());
    let new =
        NewPassword { email: email.clone(), name: "A Person".into(), password: PASSWORD.to_owned().into() };
    let token = link.url.path_segments().unwrap().next_back().unwrap().to_owned();
    app.fixture.engine.accept_invitation(&token, new).await.unwrap();
    let form = [("email", email.as_str()), ("password", PASSWORD)];
    let origin = origin(app);
    let answer = send(app, Method::POST, "/dashboard/login", &[(header::ORIGIN, &origin)], &form).await;
    assert_eq!(answer.status, 303, "{answer:?}");
    arrived(app, cookie_of(&answer)).await
}

/// S40: nothing is shown without a session, whatever the method; afterwards the visitor gets where they wanted.
#[tokio::test]
async fn every_page_without_session_leads_to_the_login() {
    let app = App::start().await;
    for page in PAGES {
        for cookie in ["", "__Host-valetkey_session=wrong"] {
            let answer = send(&app, Method::GET, page, &[(header::COOKIE, cookie)], &[]).await;
            assert_eq!(answer.status, 303, "{page}");
            assert!(answer.header("location").starts_with("/dashboard/login"), "{page}: {answer:?}");
            assert!(answer.text.is_empty());
        }
        let origin = origin(&app);
        let answer = send(&app, Method::POST, page, &[(header::ORIGIN, &origin)], &[]).await;
        assert!([303, 405].contains(&answer.status.as_u16()), "{page}: {answer:?}");
    }
    let wanted = send(&app, Method::GET, "/dashboard/accounts?status=EXPIRED", &[], &[]).await;
    assert_eq!(wanted.header("location"), "/dashboard/login?next=%2Faccounts%3Fstatus%3DEXPIRED");
    let login = send(&app, Method::GET, wanted.header("location"), &[], &[]).await;
    assert!(login.text.contains("value=\"/accounts?status=EXPIRED\""), "{}", login.text);
}

/// S44: flags of the cookie, headers of every page, and no script or style in the page itself.
#[tokio::test]
async fn pages_come_with_strict_headers_and_a_bound_cookie() {
    let app = App::start().await;
    app.fixture.connection("notes", "acme").await;
    let login = send(&app, Method::GET, "/dashboard/login", &[], &[]).await;
    let owner = owner(&app).await;
    assert!(owner.cookie.starts_with("__Host-valetkey_session="));
    let form = [("email", "owner@example.com"), ("password", PASSWORD)];
    let again = send(&app, Method::POST, "/dashboard/login", &[(header::ORIGIN, &owner.origin)], &form).await;
    let flags = again.header("set-cookie").split_once("; ").unwrap().1;
    assert_eq!(flags, "Path=/; HttpOnly; SameSite=Lax; Secure");
    let mut pages = vec![login];
    for page in PAGES.into_iter().chain(["/dashboard/audit"]) {
        let answer = owner.get(&app, page).await;
        assert_eq!(answer.status, 200, "{page}: {answer:?}");
        pages.push(answer);
    }
    for answer in pages {
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none';") && policy.contains("frame-ancestors 'none'"));
        assert!(!policy.contains("unsafe") && !policy.contains("http"), "{policy}");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.header("x-frame-options"), "DENY");
        assert_eq!(answer.header("referrer-policy"), "same-origin");
        for inline in [" style=", "<style", " onclick", "javascript:", "<script>"] {
            assert!(!answer.text.contains(inline), "{inline} in {}", answer.text);
        }
    }
}

/// S44: a form of another site, of another session, or without a word about where it comes from does nothing.
#[tokio::test]
async fn forged_forms_are_refused_and_do_nothing() {
    let app = App::start().await;
    let owner = owner(&app).await;
    let viewer = person(&app, Role::Viewer).await;
    let cookie = (header::COOKIE, owner.cookie.as_str());
    let own = (header::ORIGIN, owner.origin.as_str());
    let name = header::HeaderName::from_static("sec-fetch-site");
    let good = ("form_token", owner.form_token.as_str());
    let foreign = ("form_token", viewer.form_token.as_str());
    let role = ("role", "owner");
    type Headers<'a> = &'a [(header::HeaderName, &'a str)];
    type Fields<'a> = &'a [(&'a str, &'a str)];
    let forged: [(Headers<'_>, Fields<'_>); 8] = [
        (&[cookie.clone(), (header::ORIGIN, "https://evil.example")], &[good, role]),
        (&[cookie.clone(), (header::ORIGIN, "null")], &[good, role]),
        (&[cookie.clone(), (header::ORIGIN, "http://valetkey.example")], &[good, role]),
        (std::slice::from_ref(&cookie), &[good, role]),
        (&[cookie.clone(), (name.clone(), "cross-site")], &[good, role]),
        (&[cookie.clone(), own.clone()], &[role]),
        (&[cookie.clone(), own.clone()], &[foreign, role]),
        (&[cookie.clone(), own.clone()], &[("form_token", ""), role]),
    ];
    for (headers, form) in forged {
        let answer = send(&app, Method::POST, "/dashboard/settings/users", headers, form).await;
        assert_eq!(answer.status, 403, "{headers:?} {form:?}");
        assert!(answer.text.contains("cross_site_request"));
    }
    assert_eq!(app.fixture.engine.list_invitations(&app.fixture.caller).await.unwrap(), []);
    for headers in [&[cookie.clone(), own][..], &[cookie, (name, "same-origin")]] {
        let answer = send(&app, Method::POST, "/dashboard/settings/users", headers, &[good, role]).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    // A login form of another site would log the visitor in as somebody else.
    let form = [("email", "owner@example.com"), ("password", PASSWORD)];
    let evil = [(header::ORIGIN, "https://evil.example")];
    let answer = send(&app, Method::POST, "/dashboard/login", &evil, &form).await;
    assert_eq!((answer.status.as_u16(), answer.header("set-cookie")), (403, ""));
}

/// S44: a name that was made to resolve to this machine (DNS rebinding) shows nothing.
#[tokio::test]
async fn foreign_host_on_loopback_is_refused() {
    let local = |options: &mut valetkey_server::ServerOptions| {
        options.public_url = "http://127.0.0.1:8080".parse().unwrap();
    };
    let app = App::with(|_| {}, local).await;
    for host in ["evil.example:8080", "evil.example", "127.0.0.1.evil.example:8080"] {
        let answer = send(&app, Method::GET, "/dashboard/login", &[(header::HOST, host)], &[]).await;
        assert_eq!(answer.status, 403, "{host}");
    }
    for host in ["127.0.0.1:8080", "localhost:8080", "[::1]:8080"] {
        let answer = send(&app, Method::GET, "/dashboard/login", &[(header::HOST, host)], &[]).await;
        assert_eq!(answer.status, 200, "{host}");
    }
}

/// S41, S57: a viewer sees no button, and asking without one is refused and recorded.
#[tokio::test]
async fn viewer_is_refused_where_the_role_ends() {
    let app = App::start().await;
    let view = app.fixture.connection("notes", "acme").await;
    let viewer = person(&app, Role::Viewer).await;
    let path = format!("/dashboard/connections/{}", view.connection.id);
    let page = viewer.get(&app, &path).await;
    assert_eq!(page.status, 200, "{page:?}");
    assert!(!page.text.contains("/delete") && !page.text.contains("/test"), "{}", page.text);
    let answers = [
        viewer.post(&app, &format!("{path}/delete"), &[("name", "notes")]).await,
        viewer.post(&app, &format!("{path}/test"), &[]).await,
        viewer.post(&app, "/dashboard/settings/users", &[("role", "owner")]).await,
        viewer.post(&app, "/dashboard/accounts/new", &[("connection", "notes"), ("identifier", "u")]).await,
        viewer.get(&app, "/dashboard/settings/users").await,
        viewer.get(&app, "/dashboard/audit").await,
        viewer.get(&app, "/dashboard/audit/export").await,
    ];
    for answer in answers {
        assert_eq!(answer.status, 403, "{answer:?}");
        assert!(answer.text.contains("permission_denied"));
    }
    let owner = owner_of(&app).await;
    let export = owner.get(&app, "/dashboard/audit/export?action=refused").await;
    assert_eq!(export.header("content-disposition"), "attachment; filename=\"audit.ndjson\"");
    let all = owner.get(&app, "/dashboard/audit/export").await;
    let refused = all.text.lines().filter(|line| line.contains("\"outcome\":\"refused\""));
    assert_eq!(refused.count(), 4, "{}", all.text);
}

async fn owner_of(app: &App) -> Person {
    person(app, Role::Owner).await
}

/// S44: logging out ends the session on the server, not just in the browser.
#[tokio::test]
async fn session_logged_out_is_over() {
    let app = App::start().await;
    let owner = owner(&app).await;
    let answer = owner.post(&app, "/dashboard/logout", &[]).await;
    assert_eq!(answer.header("location"), "/dashboard/login");
    assert!(answer.header("set-cookie").contains("Max-Age=0"));
    assert_eq!(owner.get(&app, "/dashboard").await.status, 303);
}

/// S43: too many wrong passwords are told to wait, in words.
#[tokio::test]
async fn login_guessed_is_told_to_wait() {
    let app = App::start().await;
    let origin = origin(&app);
    let form = [("email", "owner@example.com"), ("password", "guess")];
    for expected in [401, 401, 401, 401, 401, 429] {
        let answer = send(&app, Method::POST, "/dashboard/login", &[(header::ORIGIN, &origin)], &form).await;
        assert_eq!(answer.status.as_u16(), expected);
        assert!(answer.text.contains("role=\"alert\""));
        assert!(!answer.text.contains("guess\""), "the password is not shown again");
    }
}

/// S39: what belongs to another environment is as unknown as what is nowhere.
#[tokio::test]
async fn ids_of_another_environment_are_unknown() {
    let app = App::start().await;
    let stranger = app.fixture.stranger().await;
    let new = app.fixture.new_connection("theirs", "acme");
    let theirs =
        app.fixture.engine.create_connection(&stranger, new).await.unwrap().connection.id.to_string();
    let owner = owner(&app).await;
    let unknown = format!("conn_{}", "0".repeat(26));
    let [there, nowhere] = [
        owner.get(&app, &format!("/dashboard/connections/{theirs}")).await,
        owner.get(&app, &format!("/dashboard/connections/{unknown}")).await,
    ];
    assert_eq!((there.status.as_u16(), nowhere.status.as_u16()), (404, 404));
    let without_reference = |answer: &Answer| answer.text.split("reference").next().unwrap().to_owned();
    assert_eq!(without_reference(&there), without_reference(&nowhere));
}

/// The way of an account: connect, see it, link it again, end it; texts of others stay texts.
#[tokio::test]
async fn account_shown_linked_and_ended() {
    let app = App::start().await;
    let connection = app.fixture.connection("notes", "acme").await;
    app.fixture.authorize("notes", "<b>user</b>").await;
    let owner = owner(&app).await;
    let list = owner.get(&app, "/dashboard/accounts?q=%3Cb%3E").await;
    assert!(
        list.text.contains("&#60;b&#62;user&#60;/b&#62;") && !list.text.contains("<b>user"),
        "{}",
        list.text
    );
    let id = list.text.split("/dashboard/accounts/ca_").nth(1).unwrap().split('"').next().unwrap();
    let path = format!("/dashboard/accounts/ca_{id}");
    let page = owner.get(&app, &path).await;
    assert_eq!(page.status, 200, "{page:?}");
    for part in ["Timeline", "Authorized", "Renewals", "generation 1", "Refresh now"] {
        assert!(page.text.contains(part), "{part}: {}", page.text);
    }
    let asked = app.fixture.provider.requests();
    let token =
        asked.iter().rev().find_map(|request| request.headers.get("authorization")?.strip_prefix("Bearer "));
    let token = token.unwrap();
    assert!(!page.text.contains(token), "the token is on the page");
    let probed = owner.post(&app, &format!("{path}/probe"), &[]).await;
    assert!(
        probed.text.contains("Run the probe again") && probed.text.contains("acme_get_profile succeeded"),
        "{}",
        probed.text
    );
    let link = owner.post(&app, &format!("{path}/link"), &[]).await;
    assert!(link.text.contains("/connect/") && link.text.contains("<svg class=\"code\""), "{}", link.text);
    let ask = owner.get(&app, &format!("{path}/end")).await;
    assert!(ask.text.contains("value=\"disconnect\""));
    let ended = owner.post(&app, &format!("{path}/end"), &[("end", "disconnect")]).await;
    assert_eq!(ended.header("location"), format!("{path}?done=disconnected&grant=revoked_and_verified"));
    let page = owner.get(&app, ended.header("location")).await;
    assert!(page.text.contains("The provider revoked the grant"), "{}", page.text);
    assert!(page.text.contains("/docs/errors/account_disconnected"), "{}", page.text);
    let deleted = owner.post(&app, &format!("{path}/end"), &[("end", "delete")]).await;
    assert_eq!(deleted.header("location"), "/dashboard/accounts?done=deleted");
    let gone = owner.get(&app, &path).await;
    assert_eq!(gone.status, 404);
    let wrong = format!("/dashboard/connections/{}/delete", connection.connection.id);
    assert_eq!(owner.post(&app, &wrong, &[("name", "other")]).await.status, 400);
    assert_eq!(owner.post(&app, &wrong, &[("name", "notes")]).await.status, 303);
    let log = owner.get(&app, "/dashboard/audit").await;
    for action in ["account.link_created", "account.disconnected", "account.deleted", "connection.deleted"] {
        assert!(log.text.contains(action), "{action}: {}", log.text);
    }
    let whole = owner.post(&app, "/dashboard/audit", &[]).await;
    assert!(whole.text.contains("The record is whole"));
}

/// A connection made and changed by its form; what is wrong is said at the field, and the secret never comes back.
#[tokio::test]
async fn connection_made_and_changed_by_its_form() {
    let app = App::start().await;
    let owner = owner(&app).await;
    let fields = [
        ("connector", "acme"),
        ("name", "notes"),
        ("client_id", "app"),
        ("client_secret", "a client secret"),
        ("scope", "notes.read"),
        ("enabled", "yes"),
    ];
    let unfit = [&fields[..1], &[("name", "no/slash"), ("client_id", "app")]].concat();
    let again = owner.post(&app, "/dashboard/connections/new", &unfit).await;
    assert_eq!(again.status, 400, "{again:?}");
    assert!(again.text.contains("aria-invalid=\"true\"") && again.text.contains("value=\"no/slash\""));
    let made = owner.post(&app, "/dashboard/connections/new", &fields).await;
    assert_eq!(made.status, 303, "{made:?}");
    let page = owner.get(&app, made.header("location")).await;
    assert!(page.text.contains("/oauth/callback/conn_") && page.text.contains("Created."), "{}", page.text);
    let path = made.header("location").split('?').next().unwrap().to_owned();
    let form = owner.get(&app, &format!("{path}/edit")).await;
    assert!(form.text.contains("stored; leave empty to keep it"));
    assert!(!form.text.contains("a client secret"));
    let changed = [("name", "notes two"), ("client_id", "app"), ("scope", "notes.read")];
    let answer = owner.post(&app, &format!("{path}/edit"), &changed).await;
    assert_eq!(answer.status, 303, "{answer:?}");
    let view = app.fixture.engine.get_connection(&app.fixture.caller, "notes two").await.unwrap();
    assert!(!view.connection.enabled && view.connection.client_secret.is_some());
    let taken =
        owner.post(&app, "/dashboard/connections/new", &[("connector", "acme"), ("name", "notes two")]).await;
    assert_eq!(taken.status, 409, "{taken:?}");
}

/// When a client secret ends is set, kept, and forgotten with the secret.
#[tokio::test]
async fn end_of_a_client_secret_set_by_the_form() {
    let app = App::start().await;
    let owner = owner(&app).await;
    let end = async || {
        let view = app.fixture.engine.get_connection(&app.fixture.caller, "notes").await.unwrap();
        view.connection.client_secret_expires_at.map(|end| end.to_string())
    };
    let with = |further: &[(&'static str, &'static str)]| {
        let fields =
            [("connector", "acme"), ("name", "notes"), ("client_id", "app"), ("scope", "notes.read")];
        [&fields[..], further].concat()
    };
    let unfit = with(&[("client_secret", "one"), ("secret_ends", "next year")]);
    let again = owner.post(&app, "/dashboard/connections/new", &unfit).await;
    assert_eq!(again.status, 400, "{again:?}");
    assert!(again.text.contains("is not a day such as 2027-01-31"), "{}", again.text);
    let new = with(&[("client_secret", "one"), ("secret_ends", "2027-01-31")]);
    let made = owner.post(&app, "/dashboard/connections/new", &new).await;
    assert_eq!(made.status, 303, "{made:?}");
    assert_eq!(end().await.as_deref(), Some("2027-01-31 0:00:00.0 +00:00:00"));
    let path = made.header("location").split('?').next().unwrap().to_owned();
    assert!(owner.get(&app, &path).await.text.contains("ends 2027-01-31"));
    let form = format!("{path}/edit");
    assert!(owner.get(&app, &form).await.text.contains("value=\"2027-01-31\""));
    for (secret, day, told) in [
        ("", "2027-01-31", Some("2027-01-31 0:00:00.0 +00:00:00")),
        // The field shows the end of the old secret and was not touched.
        ("two", "2027-01-31", None),
        ("three", "2028-02-29", Some("2028-02-29 0:00:00.0 +00:00:00")),
        ("", "", None),
    ] {
        let fields = with(&[("client_secret", secret), ("secret_ends", day)]);
        let answer = owner.post(&app, &form, &fields).await;
        assert_eq!(answer.status, 303, "{answer:?}");
        assert_eq!(end().await.as_deref(), told, "{secret:?} {day:?}");
    }
}

/// API clients and users: a secret is shown once, and what is taken away works no more.
#[tokio::test]
async fn clients_and_users_managed() {
    let app = App::start().await;
    let owner = owner(&app).await;
    let fields =
        [("name", "agents"), ("permission", "agent_connectors:execute"), ("permission", "agent_logs:read")];
    let created = owner.post(&app, "/dashboard/settings/clients", &fields).await;
    assert!(created.text.contains("value=\"vks_"), "{}", created.text);
    let id = created.text.split("value=\"vkc_").nth(1).unwrap().split('"').next().unwrap();
    let client = format!("vkc_{id}");
    let token = owner.post(&app, "/dashboard/settings/tokens", &[("name", "t"), ("client", &client)]).await;
    let secret = token.text.split("value=\"vk_").nth(1).unwrap().split('"').next().unwrap();
    let secret = format!("vk_{secret}");
    let call = async || app.call_as(&secret, Method::GET, "/v1/connect/executions", &json!(null)).await;
    assert_eq!(call().await.status, 200);
    let list = owner.get(&app, "/dashboard/settings/clients").await;
    assert!(!list.text.contains(&secret));
    let disabled = owner.post(&app, &format!("/dashboard/settings/clients/{client}/disable"), &[]).await;
    assert_eq!(disabled.status, 303);
    assert_eq!(call().await.status, 401);
    let invited = owner.post(&app, "/dashboard/settings/users", &[("role", "operator")]).await;
    assert!(invited.text.contains("/dashboard/welcome/"));
    let users = owner.get(&app, "/dashboard/settings/users").await;
    assert!(users.text.contains("Withdraw"));
    let own = users.text.split("/settings/users/us_").nth(1).unwrap().split('"').next().unwrap();
    let last = owner.post(&app, &format!("/dashboard/settings/users/us_{own}"), &[("role", "viewer")]).await;
    assert_eq!(last.status, 409);
    assert!(last.text.contains("last_owner"));
}

/// Behind a path prefix every address of a page stays below it.
#[tokio::test]
async fn pages_behind_a_prefix_stay_below_it() {
    let prefixed = |settings: &mut valetkey_engine::EngineSettings| {
        settings.public_url = "https://valetkey.example/connect-service".parse().unwrap();
    };
    let app = App::with(prefixed, |_| {}).await;
    let cookie = {
        let link = app.fixture.engine.setup_link().await.unwrap().unwrap();
        let path = link.url.path().strip_prefix("/connect-service").unwrap().to_owned();
        let form = [("name", "O"), ("email", "o@example.com"), ("password", PASSWORD), ("again", PASSWORD)];
        let answer = send(&app, Method::POST, &path, &[(header::ORIGIN, &origin(&app))], &form).await;
        assert_eq!(answer.header("location"), "/connect-service/dashboard");
        cookie_of(&answer)
    };
    for page in PAGES {
        let answer = send(&app, Method::GET, page, &[(header::COOKIE, &cookie)], &[]).await;
        assert_eq!(answer.status, 200, "{page}: {answer:?}");
        for attribute in ["href=\"/", "action=\"/", "src=\"/"] {
            for rest in answer.text.split(attribute).skip(1) {
                assert!(
                    rest.starts_with("connect-service/"),
                    "{page}: {attribute}{}",
                    &rest[..40.min(rest.len())]
                );
            }
        }
    }
}
