//! The terms of the keyring and the signing keys, all sealed.

use valetkey_domain::{
    SealedBlob, StoreError,
    keys::{KeyTerm, SigningKey},
};

use super::{
    row::{Columns, Conflicts, Record, count, json, micros, values},
    statement::{Query, Write},
};

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
            term: columns.number("term")?,
            sealed_key: columns.sealed("sealed_key")?,
            seals_reserved: columns.number("seals_reserved")?,
            created_at: columns.time("created_at")?,
        })
    }
}

impl Record for SigningKey {
    const TABLE: &'static str = SIGNING_KEYS;
    const COLUMNS: &'static str = "kid, sealed_private_key, public_jwk, created_at";

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            kid: columns.text("kid")?,
            sealed_private_key: columns.sealed("sealed_private_key")?,
            public_jwk: columns.json("public_jwk")?,
            created_at: columns.time("created_at")?,
        })
    }
}

pub(super) fn insert_term(it: &KeyTerm) -> Result<Write, StoreError> {
    let reserved = count(it.seals_reserved, TERMS, "seals_reserved")?;
    let sql = "INSERT INTO key_terms (term, sealed_key, seals_reserved, created_at) VALUES ($1, $2, $3, $4)";
    Ok(Write::one(
        sql,
        TERM_CONFLICTS,
        values![i64::from(it.term), &it.sealed_key, reserved, micros(it.created_at)],
    ))
}

pub(super) fn reserve(term: u32, from: u64, to: u64) -> Result<Write, StoreError> {
    let (from, to) = (count(from, TERMS, "seals_reserved")?, count(to, TERMS, "seals_reserved")?);
    let sql = "UPDATE key_terms SET seals_reserved = $3 WHERE term = $1 AND seals_reserved = $2";
    Ok(Write::one(sql, TERM_CONFLICTS, values![i64::from(term), from, to]))
}

/// The same key under another master key; the one who read what is stored now may put it there.
pub(super) fn rewrap(term: u32, from: &SealedBlob, to: &SealedBlob) -> Result<Write, StoreError> {
    let sql = "UPDATE key_terms SET sealed_key = $3 WHERE term = $1 AND sealed_key = $2";
    Ok(Write::one(sql, TERM_CONFLICTS, values![i64::from(term), from, to]))
}

pub(super) fn delete_term(term: u32) -> Result<Write, StoreError> {
    Ok(Write::one("DELETE FROM key_terms WHERE term = $1", TERM_CONFLICTS, values![i64::from(term)]))
}

pub(super) fn terms() -> Query<KeyTerm> {
    Query::new("true ORDER BY term", values![])
}

pub(super) fn insert_signing_key(it: &SigningKey) -> Result<Write, StoreError> {
    let jwk = json(&it.public_jwk, SIGNING_KEYS, "public_jwk")?;
    let sql =
        "INSERT INTO signing_keys (kid, sealed_private_key, public_jwk, created_at) VALUES ($1, $2, $3, $4)";
    let values = values![&it.kid, &it.sealed_private_key, jwk, micros(it.created_at)];
    Ok(Write::one(sql, SIGNING_KEY_CONFLICTS, values))
}

pub(super) fn signing_keys() -> Query<SigningKey> {
    Query::new("true ORDER BY created_at, kid", values![])
}
