//! The terms of the keyring and the signing keys, all sealed.

use rusqlite::{Connection, params};
use valetkey_domain::{
    SealedBlob, StoreError,
    keys::{KeyTerm, SigningKey},
};

use super::row::{Columns, Conflicts, Record, all, count, execute_one, json, micros};

const TERMS: &str = "key_terms";
const TERM_CONFLICTS: Conflicts =
    Conflicts { table: TERMS, record: "key_term", unique: "key_term", reference: "key_term" };
const SIGNING_KEYS: &str = "signing_keys";
const SIGNING_KEY_CONFLICTS: Conflicts =
    Conflicts { table: SIGNING_KEYS, record: "signing_key", unique: "signing_key", reference: "signing_key" };

impl Record for KeyTerm {
    const TABLE: &'static str = TERMS;
    const COLUMNS: &'static str = "term, sealed_key, seals_reserved, created_at";

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            term: columns.get("term")?,
            sealed_key: columns.sealed("sealed_key")?,
            seals_reserved: columns.count("seals_reserved")?,
            created_at: columns.time("created_at")?,
        })
    }
}

impl Record for SigningKey {
    const TABLE: &'static str = SIGNING_KEYS;
    const COLUMNS: &'static str = "kid, sealed_private_key, public_jwk, created_at";

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            kid: columns.get("kid")?,
            sealed_private_key: columns.sealed("sealed_private_key")?,
            public_jwk: columns.json("public_jwk")?,
            created_at: columns.time("created_at")?,
        })
    }
}

pub(super) fn insert_term(connection: &Connection, it: &KeyTerm) -> Result<(), StoreError> {
    let reserved = count(it.seals_reserved, TERMS, "seals_reserved")?;
    let sql = "INSERT INTO key_terms (term, sealed_key, seals_reserved, created_at) VALUES (?1, ?2, ?3, ?4)";
    execute_one(
        connection,
        TERM_CONFLICTS,
        sql,
        params![it.term, it.sealed_key.0, reserved, micros(it.created_at)],
    )
}

pub(super) fn reserve(connection: &Connection, term: u32, from: u64, to: u64) -> Result<(), StoreError> {
    let (from, to) = (count(from, TERMS, "seals_reserved")?, count(to, TERMS, "seals_reserved")?);
    let sql = "UPDATE key_terms SET seals_reserved = ?3 WHERE term = ?1 AND seals_reserved = ?2";
    execute_one(connection, TERM_CONFLICTS, sql, params![term, from, to])
}

/// Only in the place of what the caller has read: two processes must not put it under different master keys.
pub(super) fn rewrap(
    connection: &Connection,
    term: u32,
    from: &SealedBlob,
    to: &SealedBlob,
) -> Result<(), StoreError> {
    let sql = "UPDATE key_terms SET sealed_key = ?3 WHERE term = ?1 AND sealed_key = ?2";
    execute_one(connection, TERM_CONFLICTS, sql, params![term, from.0, to.0])
}

pub(super) fn delete_term(connection: &Connection, term: u32) -> Result<(), StoreError> {
    execute_one(connection, TERM_CONFLICTS, "DELETE FROM key_terms WHERE term = ?1", [term])
}

pub(super) fn terms(connection: &Connection) -> Result<Vec<KeyTerm>, StoreError> {
    all(connection, "true ORDER BY term", [])
}

pub(super) fn insert_signing_key(connection: &Connection, it: &SigningKey) -> Result<(), StoreError> {
    let jwk = json(&it.public_jwk, SIGNING_KEYS, "public_jwk")?;
    let sql =
        "INSERT INTO signing_keys (kid, sealed_private_key, public_jwk, created_at) VALUES (?1, ?2, ?3, ?4)";
    let values = params![it.kid, it.sealed_private_key.0, jwk, micros(it.created_at)];
    execute_one(connection, SIGNING_KEY_CONFLICTS, sql, values)
}

pub(super) fn signing_keys(connection: &Connection) -> Result<Vec<SigningKey>, StoreError> {
    all(connection, "true ORDER BY created_at, kid", [])
}
