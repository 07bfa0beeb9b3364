//! Attempts to authorize.

use rusqlite::{Connection, named_params, types::ToSql};
use valetkey_domain::{AuthPhase, AuthRequest, AuthRequestId, ErrorCode, StoreError};

use super::row::{Columns, Conflicts, Record, count, execute_one, json, micros, one, optional_micros};

const TABLE: &str = "auth_requests";
const CONFLICTS: Conflicts = Conflicts {
    table: TABLE,
    record: "auth_request",
    unique: "auth_request",
    reference: "auth_request.account",
};

impl Record for AuthRequest {
    const TABLE: &'static str = TABLE;
    const COLUMNS: &'static str = "id, environment, account, connection, link_hash, state_hash, browser_hash, \
        code_verifier, scopes, caller_state, user_verify_url, phase, failure, generation, version, created_at, \
        expires_at, redirected_at";

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: columns.id("id")?,
            environment: columns.id("environment")?,
            account: columns.id("account")?,
            connection: columns.id("connection")?,
            link_hash: columns.get("link_hash")?,
            state_hash: columns.get("state_hash")?,
            browser_hash: columns.get("browser_hash")?,
            code_verifier: columns.optional_sealed("code_verifier")?,
            scopes: columns.json("scopes")?,
            caller_state: columns.get("caller_state")?,
            user_verify_url: columns.get("user_verify_url")?,
            phase: columns.word("phase", AuthPhase::parse)?,
            failure: columns.optional_word("failure", ErrorCode::parse)?,
            generation: columns.count("generation")?,
            version: columns.count("version")?,
            created_at: columns.time("created_at")?,
            expires_at: columns.time("expires_at")?,
            redirected_at: columns.optional_time("redirected_at")?,
        })
    }
}

fn write(connection: &Connection, sql: &str, it: &AuthRequest) -> Result<(), StoreError> {
    let values: &[(&str, &dyn ToSql)] = named_params! {
        ":id": it.id.as_str(),
        ":environment": it.environment.as_str(),
        ":account": it.account.as_str(),
        ":connection": it.connection.as_str(),
        ":link_hash": it.link_hash,
        ":state_hash": it.state_hash,
        ":browser_hash": it.browser_hash,
        ":code_verifier": it.code_verifier.as_ref().map(|sealed| &sealed.0),
        ":scopes": json(&it.scopes, TABLE, "scopes")?,
        ":caller_state": it.caller_state,
        ":user_verify_url": it.user_verify_url,
        ":phase": it.phase.as_str(),
        ":failure": it.failure.map(ErrorCode::as_str),
        ":generation": count(it.generation, TABLE, "generation")?,
        ":version": count(it.version, TABLE, "version")?,
        ":created_at": micros(it.created_at),
        ":expires_at": micros(it.expires_at),
        ":redirected_at": optional_micros(it.redirected_at),
    };
    execute_one(connection, CONFLICTS, sql, values)
}

pub(super) fn insert(connection: &Connection, request: &AuthRequest) -> Result<(), StoreError> {
    let sql = "INSERT INTO auth_requests (id, environment, account, connection, link_hash, state_hash,
            browser_hash, code_verifier, scopes, caller_state, user_verify_url, phase, failure, generation, version,
            created_at, expires_at, redirected_at)
        VALUES (:id, :environment, :account, :connection, :link_hash, :state_hash, :browser_hash,
            :code_verifier, :scopes, :caller_state, :user_verify_url, :phase, :failure, :generation, :version,
            :created_at, :expires_at, :redirected_at)";
    write(connection, sql, request)
}

pub(super) fn update(connection: &Connection, request: &AuthRequest) -> Result<(), StoreError> {
    let sql = "UPDATE auth_requests SET link_hash = :link_hash, state_hash = :state_hash,
            browser_hash = :browser_hash, code_verifier = :code_verifier, scopes = :scopes,
            caller_state = :caller_state, user_verify_url = :user_verify_url, phase = :phase,
            failure = :failure, generation = :generation, version = :version, created_at = :created_at, expires_at = :expires_at,
            redirected_at = :redirected_at
        WHERE id = :id AND environment = :environment AND account = :account AND connection = :connection
            AND version = :version - 1";
    write(connection, sql, request)
}

pub(super) fn by_id(connection: &Connection, id: &AuthRequestId) -> Result<Option<AuthRequest>, StoreError> {
    one(connection, "id = ?1", [id.as_str()])
}

pub(super) fn by_link(connection: &Connection, hash: &[u8; 32]) -> Result<Option<AuthRequest>, StoreError> {
    one(connection, "link_hash = ?1", [hash])
}

pub(super) fn by_state(connection: &Connection, hash: &[u8; 32]) -> Result<Option<AuthRequest>, StoreError> {
    one(connection, "state_hash = ?1", [hash])
}
