//! The branding of the pages for end users, and its logo.

use std::sync::Arc;

use valetkey_domain::{
    Branding, StoreError,
    branding::{Accent, Colour, Logo, LogoKind, LogoRef},
};

use super::{
    row::{Columns, Conflicts, Record, Value, count, json, micros, values},
    statement::{Query, Write},
};

const TABLE: &str = "branding";
const CONFLICTS: Conflicts =
    Conflicts { table: TABLE, record: "branding", unique: "branding", reference: "branding" };
const LOGOS: &str = "branding_logos";
const LOGO_CONFLICTS: Conflicts =
    Conflicts { table: LOGOS, record: "logo", unique: "logo", reference: "logo" };

impl Record for Branding {
    const TABLE: &'static str = TABLE;
    const COLUMNS: &'static str = "product_name, logo_hash, logo_kind, accent_light, accent_dark, support_url, \
        support_email, privacy_url, texts, version, updated_at";

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        let product_name = columns.optional_text("product_name")?;
        let hash = columns.optional_hash("logo_hash")?;
        let kind = columns.optional_word("logo_kind", LogoKind::parse)?;
        let light = columns.optional_word("accent_light", Colour::parse)?;
        let dark = columns.optional_word("accent_dark", Colour::parse)?;
        Ok(Self {
            product_name,
            logo: hash.zip(kind).map(|(hash, kind)| LogoRef { hash, kind }),
            accent: light.zip(dark).map(|(light, dark)| Accent { light, dark }),
            support_url: columns.optional_text("support_url")?,
            support_email: columns.optional_text("support_email")?,
            privacy_url: columns.optional_text("privacy_url")?,
            texts: columns.json("texts")?,
            version: columns.number("version")?,
            updated_at: columns.time("updated_at")?,
        })
    }
}

impl Record for Logo {
    const TABLE: &'static str = LOGOS;
    const COLUMNS: &'static str = "hash, kind, content, created_at";

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            hash: columns.hash("hash")?,
            kind: columns.word("kind", LogoKind::parse)?,
            content: Arc::from(columns.get::<&[u8]>("content")?),
            created_at: columns.time("created_at")?,
        })
    }
}

pub(super) fn put(it: &Branding) -> Result<Write, StoreError> {
    let sql = "INSERT INTO branding (id, product_name, logo_hash, logo_kind, accent_light, accent_dark, support_url,
            support_email, privacy_url, texts, version, updated_at)
        SELECT 1, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11
        WHERE $10 = 1 OR EXISTS (SELECT 1 FROM branding)
        ON CONFLICT (id) DO UPDATE SET product_name = excluded.product_name, logo_hash = excluded.logo_hash,
            logo_kind = excluded.logo_kind, accent_light = excluded.accent_light, accent_dark = excluded.accent_dark,
            support_url = excluded.support_url, support_email = excluded.support_email,
            privacy_url = excluded.privacy_url, texts = excluded.texts, version = excluded.version,
            updated_at = excluded.updated_at
        WHERE branding.version = excluded.version - 1";
    let values = values![
        &it.product_name,
        it.logo.map(|logo| logo.hash),
        it.logo.map(|logo| logo.kind.as_str()),
        it.accent.map(|accent| accent.light.text()),
        it.accent.map(|accent| accent.dark.text()),
        &it.support_url,
        &it.support_email,
        &it.privacy_url,
        json(&it.texts, TABLE, "texts")?,
        count(it.version, TABLE, "version")?,
        micros(it.updated_at),
    ];
    Ok(Write::one(sql, CONFLICTS, values))
}

pub(super) fn read() -> Query<Branding> {
    Query::new("id = 1", values![])
}

pub(super) fn put_logo(it: &Logo) -> Write {
    let sql = "INSERT INTO branding_logos (hash, kind, content, created_at) VALUES ($1, $2, $3, $4)
        ON CONFLICT (hash) DO NOTHING";
    let content = Value::Bytes(Some(it.content.to_vec()));
    Write::any(sql, LOGO_CONFLICTS, values![&it.hash, it.kind.as_str(), content, micros(it.created_at)])
}

pub(super) fn drop_logos(keep: Option<[u8; 32]>) -> Write {
    Write::any("DELETE FROM branding_logos WHERE $1 IS NULL OR hash <> $1", LOGO_CONFLICTS, values![keep])
}

pub(super) fn logo(hash: &[u8; 32]) -> Query<Logo> {
    Query::new("hash = $1", values![hash])
}
