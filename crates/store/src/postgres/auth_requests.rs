//! Attempts to authorize.

use valetkey_domain::{AuthPhase, AuthRequest, AuthRequestId, ErrorCode, StoreError};

use super::{
    row::{Columns, Conflicts, Record, count, json, micros, optional_micros, values},
    statement::{Query, Write},
};

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
            link_hash: columns.hash("link_hash")?,
            state_hash: columns.optional_hash("state_hash")?,
            browser_hash: columns.optional_hash("browser_hash")?,
            code_verifier: columns.optional_sealed("code_verifier")?,
            scopes: columns.json("scopes")?,
            caller_state: columns.optional_text("caller_state")?,
            user_verify_url: columns.optional_text("user_verify_url")?,
            phase: columns.word("phase", AuthPhase::parse)?,
            failure: columns.optional_word("failure", ErrorCode::parse)?,
            generation: columns.number("generation")?,
            version: columns.number("version")?,
            created_at: columns.time("created_at")?,
            expires_at: columns.time("expires_at")?,
            redirected_at: columns.optional_time("redirected_at")?,
        })
    }
}

fn write(sql: &'static str, it: &AuthRequest) -> Result<Write, StoreError> {
    let values = values![
        it.id.as_str(),
        it.environment.as_str(),
        it.account.as_str(),
        it.connection.as_str(),
        &it.link_hash,
        it.state_hash,
        it.browser_hash,
        &it.code_verifier,
        json(&it.scopes, TABLE, "scopes")?,
        &it.caller_state,
        &it.user_verify_url,
        it.phase.as_str(),
        it.failure.map(ErrorCode::as_str),
        count(it.generation, TABLE, "generation")?,
        count(it.version, TABLE, "version")?,
        micros(it.created_at),
        micros(it.expires_at),
        optional_micros(it.redirected_at),
    ];
    Ok(Write::one(sql, CONFLICTS, values))
}

pub(super) fn insert(request: &AuthRequest) -> Result<Write, StoreError> {
    let sql = "INSERT INTO auth_requests (id, environment, account, connection, link_hash, state_hash,
            browser_hash, code_verifier, scopes, caller_state, user_verify_url, phase, failure, generation, version,
            created_at, expires_at, redirected_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7,
            $8, $9, $10, $11, $12, $13, $14, $15,
            $16, $17, $18)";
    write(sql, request)
}

pub(super) fn update(request: &AuthRequest) -> Result<Write, StoreError> {
    let sql = "UPDATE auth_requests SET link_hash = $5, state_hash = $6,
            browser_hash = $7, code_verifier = $8, scopes = $9,
            caller_state = $10, user_verify_url = $11, phase = $12,
            failure = $13, generation = $14, version = $15, created_at = $16, expires_at = $17,
            redirected_at = $18
        WHERE id = $1 AND environment = $2 AND account = $3 AND connection = $4
            AND version = $15 - 1";
    write(sql, request)
}

pub(super) fn by_id(id: &AuthRequestId) -> Query<AuthRequest> {
    Query::new("id = $1", values![id.as_str()])
}

pub(super) fn by_link(hash: &[u8; 32]) -> Query<AuthRequest> {
    Query::new("link_hash = $1", values![hash])
}

pub(super) fn by_state(hash: &[u8; 32]) -> Query<AuthRequest> {
    Query::new("state_hash = $1", values![hash])
}
