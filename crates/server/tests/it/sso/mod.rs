//! Signing in at the dashboard through an identity provider.

mod double;

use axum::body::Body;
use http::{Method, Request, header};
use pretty_assertions::assert_eq;
use serde_json::json;
use url::Url;
use valetkey_domain::{Role, Store as _};
use valetkey_engine::{NewUser, SsoSettings, UserUpdate};
use valetkey_upstream::http::{Egress, EgressSettings};

use crate::app::{Answer, App};
use double::{CLIENT_ID, CLIENT_SECRET, Double};

const TICKET: &str = "__Host-valetkey_sso";
const SESSION: &str = "__Host-valetkey_session";

fn settings(double: &Double) -> SsoSettings {
    let egress = EgressSettings { allow_private: true, ..EgressSettings::default() };
    SsoSettings {
        client_secret: Some(CLIENT_SECRET.to_owned().into()),
        ..SsoSettings::new(&double.issuer, CLIENT_ID, Egress::new(egress).unwrap())
    }
}

struct House {
    app: App,
    double: Double,
}

impl House {
    async fn start(change: impl FnOnce(&mut SsoSettings)) -> Self {
        let double = Double::start(0).await;
        let mut sso = settings(&double);
        change(&mut sso);
        let app = App::with(|settings| settings.sso = Some(sso), |_| {}).await;
        let now = app.fixture.now().unix_timestamp();
        double.change(|world| world.now = now);
        Self { app, double }
    }

    async fn get(&self, path: &str, cookie: &str) -> Answer {
        let request = Request::builder().method(Method::GET).uri(path).header(header::COOKIE, cookie);
        self.app.send(request.body(Body::empty()).unwrap()).await
    }

    /// Somebody whom an owner has let in.
    async fn add(&self, email: &str, role: Role) {
        let new = NewUser { email: email.to_owned(), name: String::new(), role };
        self.app.fixture.engine.add_user(&self.app.fixture.caller, new).await.unwrap();
    }

    /// Begins a sign-in: where the browser goes, and its cookie.
    async fn begin(&self) -> (Url, String) {
        let answer = self.get("/dashboard/sso?next=%2Faccounts%3Fq%3Da", "").await;
        assert_eq!(answer.status, 303, "{answer:?}");
        (answer.header("location").parse().unwrap(), cookie(&answer, TICKET).unwrap())
    }

    /// The provider's answer, brought back with the cookie.
    async fn come_back(&self, query: &[(String, String)], cookie: &str) -> Answer {
        let query: String = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
        self.get(&format!("/dashboard/sso/callback?{query}"), cookie).await
    }

    /// The whole way.
    async fn sign_in(&self) -> Answer {
        let (url, cookie) = self.begin().await;
        let query = self.double.consent(&url);
        self.come_back(&query, &cookie).await
    }

    #[track_caller]
    fn refused(answer: &Answer, code: &str) {
        assert!(answer.text.contains(code), "{code}: {answer:?}");
        assert!(answer.status.is_client_error() || answer.status.is_server_error(), "{answer:?}");
        assert_eq!(cookie(answer, SESSION), None, "{code}");
        for secret in [CLIENT_SECRET, "access-token-canary"] {
            assert!(!answer.text.contains(secret));
        }
    }
}

/// `name=value` of a cookie that an answer sets; nothing if it sets none or takes it away.
fn cookie(answer: &Answer, name: &str) -> Option<String> {
    let set = answer.headers.get_all(header::SET_COOKIE).iter().map(|value| value.to_str().unwrap());
    let pairs = set.filter_map(|value| value.split(';').next());
    let mut own = pairs.filter(|pair| pair.starts_with(&format!("{name}=")) && !pair.ends_with('='));
    own.next().map(str::to_owned)
}

/// S44: the first sign-in is matched by the verified address and linked; after that issuer and subject decide, whatever
/// becomes of the address. The way to the provider is bound to the browser by a strict cookie, and ends in a session and
/// at the page that was wanted.
#[tokio::test]
async fn person_who_was_added_comes_in_and_is_known_by_the_subject_from_then_on() {
    let house = House::start(|_| {}).await;
    house.add("Ada@Example.com", Role::Operator).await;
    let login = house.get("/dashboard/login?next=%2Faccounts", "").await;
    assert!(login.text.contains("href=\"/dashboard/sso?next=%2Faccounts\""), "{}", login.text);

    let begun = house.get("/dashboard/sso", "").await;
    let set = begun.header("set-cookie");
    assert!(set.starts_with(&format!("{TICKET}=")), "{set}");
    for flag in ["; Path=/", "; HttpOnly", "; SameSite=Lax", "; Secure", "; Max-Age=600"] {
        assert!(set.contains(flag), "{set}");
    }

    let answer = house.sign_in().await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("location")),
        (303, "/dashboard/accounts?q=a"),
        "{answer:?}"
    );
    let session = cookie(&answer, SESSION).unwrap();
    let page = house.get("/dashboard", &session).await;
    assert!(page.status == 200 && page.text.contains("Ada"), "{page:?}");

    // The address now belongs to somebody else, who is not let in by it; the person keeps their user.
    house.double.change(|world| world.claims["email"] = json!("ada.new@example.com"));
    assert_eq!(house.sign_in().await.status, 303);
    house.double.change(|world| {
        world.claims = json!({ "sub": "sub-other", "email": "ada@example.com", "email_verified": true })
    });
    House::refused(&house.sign_in().await, "sso_identity_taken");
    let store = &house.app.fixture.store;
    assert_eq!(store.users().await.unwrap().len(), 1);

    // An owner may unlink it.
    let user = store.user_by_email("ada@example.com").await.unwrap().unwrap();
    assert_eq!((user.name.as_str(), user.role), ("Ada", Role::Operator));
    let update = UserUpdate { unlink: true, ..UserUpdate::default() };
    house.app.fixture.engine.update_user(&house.app.fixture.caller, user.id.as_str(), update).await.unwrap();
    assert_eq!(house.get("/dashboard", &session).await.status, 303, "their sessions ended");
    assert_eq!(house.sign_in().await.status, 303);
}

/// S44: a session that began at the provider comes back to it within the time that is set, however busy it is: who was
/// disabled there meanwhile does not come in again. One that began with a password goes on.
#[tokio::test]
async fn session_of_the_provider_ends_and_is_asked_for_anew() {
    let house = House::start(|sso| sso.session_life = std::time::Duration::from_secs(1800)).await;
    let other = crate::dashboard::owner(&house.app).await;
    house.add("ada@example.com", Role::Operator).await;
    let session = cookie(&house.sign_in().await, SESSION).unwrap();
    for _ in 0..2 {
        house.app.fixture.clock.advance(time::Duration::minutes(14));
        assert_eq!(house.get("/dashboard", &session).await.status, 200);
    }
    house.app.fixture.clock.advance(time::Duration::minutes(2));
    let ended = house.get("/dashboard/accounts?q=a", &session).await;
    assert_eq!(
        (ended.status.as_u16(), ended.header("location")),
        (303, "/dashboard/login?next=%2Faccounts%3Fq%3Da"),
        "{ended:?}"
    );
    assert_eq!(house.get("/dashboard", &other.cookie).await.status, 200);
}

/// Who may come in: people who were added, with a verified address of an allowed domain, and no others.
#[tokio::test]
async fn people_who_were_not_let_in_stay_out() {
    let house = House::start(|sso| sso.domains = vec!["example.com".to_owned()]).await;
    House::refused(&house.sign_in().await, "sso_not_invited");
    house.double.change(|world| world.claims["email"] = json!("ada@elsewhere.example"));
    House::refused(&house.sign_in().await, "sso_domain_refused");
    house.double.change(|world| world.claims["email"] = json!("ada@example.com.evil.example"));
    House::refused(&house.sign_in().await, "sso_domain_refused");
    house.add("ada@example.com", Role::Viewer).await;
    house.double.change(|world| {
        world.claims["email"] = json!("ada@example.com");
        world.claims["email_verified"] = json!(false);
    });
    House::refused(&house.sign_in().await, "sso_email_unverified");
    // Some providers write it as text, and leave the address to userinfo.
    house.double.change(|world| {
        world.claims = json!({ "sub": "sub-ada" });
        world.userinfo = json!({ "email": "ada@example.com", "email_verified": "true" });
    });
    assert_eq!(house.sign_in().await.status, 303);
    // Userinfo of somebody else is not theirs.
    house.double.change(|world| {
        world.claims = json!({ "sub": "sub-mallory" });
        world.userinfo["sub"] = json!("sub-ada");
    });
    House::refused(&house.sign_in().await, "sso_token_invalid");
    // Disabled: the link stays, the way in does not.
    house.double.change(|world| {
        world.claims = json!({ "sub": "sub-ada" });
    });
    let engine = &house.app.fixture.engine;
    let user = house.app.fixture.store.user_by_email("ada@example.com").await.unwrap().unwrap();
    let disable = UserUpdate { enabled: Some(false), ..UserUpdate::default() };
    engine.update_user(&house.app.fixture.caller, user.id.as_str(), disable).await.unwrap();
    House::refused(&house.sign_in().await, "sso_not_invited");
}

/// Groups at the provider say what a person may do, at every sign-in anew; the last owner stays one.
#[tokio::test]
async fn groups_make_users_and_decide_their_role() {
    let house = House::start(|sso| {
        sso.role_claim = Some("groups".to_owned());
        sso.roles = [("ops".to_owned(), Role::Operator), ("chiefs".to_owned(), Role::Owner)].into();
    })
    .await;
    let role = async || {
        let user = house.app.fixture.store.user_by_email("ada@example.com").await.unwrap();
        user.map(|user| user.role)
    };
    house.double.change(|world| world.claims["groups"] = json!(["staff"]));
    House::refused(&house.sign_in().await, "sso_not_invited");
    house.double.change(|world| world.claims["groups"] = json!(["staff", "ops", "chiefs"]));
    assert_eq!(house.sign_in().await.status, 303);
    assert_eq!(role().await, Some(Role::Owner));
    house.double.change(|world| world.claims["groups"] = json!("ops"));
    assert_eq!(house.sign_in().await.status, 303);
    assert_eq!(role().await, Some(Role::Owner), "the last owner");
    // Another owner who has never come in might never be able to.
    house.add("boss@example.com", Role::Owner).await;
    assert_eq!(house.sign_in().await.status, 303);
    assert_eq!(role().await, Some(Role::Owner));
    let ada = json!({ "sub": "sub-ada", "groups": ["ops"] });
    house.double.change(|world| {
        world.claims = json!({ "sub": "sub-boss", "email": "boss@example.com", "email_verified": true });
    });
    assert_eq!(house.sign_in().await.status, 303);
    house.double.change(|world| world.claims = ada);
    assert_eq!(house.sign_in().await.status, 303);
    assert_eq!(role().await, Some(Role::Operator));
}

/// S44: an answer counts only in the browser that began the sign-in, once, for ten minutes, and if it names the provider
/// that was asked.
#[tokio::test]
async fn answers_of_another_browser_time_or_provider_are_refused() {
    let house = House::start(|_| {}).await;
    house.add("ada@example.com", Role::Viewer).await;
    let (url, ticket) = house.begin().await;
    let (other_url, other) = house.begin().await;
    let query = house.double.consent(&url);
    for wrong in ["", other.as_str(), "__Host-valetkey_sso=1.2.3"] {
        House::refused(&house.come_back(&query, wrong).await, "sso_state_lost");
    }
    let mut foreign = query.clone();
    foreign[2].1 = "https://evil.example".to_owned();
    House::refused(&house.come_back(&foreign, &ticket).await, "sso_token_invalid");
    House::refused(&house.come_back(&query[..2], &ticket).await, "sso_token_invalid");
    // A code of another sign-in does not go with this one's verifier (RFC 7636).
    let mut injected = house.double.consent(&other_url);
    injected[1] = query[1].clone();
    House::refused(&house.come_back(&injected, &ticket).await, "sso_code_refused");
    let answer = house.come_back(&query, &ticket).await;
    assert_eq!(answer.status, 303, "{answer:?}");
    assert!(
        answer
            .headers
            .get_all("set-cookie")
            .iter()
            .any(|it| it.to_str().unwrap().starts_with(&format!("{TICKET}=;")))
    );
    House::refused(&house.come_back(&query, &ticket).await, "sso_code_refused");

    let (url, ticket) = house.begin().await;
    let query = house.double.consent(&url);
    house.app.fixture.clock.advance(time::Duration::minutes(10) + time::Duration::seconds(1));
    House::refused(&house.come_back(&query, &ticket).await, "sso_state_lost");

    let (url, ticket) = house.begin().await;
    let state = house.double.consent(&url).remove(1);
    let iss = ("iss".to_owned(), house.double.issuer.clone());
    for (error, code) in [
        ("access_denied", "sso_refused"),
        ("<b>x</b>", "sso_refused"),
        ("unauthorized_client", "sso_client_refused"),
        ("temporarily_unavailable", "sso_unavailable"),
    ] {
        let query = [("error".to_owned(), error.to_owned()), state.clone(), iss.clone()];
        let answer = house.come_back(&query, &ticket).await;
        House::refused(&answer, code);
        assert!(!answer.text.contains("<b>x"), "{}", answer.text);
    }
}

/// A token counts only if it was made for this sign-in at this server, by the provider's published key, and now.
#[tokio::test]
async fn tokens_that_are_not_right_in_every_claim_are_refused() {
    let house = House::start(|_| {}).await;
    house.add("ada@example.com", Role::Viewer).await;
    let now = house.app.fixture.now().unix_timestamp();
    for (wrong, code) in [
        (json!({ "aud": "another-client" }), "sso_token_invalid"),
        (json!({ "aud": [CLIENT_ID, "another-client"] }), "sso_token_invalid"),
        (json!({ "iss": "https://evil.example" }), "sso_token_invalid"),
        (json!({ "nonce": "of another sign-in" }), "sso_token_invalid"),
        (json!({ "nonce": null }), "sso_token_invalid"),
        (json!({ "at_hash": "AAAAAAAAAAAAAAAAAAAAAA" }), "sso_token_invalid"),
        (json!({ "exp": now - 61 }), "sso_clock_skew"),
        (json!({ "iat": now + 61 }), "sso_clock_skew"),
    ] {
        house.double.change(|world| world.wrong = wrong.clone());
        let answer = house.sign_in().await;
        assert!(answer.text.contains(code), "{wrong}: {answer:?}");
        House::refused(&answer, code);
    }
    house.double.change(|world| world.wrong = json!({ "exp": now - 30, "iat": now + 30 }));
    assert_eq!(house.sign_in().await.status, 303, "a little skew is no matter");
    // Keys that the provider has changed since are read again, once.
    let read = house.double.discoveries();
    house.double.rotate();
    assert_eq!(house.sign_in().await.status, 303);
    assert_eq!(house.double.discoveries(), read + 1);
}

/// Each failure of the provider has a code of its own, with what to do about it.
#[tokio::test]
async fn provider_that_does_not_answer_or_refuses_us_is_told_apart() {
    let house = House::start(|_| {}).await;
    house.add("ada@example.com", Role::Viewer).await;
    house.double.change(|world| world.document = json!({ "issuer": "https://elsewhere.example" }));
    House::refused(&house.get("/dashboard/sso", "").await, "sso_provider_invalid");
    house.double.change(|world| world.document = json!({ "jwks_uri": null }));
    House::refused(&house.get("/dashboard/sso", "").await, "sso_provider_invalid");
    house.double.change(|world| world.document = json!({}));
    for (status, error, code) in [
        (401, "invalid_client", "sso_client_refused"),
        (400, "invalid_grant", "sso_code_refused"),
        (400, "invalid_request", "sso_refused"),
    ] {
        house.double.change(|world| world.refusal = Some((status, json!({ "error": error }))));
        House::refused(&house.sign_in().await, code);
    }
    let issuer = house.double.issuer.clone();
    let gone = Double::start(0).await.issuer.clone();
    let egress = || Egress::new(EgressSettings { allow_private: true, ..EgressSettings::default() }).unwrap();
    let to = async |sso: SsoSettings| {
        let app = App::with(|settings| settings.sso = Some(sso), |_| {}).await;
        let request = Request::builder().uri("/dashboard/sso").body(Body::empty()).unwrap();
        app.send(request).await
    };
    House::refused(&to(SsoSettings::new(&gone, CLIENT_ID, egress())).await, "sso_unavailable");
    // S47: an issuer on a private address has to be allowed.
    let guarded = Egress::new(EgressSettings::default()).unwrap();
    House::refused(&to(SsoSettings::new(&issuer, CLIENT_ID, guarded)).await, "sso_unavailable");
    let app = App::start().await;
    let request = Request::builder().uri("/dashboard/sso").body(Body::empty()).unwrap();
    House::refused(&app.send(request).await, "sso_not_configured");
}

/// With `sso_require` no password and no link lets anybody in, but for the setup link of a server without users.
#[tokio::test]
async fn passwords_switched_off_leave_the_setup_link() {
    let house = House::start(|sso| sso.require = true).await;
    let engine = &house.app.fixture.engine;
    let login = house.get("/dashboard/login", "").await;
    assert!(login.text.contains("/dashboard/sso\"") && !login.text.contains("type=\"password\""));
    let link = engine.setup_link().await.unwrap().unwrap();
    assert_eq!(house.get(link.url.path(), "").await.status, 200);
    let token = link.url.path_segments().unwrap().next_back().unwrap();
    let password = "a calm and sunny morning";
    let new = valetkey_engine::NewPassword {
        email: "ada@example.com".into(),
        name: "Ada".into(),
        password: password.to_owned().into(),
    };
    engine.accept_invitation(token, new).await.unwrap();
    let refused = engine.log_in("ada@example.com", &password.to_owned().into(), "", None).await.unwrap_err();
    assert_eq!(refused.code().as_str(), "password_login_off");
    let refused = engine.invite_user(&house.app.fixture.caller, Role::Owner).await.unwrap_err();
    assert_eq!(refused.code().as_str(), "password_login_off");
    // The owner is the same person at the provider.
    assert_eq!(house.sign_in().await.status, 303);
}

/// Signing out ends our session and shows the way to end the provider's.
#[tokio::test]
async fn signing_out_ends_the_session_and_leads_to_the_provider() {
    let house = House::start(|_| {}).await;
    house.add("ada@example.com", Role::Viewer).await;
    let session = cookie(&house.sign_in().await, SESSION).unwrap();
    let page = house.get("/dashboard", &session).await;
    let token = crate::browser::form_token(&page.text);
    let origin = house.app.fixture.engine.settings().public_url.origin().ascii_serialization();
    let request = Request::builder()
        .method(Method::POST)
        .uri("/dashboard/logout")
        .header(header::COOKIE, &session)
        .header(header::ORIGIN, origin)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(format!("form_token={token}")));
    let answer = house.app.send(request.unwrap()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let end = format!("href=\"{}/end?", house.double.issuer);
    assert!(answer.text.contains(&end), "{}", answer.text);
    assert!(answer.text.contains("post_logout_redirect_uri="), "{}", answer.text);
    assert_eq!(house.get("/dashboard", &session).await.status, 303);
}

/// S43: an address with many wrong links and answers waits; so it is behind a proxy, by what the proxy says.
#[tokio::test]
async fn wrong_links_from_one_address_are_limited_and_others_are_not() {
    let app = App::with(|_| {}, |options| options.behind_proxy = true).await;
    let ask = async |path: &str, from: &str| {
        let request = Request::builder().uri(path).header("x-forwarded-for", format!("10.9.9.9, {from}"));
        app.send(request.body(Body::empty()).unwrap()).await
    };
    for n in 0..30 {
        let answer = ask(&format!("/dashboard/welcome/guess-{n}"), "203.0.113.7").await;
        assert_eq!(answer.status, 404, "{n}: {answer:?}");
    }
    let answer = ask("/dashboard/welcome/guess", "203.0.113.7").await;
    assert_eq!(answer.status, 429, "{answer:?}");
    assert!(answer.text.contains("login_too_often"), "{}", answer.text);
    assert_eq!(ask("/dashboard/sso/callback?state=x", "203.0.113.7").await.status, 429);
    assert_eq!(ask("/dashboard/welcome/guess", "203.0.113.8").await.status, 404);
    app.fixture.clock.advance(time::Duration::seconds(10));
    assert_eq!(ask("/dashboard/welcome/guess", "203.0.113.7").await.status, 404);
}
