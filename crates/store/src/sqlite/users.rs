//! People who use the dashboard: users, invitations, sessions.

use rusqlite::{Connection, named_params, params, types::ToSql};
use valetkey_domain::{
    Invitation, InvitationId, Role, Session, SessionId, StoreError, Time, User, UserId, user::SsoIdentity,
};

use super::row::{
    Columns, Conflicts, Record, all, count, execute, execute_one, micros, one, optional_micros,
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
            email: columns.get("email")?,
            name: columns.get("name")?,
            role: columns.word("role", Role::parse)?,
            password_hash: columns.get("password_hash")?,
            sso: match (columns.get("sso_issuer")?, columns.get("sso_subject")?) {
                (Some(issuer), Some(subject)) => Some(SsoIdentity { issuer, subject }),
                _ => None,
            },
            version: columns.count("version")?,
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
            link_hash: columns.get("link_hash")?,
            role: columns.word("role", Role::parse)?,
            user: columns.optional_id("member")?,
            created_by: columns.get("created_by")?,
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
            token_hash: columns.get("token_hash")?,
            browser: columns.get("browser")?,
            created_at: columns.time("created_at")?,
            seen_at: columns.time("seen_at")?,
            expires_at: columns.time("expires_at")?,
        })
    }
}

fn write_user(connection: &Connection, sql: &str, it: &User) -> Result<(), StoreError> {
    let values: &[(&str, &dyn ToSql)] = named_params! {
        ":id": it.id.as_str(),
        ":email": it.email,
        ":name": it.name,
        ":role": it.role.as_str(),
        ":password_hash": it.password_hash,
        ":sso_issuer": it.sso.as_ref().map(|sso| sso.issuer.as_str()),
        ":sso_subject": it.sso.as_ref().map(|sso| sso.subject.as_str()),
        ":version": count(it.version, USERS, "version")?,
        ":created_at": micros(it.created_at),
        ":disabled_at": optional_micros(it.disabled_at),
    };
    execute_one(connection, USER_CONFLICTS, sql, values)
}

pub(super) fn insert(connection: &Connection, user: &User) -> Result<(), StoreError> {
    let sql = "INSERT INTO users (id, email, name, role, password_hash, sso_issuer, sso_subject, version,
            created_at, disabled_at)
        VALUES (:id, :email, :name, :role, :password_hash, :sso_issuer, :sso_subject, :version, :created_at,
            :disabled_at)";
    write_user(connection, sql, user)
}

pub(super) fn update(connection: &Connection, user: &User) -> Result<(), StoreError> {
    let sql = "UPDATE users SET email = :email, name = :name, role = :role, password_hash = :password_hash,
            sso_issuer = :sso_issuer, sso_subject = :sso_subject, version = :version, created_at = :created_at,
            disabled_at = :disabled_at
        WHERE id = :id AND version = :version - 1";
    write_user(connection, sql, user)
}

pub(super) fn by_id(connection: &Connection, id: &UserId) -> Result<Option<User>, StoreError> {
    one(connection, "id = ?1", [id.as_str()])
}

pub(super) fn by_email(connection: &Connection, email: &str) -> Result<Option<User>, StoreError> {
    one(connection, "email = ?1", [email])
}

pub(super) fn by_sso(connection: &Connection, sso: &SsoIdentity) -> Result<Option<User>, StoreError> {
    one(connection, "sso_issuer = ?1 AND sso_subject = ?2", [&sso.issuer, &sso.subject])
}

pub(super) fn users(connection: &Connection) -> Result<Vec<User>, StoreError> {
    all(connection, "true ORDER BY id", [])
}

pub(super) fn insert_invitation(connection: &Connection, it: &Invitation) -> Result<(), StoreError> {
    let sql =
        "INSERT INTO invitations (id, link_hash, role, member, created_by, created_at, expires_at, used_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let values = params![
        it.id.as_str(),
        it.link_hash,
        it.role.as_str(),
        it.user.as_ref().map(UserId::as_str),
        it.created_by,
        micros(it.created_at),
        micros(it.expires_at),
        optional_micros(it.used_at),
    ];
    execute_one(connection, INVITATION_CONFLICTS, sql, values)
}

pub(super) fn use_invitation(connection: &Connection, id: &InvitationId, at: Time) -> Result<(), StoreError> {
    let sql = "UPDATE invitations SET used_at = ?2 WHERE id = ?1 AND used_at IS NULL";
    execute_one(connection, INVITATION_CONFLICTS, sql, params![id.as_str(), micros(at)])
}

pub(super) fn delete_invitation(connection: &Connection, id: &InvitationId) -> Result<(), StoreError> {
    let sql = "DELETE FROM invitations WHERE id = ?1";
    execute(connection, INVITATION_CONFLICTS, sql, [id.as_str()]).map(drop)
}

pub(super) fn invitation(connection: &Connection, hash: &[u8; 32]) -> Result<Option<Invitation>, StoreError> {
    one(connection, "link_hash = ?1", [hash])
}

pub(super) fn invitations(connection: &Connection) -> Result<Vec<Invitation>, StoreError> {
    all(connection, "true ORDER BY id", [])
}

pub(super) fn insert_session(connection: &Connection, it: &Session) -> Result<(), StoreError> {
    let sql = "INSERT INTO sessions (id, member, token_hash, browser, created_at, seen_at, expires_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let values = params![
        it.id.as_str(),
        it.user.as_str(),
        it.token_hash,
        it.browser,
        micros(it.created_at),
        micros(it.seen_at),
        micros(it.expires_at),
    ];
    execute_one(connection, SESSION_CONFLICTS, sql, values)
}

pub(super) fn touch_session(connection: &Connection, id: &SessionId, at: Time) -> Result<(), StoreError> {
    let sql = "UPDATE sessions SET seen_at = max(seen_at, ?2) WHERE id = ?1";
    execute(connection, SESSION_CONFLICTS, sql, params![id.as_str(), micros(at)]).map(drop)
}

pub(super) fn delete_session(connection: &Connection, id: &SessionId) -> Result<(), StoreError> {
    execute(connection, SESSION_CONFLICTS, "DELETE FROM sessions WHERE id = ?1", [id.as_str()]).map(drop)
}

pub(super) fn delete_sessions(
    connection: &Connection,
    user: &UserId,
    except: Option<&SessionId>,
) -> Result<(), StoreError> {
    let sql = "DELETE FROM sessions WHERE member = ?1 AND id IS NOT ?2";
    let values = params![user.as_str(), except.map(SessionId::as_str)];
    execute(connection, SESSION_CONFLICTS, sql, values).map(drop)
}

pub(super) fn session(connection: &Connection, hash: &[u8; 32]) -> Result<Option<Session>, StoreError> {
    one(connection, "token_hash = ?1", [hash])
}

pub(super) fn sessions(connection: &Connection, user: &UserId) -> Result<Vec<Session>, StoreError> {
    all(connection, "member = ?1 ORDER BY id", [user.as_str()])
}
