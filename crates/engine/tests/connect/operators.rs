//! People who use the dashboard: how they come in, what their role lets them do, and how sessions end (S44); the record of
//! what they did (S57).

use time::Duration;
use url::Url;
use valetkey_domain::{
    Caller, ErrorCode, ExposeSecret, Permission, Role, SecretString, Store, User,
    audit::{AuditFilter, AuditOutcome},
};
use valetkey_engine::{InviteLink, LoggedIn, NewPassword, UserUpdate, Visitor};
use valetkey_testkit::engine_fixture::EngineFixture;

const PASSWORD: &str = "a calm and sunny morning";

fn token(link: &Url) -> &str {
    link.path_segments().unwrap().next_back().unwrap()
}

fn person(email: &str, password: &str) -> NewPassword {
    NewPassword { email: email.into(), name: "A Person".into(), password: password.to_owned().into() }
}

async fn accept(f: &EngineFixture, link: &InviteLink, email: &str) -> User {
    f.engine.accept_invitation(token(&link.url), person(email, PASSWORD)).await.unwrap()
}

async fn owner(f: &EngineFixture) -> User {
    let link = f.engine.setup_link().await.unwrap().unwrap();
    accept(f, &link, "owner@example.com").await
}

async fn log_in(f: &EngineFixture, email: &str, password: &str) -> Result<LoggedIn, valetkey_domain::Error> {
    f.engine.log_in(email, &password.to_owned().into(), "a browser", None).await
}

async fn visitor(f: &EngineFixture, token: &SecretString) -> Option<Visitor> {
    f.engine.visitor(token, None).await.unwrap()
}

async fn as_visitor(f: &EngineFixture, email: &str) -> Visitor {
    let session = log_in(f, email, PASSWORD).await.unwrap();
    visitor(f, &session.token).await.unwrap()
}

fn code<T>(outcome: Result<T, valetkey_domain::Error>) -> ErrorCode {
    outcome.err().unwrap().code()
}

/// S44: the setup link is stored as a hash, works once, and no second server's link makes a second first owner.
#[tokio::test]
async fn setup_link_makes_the_first_owner_once() {
    let f = EngineFixture::start().await;
    let link = f.engine.setup_link().await.unwrap().unwrap();
    let other = f.engine.setup_link().await.unwrap().unwrap();
    assert!(link.url.as_str().starts_with("https://"));
    let secret = token(&link.url).to_owned();
    assert!(!f.written().windows(secret.len()).any(|window| window == secret.as_bytes()));
    assert_eq!(f.engine.open_invitation(&secret).await.unwrap().role, Role::Owner);
    let unfit = f.engine.accept_invitation(&secret, person("owner@example.com", "short")).await.unwrap_err();
    assert_eq!(unfit.details().fields[0].field, "password");
    let unfit = f.engine.accept_invitation(&secret, person("nobody", PASSWORD)).await.unwrap_err();
    assert_eq!(unfit.details().fields[0].field, "email");
    let user = accept(&f, &link, " Owner@Example.com ").await;
    assert_eq!((user.email.as_str(), user.role), ("owner@example.com", Role::Owner));
    for used in [&link, &other] {
        let again = f.engine.accept_invitation(token(&used.url), person("b@example.com", PASSWORD)).await;
        assert_eq!(code(again), ErrorCode::InvitationInvalid);
        assert_eq!(code(f.engine.open_invitation(token(&used.url)).await), ErrorCode::InvitationInvalid);
    }
    assert!(f.engine.setup_link().await.unwrap().is_none());
}

/// S44: links end after a day.
#[tokio::test]
async fn invitation_expired_or_withdrawn_is_invalid() {
    let f = EngineFixture::start().await;
    owner(&f).await;
    let me = as_visitor(&f, "owner@example.com").await.caller;
    let late = f.engine.invite_user(&me, Role::Viewer).await.unwrap();
    f.clock.advance(Duration::hours(24));
    assert_eq!(code(f.engine.open_invitation(token(&late.url)).await), ErrorCode::InvitationInvalid);
    let withdrawn = f.engine.invite_user(&me, Role::Viewer).await.unwrap();
    let open = f.engine.list_invitations(&me).await.unwrap();
    assert_eq!(open.len(), 1);
    f.engine.withdraw_invitation(&me, open[0].id.as_str()).await.unwrap();
    assert_eq!(code(f.engine.open_invitation(token(&withdrawn.url)).await), ErrorCode::InvitationInvalid);
}

/// S44: a wrong address and a wrong password are one answer; a disabled user is nobody.
#[tokio::test]
async fn login_wrong_in_any_way_is_the_same_refusal() {
    let f = EngineFixture::start().await;
    owner(&f).await;
    let me = as_visitor(&f, "owner@example.com").await.caller;
    let link = f.engine.invite_user(&me, Role::Viewer).await.unwrap();
    let viewer = accept(&f, &link, "viewer@example.com").await;
    let session = log_in(&f, "VIEWER@example.com", PASSWORD).await.unwrap();
    assert!(visitor(&f, &session.token).await.is_some());
    f.engine
        .update_user(&me, viewer.id.as_str(), UserUpdate { enabled: Some(false), ..UserUpdate::default() })
        .await
        .unwrap();
    assert!(visitor(&f, &session.token).await.is_none());
    let refusals = [
        log_in(&f, "viewer@example.com", PASSWORD).await,
        log_in(&f, "owner@example.com", "a calm and rainy morning").await,
        log_in(&f, "nobody@example.com", PASSWORD).await,
        log_in(&f, "", "").await,
    ];
    for refusal in refusals {
        let refusal = refusal.unwrap_err();
        assert_eq!(refusal.code(), ErrorCode::LoginRefused);
        assert!(refusal.details().fields.is_empty());
    }
}

/// S43, S44: guessing has to wait, even with the right password, and others do not.
#[tokio::test]
async fn login_guessed_too_often_has_to_wait() {
    let f = EngineFixture::start().await;
    owner(&f).await;
    for _ in 0..5 {
        assert_eq!(code(log_in(&f, "owner@example.com", "guess").await), ErrorCode::LoginRefused);
    }
    let refused = log_in(&f, "Owner@example.com", PASSWORD).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::LoginTooOften);
    f.clock
        .advance(Duration::milliseconds(i64::try_from(refused.details().retry_after_ms.unwrap()).unwrap()));
    log_in(&f, "owner@example.com", PASSWORD).await.unwrap();
    log_in(&f, "owner@example.com", PASSWORD).await.unwrap();
}

/// S44: a session ends when it is not used for an hour, and after twelve hours whatever happens.
#[tokio::test]
async fn session_idle_or_old_ends() {
    let f = EngineFixture::start().await;
    owner(&f).await;
    let idle = log_in(&f, "owner@example.com", PASSWORD).await.unwrap();
    f.clock.advance(Duration::minutes(59));
    assert!(visitor(&f, &idle.token).await.is_some());
    f.clock.advance(Duration::minutes(60));
    assert!(visitor(&f, &idle.token).await.is_none());
    let busy = log_in(&f, "owner@example.com", PASSWORD).await.unwrap();
    for _ in 0..23 {
        f.clock.advance(Duration::minutes(30));
        assert!(visitor(&f, &busy.token).await.is_some());
    }
    f.clock.advance(Duration::minutes(30));
    assert!(visitor(&f, &busy.token).await.is_none());
    assert!(visitor(&f, &"unknown".to_owned().into()).await.is_none());
}

/// S44: the token of a session is stored as a hash and never printed; sessions are listed and ended.
#[tokio::test]
async fn sessions_listed_and_ended_from_another_one() {
    let f = EngineFixture::start().await;
    owner(&f).await;
    let first = log_in(&f, "owner@example.com", PASSWORD).await.unwrap();
    let second = log_in(&f, "owner@example.com", PASSWORD).await.unwrap();
    let third = log_in(&f, "owner@example.com", PASSWORD).await.unwrap();
    let secret = first.token.expose_secret().to_owned();
    assert!(!f.written().windows(secret.len()).any(|window| window == secret.as_bytes()));
    assert!(!format!("{first:?}").contains(&secret));
    let me = visitor(&f, &first.token).await.unwrap();
    let own = f.engine.own_sessions(&me).await.unwrap();
    assert_eq!(own.iter().map(|view| view.own).collect::<Vec<_>>(), [false, false, true]);
    f.engine.end_own_sessions(&me, Some(second.session.id.as_str())).await.unwrap();
    assert!(visitor(&f, &second.token).await.is_none() && visitor(&f, &third.token).await.is_some());
    f.engine.end_own_sessions(&me, None).await.unwrap();
    assert!(visitor(&f, &third.token).await.is_none());
    f.engine.log_out(&me).await.unwrap();
    assert!(visitor(&f, &first.token).await.is_none());
}

/// S44: another password ends every other session; the present one has to be known.
#[tokio::test]
async fn password_changed_ends_other_sessions() {
    let f = EngineFixture::start().await;
    let user = owner(&f).await;
    let other = log_in(&f, "owner@example.com", PASSWORD).await.unwrap();
    let me = as_visitor(&f, "owner@example.com").await;
    let (wrong, right): (SecretString, SecretString) =
        ("wrong".to_owned().into(), PASSWORD.to_owned().into());
    let new: SecretString = "another calm morning".to_owned().into();
    assert_eq!(code(f.engine.change_own_password(&me, &wrong, &new).await), ErrorCode::LoginRefused);
    f.engine.change_own_password(&me, &right, &new).await.unwrap();
    assert!(visitor(&f, &other.token).await.is_none());
    assert_eq!(code(log_in(&f, "owner@example.com", PASSWORD).await), ErrorCode::LoginRefused);
    let again = log_in(&f, "owner@example.com", new.expose_secret()).await.unwrap();
    // A link to set it anew, for whoever has forgotten it.
    let link = f.engine.reset_password_link(&me.caller, user.id.as_str()).await.unwrap();
    assert_eq!(
        f.engine.open_invitation(token(&link.url)).await.unwrap().email.as_deref(),
        Some("owner@example.com")
    );
    accept(&f, &link, "somebody-else@example.com").await;
    assert!(visitor(&f, &again.token).await.is_none());
    log_in(&f, "owner@example.com", PASSWORD).await.unwrap();
    assert_eq!(f.store.users().await.unwrap().len(), 1);
}

/// S41: a role is checked where every other caller is checked.
#[tokio::test]
async fn viewer_may_look_and_change_nothing() {
    let f = EngineFixture::start().await;
    owner(&f).await;
    let connection = f.connection("notes", "acme").await;
    let rules = as_visitor(&f, "owner@example.com").await.caller;
    let link = f.engine.invite_user(&rules, Role::Viewer).await.unwrap();
    accept(&f, &link, "viewer@example.com").await;
    let viewer = as_visitor(&f, "viewer@example.com").await.caller;
    f.engine.overview(&viewer).await.unwrap();
    f.engine.get_connection(&viewer, &connection.connection.name).await.unwrap();
    let denied = [
        f.engine.delete_connection(&viewer, "notes").await.map(drop),
        f.engine.invite_user(&viewer, Role::Owner).await.map(drop),
        f.engine.list_users(&viewer).await.map(drop),
        f.engine.list_audit(&viewer, &AuditFilter::default(), None, 10).await.map(drop),
        f.engine.list_api_clients(&viewer).await.map(drop),
        f.engine.keys_status(&viewer).await.map(drop),
    ];
    for outcome in denied {
        assert_eq!(code(outcome), ErrorCode::PermissionDenied);
    }
    assert!(!viewer.permissions.allows(Permission::CredentialsRead));
}

#[tokio::test]
async fn last_owner_stays_owner() {
    let f = EngineFixture::start().await;
    let user = owner(&f).await;
    let me = as_visitor(&f, "owner@example.com").await.caller;
    let demoted = UserUpdate { role: Some(Role::Viewer), ..UserUpdate::default() };
    let disabled = UserUpdate { enabled: Some(false), ..UserUpdate::default() };
    for update in [demoted, disabled] {
        assert_eq!(code(f.engine.update_user(&me, user.id.as_str(), update).await), ErrorCode::LastOwner);
    }
    let link = f.engine.invite_user(&me, Role::Owner).await.unwrap();
    accept(&f, &link, "second@example.com").await;
    let user = f.engine.update_user(&me, user.id.as_str(), demoted).await.unwrap();
    assert_eq!(user.role, Role::Viewer);
    let unknown = f.engine.update_user(&f.caller, "us_nobody", demoted).await;
    assert_eq!(code(unknown), ErrorCode::UserNotFound);
}

async fn verdict(f: &EngineFixture, caller: &Caller) -> Option<(u64, String)> {
    f.engine.verify_audit(caller).await.unwrap().broken
}

fn alter(f: &EngineFixture, sql: &str) {
    let path = f.data_dir().join("valetkey.db");
    let database = rusqlite::Connection::open(path).unwrap();
    database.busy_timeout(std::time::Duration::from_secs(10)).unwrap();
    assert!(database.execute(sql, []).unwrap() > 0, "{sql}");
}

/// S57: every act of a person is an entry with who and what; line breaks of anybody's making stay inside their field.
#[tokio::test]
async fn audit_tells_who_did_what() {
    let f = EngineFixture::start().await;
    let user = owner(&f).await;
    let me = as_visitor(&f, "owner@example.com").await.caller;
    let connection = f.engine.create_connection(&me, f.new_connection("odd", "acme")).await.unwrap();
    let _ = log_in(&f, "nobody\r\nadmin@example.com", "guess").await.unwrap_err();
    let page = f.engine.list_audit(&me, &AuditFilter::default(), None, 50).await.unwrap();
    let told: Vec<_> =
        page.entries.iter().map(|e| (e.entry.actor.as_str(), e.entry.action.as_str())).collect();
    let who = format!("user:{}", user.id);
    let expected = [
        ("nobody", "user.login"),
        (who.as_str(), "connection.created"),
        (&who, "user.login"),
        (&who, "user.created"),
    ];
    assert_eq!(told, expected);
    assert_eq!(page.entries[0].entry.outcome, AuditOutcome::Refused);
    assert_eq!(page.entries[1].entry.subject.as_deref(), Some(connection.connection.id.as_str()));
    assert!(page.entries.iter().all(|e| !String::from_utf8_lossy(&e.entry.content()).contains(['\r', '\n'])));
    let one = f.engine.list_audit(&me, &AuditFilter::default(), None, 1).await.unwrap();
    assert_eq!(one.next, Some(4));
    assert_eq!(verdict(&f, &me).await, None);
}

/// S57: an entry that was altered, removed, cut off at the end or put in between is found, and where.
#[tokio::test]
async fn audit_altered_in_any_way_is_found() {
    let breaks = [
        ("UPDATE audit SET actor = 'user:us_other' WHERE number = 2", 2),
        ("UPDATE audit SET at = at + 1 WHERE number = 3", 3),
        ("UPDATE audit SET data = '{}' WHERE number = 1", 1),
        ("DELETE FROM audit WHERE number = 2", 2),
        ("DELETE FROM audit WHERE number = 1", 1),
        ("DELETE FROM audit WHERE number >= 3", 3),
        ("DELETE FROM audit", 1),
        ("UPDATE audit SET number = number + 10 WHERE number >= 3", 3),
        ("UPDATE audit_head SET hash = zeroblob(32)", 4),
        ("DELETE FROM audit_head", 1),
    ];
    for (sql, place) in breaks {
        let f = EngineFixture::start().await;
        owner(&f).await;
        for _ in 0..3 {
            f.engine.invite_user(&f.caller, Role::Viewer).await.unwrap();
        }
        assert_eq!(verdict(&f, &f.caller).await, None);
        alter(&f, sql);
        let found = verdict(&f, &f.caller).await;
        assert_eq!(found.map(|(number, _)| number), Some(place), "{sql}");
    }
}
