//! The branding of the pages for end users, and its logo.

use std::sync::Arc;

use rusqlite::{Connection, named_params, params, types::ToSql};
use valetkey_domain::{
    Branding, StoreError,
    branding::{Accent, Colour, Logo, LogoKind, LogoRef},
};

use super::row::{Columns, Conflicts, Record, count, execute, execute_one, json, micros, one};

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
        let product_name = columns.get("product_name")?;
        let (hash, kind) = (columns.get("logo_hash")?, columns.optional_word("logo_kind", LogoKind::parse)?);
        let light = columns.optional_word("accent_light", Colour::parse)?;
        let dark = columns.optional_word("accent_dark", Colour::parse)?;
        Ok(Self {
            product_name,
            logo: Option::zip(hash, kind).map(|(hash, kind)| LogoRef { hash, kind }),
            accent: light.zip(dark).map(|(light, dark)| Accent { light, dark }),
            support_url: columns.get("support_url")?,
            support_email: columns.get("support_email")?,
            privacy_url: columns.get("privacy_url")?,
            texts: columns.json("texts")?,
            version: columns.count("version")?,
            updated_at: columns.time("updated_at")?,
        })
    }
}

impl Record for Logo {
    const TABLE: &'static str = LOGOS;
    const COLUMNS: &'static str = "hash, kind, content, created_at";

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            hash: columns.get("hash")?,
            kind: columns.word("kind", LogoKind::parse)?,
            content: Arc::from(columns.get::<Vec<u8>>("content")?),
            created_at: columns.time("created_at")?,
        })
    }
}

pub(super) fn put(connection: &Connection, it: &Branding) -> Result<(), StoreError> {
    let sql = "INSERT INTO branding (id, product_name, logo_hash, logo_kind, accent_light, accent_dark, support_url,
            support_email, privacy_url, texts, version, updated_at)
        SELECT 1, :product_name, :logo_hash, :logo_kind, :accent_light, :accent_dark, :support_url, :support_email,
            :privacy_url, :texts, :version, :updated_at
        WHERE :version = 1 OR EXISTS (SELECT 1 FROM branding)
        ON CONFLICT (id) DO UPDATE SET product_name = excluded.product_name, logo_hash = excluded.logo_hash,
            logo_kind = excluded.logo_kind, accent_light = excluded.accent_light, accent_dark = excluded.accent_dark,
            support_url = excluded.support_url, support_email = excluded.support_email,
            privacy_url = excluded.privacy_url, texts = excluded.texts, version = excluded.version,
            updated_at = excluded.updated_at
        WHERE branding.version = excluded.version - 1";
    let values: &[(&str, &dyn ToSql)] = named_params! {
        ":product_name": it.product_name,
        ":logo_hash": it.logo.map(|logo| logo.hash),
        ":logo_kind": it.logo.map(|logo| logo.kind.as_str()),
        ":accent_light": it.accent.map(|accent| accent.light.text()),
        ":accent_dark": it.accent.map(|accent| accent.dark.text()),
        ":support_url": it.support_url,
        ":support_email": it.support_email,
        ":privacy_url": it.privacy_url,
        ":texts": json(&it.texts, TABLE, "texts")?,
        ":version": count(it.version, TABLE, "version")?,
        ":updated_at": micros(it.updated_at),
    };
    execute_one(connection, CONFLICTS, sql, values)
}

pub(super) fn read(connection: &Connection) -> Result<Option<Branding>, StoreError> {
    one(connection, "id = 1", [])
}

pub(super) fn put_logo(connection: &Connection, it: &Logo) -> Result<(), StoreError> {
    let sql = "INSERT INTO branding_logos (hash, kind, content, created_at) VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT (hash) DO NOTHING";
    let values = params![it.hash, it.kind.as_str(), &*it.content, micros(it.created_at)];
    execute(connection, LOGO_CONFLICTS, sql, values)?;
    Ok(())
}

pub(super) fn drop_logos(connection: &Connection, keep: Option<[u8; 32]>) -> Result<(), StoreError> {
    let sql = "DELETE FROM branding_logos WHERE ?1 IS NULL OR hash <> ?1";
    execute(connection, LOGO_CONFLICTS, sql, [keep])?;
    Ok(())
}

pub(super) fn logo(connection: &Connection, hash: &[u8; 32]) -> Result<Option<Logo>, StoreError> {
    one(connection, "hash = ?1", [hash])
}
