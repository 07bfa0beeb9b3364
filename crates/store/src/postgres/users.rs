//! People who use the dashboard: users, invitations, sessions.

use valetkey_domain::{
    Invitation, InvitationId, Role, Session, SessionId, StoreError, Time, User, UserId, user::SsoIdentity,
};

use super::{
    row::{Columns, Conflicts, Record, count, micros, optional_micros, values},
    statement::{Query, Write},
};

const USERS: &str = "users";
const USER_CONFLICTS: Conflicts =
    Conflicts { table: USERS, record: "user", unique: "user.email", reference: "user" };
const INVITATIONS: &str = "invitations";
const INVITATION_CONFLICTS: Conflicts = Conflicts {
    table: INVITATIONS,
    record: "invitation",
    unique: "invitation",
    reference: "invitation.user",
};
const SESSIONS: &str = "sessions";
const SESSION_CONFLICTS: Conflicts =
    Conflicts { table: SESSIONS, record: "session", unique: "session", reference: "session.user" };

impl Record for User {
    const TABLE: &'static str = USERS;
    const COLUMNS: &'static str = "id, email, name, role, password_hash, sso_issuer, sso_subject, version, \
        created_at, disabled_at";

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: columns.id("id")?,
            email: columns.text("email")?,
            name: columns.text("name")?,
            role: columns.word("role", Role::parse)?,
            password_hash: columns.optional_text("password_hash")?,
            sso: match (columns.optional_text("sso_issuer")?, columns.optional_text("sso_subject")?) {
                (Some(issuer), Some(subject)) => Some(SsoIdentity { issuer, subject }),
                _ => None,
            },
            version: columns.number("version")?,
            created_at: columns.time("created_at")?,
            disabled_at: columns.optional_time("disabled_at")?,
        })
    }
}

impl Record for Invitation {
    const TABLE: &'static str = INVITATIONS;
    const COLUMNS: &'static str = "id, link_hash, role, member, created_by, created_at, expires_at, used_at";

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: columns.id("id")?,
            link_hash: columns.hash("link_hash")?,
            role: columns.word("role", Role::parse)?,
            user: columns.optional_id("member")?,
            created_by: columns.text("created_by")?,
            created_at: columns.time("created_at")?,
            expires_at: columns.time("expires_at")?,
            used_at: columns.optional_time("used_at")?,
        })
    }
}

impl Record for Session {
    const TABLE: &'static str = SESSIONS;
    const COLUMNS: &'static str = "id, member, token_hash, browser, created_at, seen_at, expires_at";

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: columns.id("id")?,
            user: columns.id("member")?,
            token_hash: columns.hash("token_hash")?,
            browser: columns.text("browser")?,
            created_at: columns.time("created_at")?,
            seen_at: columns.time("seen_at")?,
            expires_at: columns.time("expires_at")?,
        })
    }
}

fn write_user(sql: &'static str, it: &User) -> Result<Write, StoreError> {
    let values = values![
        it.id.as_str(),
        &it.email,
        &it.name,
        it.role.as_str(),
        &it.password_hash,
        it.sso.as_ref().map(|sso| sso.issuer.as_str()),
        it.sso.as_ref().map(|sso| sso.subject.as_str()),
        count(it.version, USERS, "version")?,
        micros(it.created_at),
        optional_micros(it.disabled_at),
    ];
    Ok(Write::one(sql, USER_CONFLICTS, values))
}

pub(super) fn insert(user: &User) -> Result<Write, StoreError> {
    let sql = "INSERT INTO users (id, email, name, role, password_hash, sso_issuer, sso_subject, version,
            created_at, disabled_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    write_user(sql, user)
}

pub(super) fn update(user: &User) -> Result<Write, StoreError> {
    let sql = "UPDATE users SET email = $2, name = $3, role = $4, password_hash = $5, sso_issuer = $6,
            sso_subject = $7, version = $8, created_at = $9, disabled_at = $10
        WHERE id = $1 AND version = $8 - 1";
    write_user(sql, user)
}

pub(super) fn by_id(id: &UserId) -> Query<User> {
    Query::new("id = $1", values![id.as_str()])
}

pub(super) fn by_email(email: &str) -> Query<User> {
    Query::new("email = $1", values![email])
}

pub(super) fn by_sso(sso: &SsoIdentity) -> Query<User> {
    Query::new("sso_issuer = $1 AND sso_subject = $2", values![&sso.issuer, &sso.subject])
}

pub(super) fn users() -> Query<User> {
    Query::new("true ORDER BY id", values![])
}

pub(super) fn insert_invitation(it: &Invitation) -> Write {
    let sql =
        "INSERT INTO invitations (id, link_hash, role, member, created_by, created_at, expires_at, used_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    let values = values![
        it.id.as_str(),
        &it.link_hash,
        it.role.as_str(),
        it.user.as_ref().map(UserId::as_str),
        &it.created_by,
        micros(it.created_at),
        micros(it.expires_at),
        optional_micros(it.used_at),
    ];
    Write::one(sql, INVITATION_CONFLICTS, values)
}

pub(super) fn use_invitation(id: &InvitationId, at: Time) -> Write {
    let sql = "UPDATE invitations SET used_at = $2 WHERE id = $1 AND used_at IS NULL";
    Write::one(sql, INVITATION_CONFLICTS, values![id.as_str(), micros(at)])
}

pub(super) fn delete_invitation(id: &InvitationId) -> Write {
    let sql = "DELETE FROM invitations WHERE id = $1";
    Write::any(sql, INVITATION_CONFLICTS, values![id.as_str()])
}

pub(super) fn invitation(hash: &[u8; 32]) -> Query<Invitation> {
    Query::new("link_hash = $1", values![hash])
}

pub(super) fn invitations() -> Query<Invitation> {
    Query::new("true ORDER BY id", values![])
}

pub(super) fn insert_session(it: &Session) -> Write {
    let sql = "INSERT INTO sessions (id, member, token_hash, browser, created_at, seen_at, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let values = values![
        it.id.as_str(),
        it.user.as_str(),
        &it.token_hash,
        &it.browser,
        micros(it.created_at),
        micros(it.seen_at),
        micros(it.expires_at),
    ];
    Write::one(sql, SESSION_CONFLICTS, values)
}

pub(super) fn touch_session(id: &SessionId, at: Time) -> Write {
    let sql = "UPDATE sessions SET seen_at = greatest(seen_at, $2) WHERE id = $1";
    Write::any(sql, SESSION_CONFLICTS, values![id.as_str(), micros(at)])
}

pub(super) fn delete_session(id: &SessionId) -> Write {
    Write::any("DELETE FROM sessions WHERE id = $1", SESSION_CONFLICTS, values![id.as_str()])
}

pub(super) fn delete_sessions(user: &UserId, except: Option<&SessionId>) -> Write {
    let sql = "DELETE FROM sessions WHERE member = $1 AND id IS DISTINCT FROM $2";
    Write::any(sql, SESSION_CONFLICTS, values![user.as_str(), except.map(SessionId::as_str)])
}

pub(super) fn session(hash: &[u8; 32]) -> Query<Session> {
    Query::new("token_hash = $1", values![hash])
}

pub(super) fn sessions(user: &UserId) -> Query<Session> {
    Query::new("member = $1 ORDER BY id", values![user.as_str()])
}
