//! How the operator's name, colours and words stand on the pages for end users.
//!
//! One branding serves the whole server: most pages that a stranger can open belong to no environment. It is read from
//! the database with every page, so that a change is on all replicas with the next one.

use std::collections::BTreeMap;

use serde_json::json;
use url::Url;
use valetkey_domain::{
    Branding, Caller, Change, Changes, Error, Language, Permission,
    branding::{Accent, Colour, LEAST_CONTRAST, Logo, LogoKind, LogoRef, PageTexts},
};

use crate::{Engine, clients::sha256};

/// The largest logo, in bytes.
pub const MAX_LOGO_BYTES: usize = 256 << 10;
/// Characters of a name.
const MAX_NAME: usize = 100;
/// Characters of an address.
const MAX_URL: usize = 2048;
/// Characters of an own text: a few sentences, since what is asked for must stay in sight.
const MAX_TEXT: usize = 600;
/// What the audit log says it was done to.
const SUBJECT: &str = "branding";

/// A change of the branding: `None` leaves a field as it is, `Some(None)` takes it away.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BrandingUpdate {
    /// Who asks, as end users read it.
    pub product_name: Option<Option<String>>,
    /// The colour of buttons and links, `#rrggbb`.
    pub accent: Option<Option<String>>,
    /// The same for dark pages; taken away, a lighter tone of `accent` stands in.
    pub accent_dark: Option<Option<String>>,
    /// Where end users get help.
    pub support_url: Option<Option<String>>,
    /// The address that helps end users.
    pub support_email: Option<Option<String>>,
    /// What becomes of their data.
    pub privacy_url: Option<Option<String>>,
    /// All own words, by the tag of their language.
    pub texts: Option<BTreeMap<String, PageTexts>>,
}

impl BrandingUpdate {
    /// The names of the fields that it sets, for the audit log.
    fn fields(&self) -> Vec<&'static str> {
        let given = [
            ("product_name", self.product_name.is_some()),
            ("accent", self.accent.is_some()),
            ("accent_dark", self.accent_dark.is_some()),
            ("support_url", self.support_url.is_some()),
            ("support_email", self.support_email.is_some()),
            ("privacy_url", self.privacy_url.is_some()),
            ("texts", self.texts.is_some()),
        ];
        given.into_iter().filter(|(_, given)| *given).map(|(name, _)| name).collect()
    }

    /// The branding after the change.
    fn applied(self, to: Branding) -> Result<Branding, Error> {
        let mut branding = to;
        branding.accent = self.accent(branding.accent)?;
        if let Some(name) = self.product_name {
            branding.product_name = text("product_name", name, MAX_NAME, false)?;
        }
        if let Some(url) = self.support_url {
            branding.support_url = page("support_url", url)?;
        }
        if let Some(address) = self.support_email {
            branding.support_email = email(address)?;
        }
        if let Some(url) = self.privacy_url {
            branding.privacy_url = page("privacy_url", url)?;
        }
        if let Some(texts) = self.texts {
            branding.texts = own_words(texts)?;
        }
        Ok(branding)
    }

    /// The colours after the change. Text stands on them and they are text themselves, so they must be readable.
    fn accent(&self, before: Option<Accent>) -> Result<Option<Accent>, Error> {
        let light = match &self.accent {
            None => before.map(|accent| accent.light),
            Some(text) => colour("accent", text.as_deref())?,
        };
        let dark = match &self.accent_dark {
            // A tone that was made of another colour goes with it.
            None => before.filter(|accent| Some(accent.light) == light).map(|accent| accent.dark),
            Some(text) => colour("accent_dark", text.as_deref())?,
        };
        let Some(light) = light else {
            return match self.accent_dark {
                Some(Some(_)) => Err(Error::invalid("accent_dark", "needs an accent beside it")),
                _ => Ok(None),
            };
        };
        readable("accent", light, Colour::WHITE, "white", Colour::BLACK)?;
        let accent = Accent::of(light);
        let Some(dark) = dark else { return Ok(Some(accent)) };
        readable("accent_dark", dark, Colour::DARK_CARD, "the dark card", Colour::WHITE)?;
        Ok(Some(Accent { light, dark }))
    }
}

/// What kind of picture a logo is, if it is one that is taken.
fn kind_of(content: &[u8]) -> Result<LogoKind, Error> {
    if content.len() > MAX_LOGO_BYTES {
        return Err(Error::invalid("logo", format!("is larger than {} KiB", MAX_LOGO_BYTES >> 10)));
    }
    LogoKind::of_content(content)
        .ok_or_else(|| Error::invalid("logo", "must be a PNG, JPEG or WebP picture; SVG is not taken"))
}

fn colour(field: &str, given: Option<&str>) -> Result<Option<Colour>, Error> {
    let Some(text) = given.map(str::trim).filter(|text| !text.is_empty()) else { return Ok(None) };
    match Colour::parse(text) {
        Some(colour) => Ok(Some(colour)),
        None => Err(Error::invalid(field, "must be a colour such as #1f4fd8")),
    }
}

/// WCAG 2.2, 1.4.3: text on the colour, and the colour as text, against what it stands on.
fn readable(field: &str, colour: Colour, ground: Colour, named: &str, end: Colour) -> Result<(), Error> {
    let contrast = colour.contrast(ground);
    if contrast >= LEAST_CONTRAST {
        return Ok(());
    }
    // Rounded down: 4.49 must not read as 4.5.
    let contrast = (contrast * 100.0).floor() / 100.0;
    let nearest = colour.readable_on(ground, end).text();
    Err(Error::invalid(
        field,
        format!(
            "has a contrast of {contrast}:1 with {named}; text needs 4.5:1 (WCAG 2.2 AA). The nearest tone that has it \
             is {nearest}"
        ),
    ))
}

/// A text without blanks around it; nothing if nothing is left.
fn text(field: &str, given: Option<String>, most: usize, lines: bool) -> Result<Option<String>, Error> {
    let Some(given) = given else { return Ok(None) };
    let text = given.replace("\r\n", "\n").trim().to_owned();
    if text.chars().count() > most {
        return Err(Error::invalid(field, format!("is longer than {most} characters")));
    }
    if text.chars().any(|c| c.is_control() && !(lines && c == '\n')) {
        return Err(Error::invalid(field, "must not hold control characters"));
    }
    Ok(Some(text).filter(|text| !text.is_empty()))
}

fn page(field: &str, given: Option<String>) -> Result<Option<String>, Error> {
    let Some(given) = text(field, given, MAX_URL, false)? else { return Ok(None) };
    let url = Url::parse(&given).ok().filter(|url| url.scheme() == "https" && url.has_host());
    match url.filter(|url| url.username().is_empty() && url.password().is_none()) {
        Some(url) => Ok(Some(url.into())),
        None => Err(Error::invalid(field, "must be an https URL without a user name or password")),
    }
}

fn email(given: Option<String>) -> Result<Option<String>, Error> {
    let Some(address) = text("support_email", given, 254, false)? else { return Ok(None) };
    let plain = |part: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || "!#$'*+-/=^_`{|}~.".contains(c))
    };
    match address.split_once('@') {
        Some((user, host)) if plain(user) && plain(host) && host.contains('.') => Ok(Some(address)),
        _ => Err(Error::invalid("support_email", "must be an e-mail address such as help@example.com")),
    }
}

fn own_words(given: BTreeMap<String, PageTexts>) -> Result<BTreeMap<Language, PageTexts>, Error> {
    let mut texts = BTreeMap::new();
    for (tag, words) in given {
        let Some(language) = Language::ALL.into_iter().find(|language| language.as_str() == tag) else {
            let shown: String = tag.chars().filter(|c| !c.is_control()).take(20).collect();
            let known = Language::ALL.map(Language::as_str).join(", ");
            return Err(Error::invalid(
                format!("texts.{shown}"),
                format!("is no language of the pages: {known}"),
            ));
        };
        let words = PageTexts {
            connect: text(&format!("texts.{tag}.connect"), words.connect, MAX_TEXT, true)?,
            done: text(&format!("texts.{tag}.done"), words.done, MAX_TEXT, true)?,
        };
        if words != PageTexts::default() {
            texts.insert(language, words);
        }
    }
    Ok(texts)
}

impl Engine {
    /// The branding, for whoever looks at a page.
    ///
    /// # Errors
    /// `storage_unavailable`.
    pub async fn branding(&self) -> Result<Branding, Error> {
        Ok(self.0.store.branding().await?.unwrap_or_default())
    }

    /// A logo by the hash of its content, for whoever looks at a page.
    ///
    /// # Errors
    /// `storage_unavailable`.
    pub async fn logo(&self, hash: &[u8; 32]) -> Result<Option<Logo>, Error> {
        Ok(self.0.store.logo(hash).await?)
    }

    /// The branding, for whoever may change it. Needs `server:manage`.
    ///
    /// # Errors
    /// `permission_denied`.
    pub async fn get_branding(&self, caller: &Caller) -> Result<Branding, Error> {
        caller.require(Permission::ServerManage)?;
        self.branding().await
    }

    /// What the branding would be after a change; nothing is changed. Needs `server:manage`.
    ///
    /// # Errors
    /// As [`Engine::update_branding`].
    pub async fn preview_branding(&self, caller: &Caller, update: BrandingUpdate) -> Result<Branding, Error> {
        update.applied(self.get_branding(caller).await?)
    }

    /// What kind of picture would be taken as the logo; nothing is changed. Needs `server:manage`.
    ///
    /// # Errors
    /// As [`Engine::set_logo`].
    pub fn preview_logo(&self, caller: &Caller, content: &[u8]) -> Result<LogoKind, Error> {
        caller.require(Permission::ServerManage)?;
        kind_of(content)
    }

    /// Changes the branding. Needs `server:manage`.
    ///
    /// # Errors
    /// `permission_denied`; `invalid_argument` naming the field, also for a colour that text cannot be read on; `conflict`.
    pub async fn update_branding(&self, caller: &Caller, update: BrandingUpdate) -> Result<Branding, Error> {
        caller.require(Permission::ServerManage)?;
        let before = self.branding().await?;
        let fields = update.fields();
        let branding = update.applied(before.clone())?;
        if branding == before {
            return Ok(before);
        }
        self.put_branding(caller, branding, "branding.updated", json!({ "fields": fields }), Changes::new())
            .await
    }

    /// Takes a picture as the logo. Needs `server:manage`.
    ///
    /// # Errors
    /// `permission_denied`; `invalid_argument` for `logo`; `conflict`.
    pub async fn set_logo(&self, caller: &Caller, content: &[u8]) -> Result<Branding, Error> {
        caller.require(Permission::ServerManage)?;
        let kind = kind_of(content)?;
        let logo = Logo { hash: sha256(content), kind, content: content.into(), created_at: self.now() };
        let mut branding = self.branding().await?;
        branding.logo = Some(LogoRef { hash: logo.hash, kind });
        let data = json!({ "kind": kind.as_str(), "bytes": content.len() });
        self.put_branding(caller, branding, "branding.logo_set", data, Change::PutLogo(logo).into()).await
    }

    /// Takes the logo away. Needs `server:manage`.
    ///
    /// # Errors
    /// `permission_denied`, `conflict`.
    pub async fn remove_logo(&self, caller: &Caller) -> Result<Branding, Error> {
        caller.require(Permission::ServerManage)?;
        let mut branding = self.branding().await?;
        if branding.logo.take().is_none() {
            return Ok(branding);
        }
        self.put_branding(caller, branding, "branding.logo_removed", json!({}), Changes::new()).await
    }

    /// Stores the branding with the record of who changed it.
    async fn put_branding(
        &self,
        caller: &Caller,
        branding: Branding,
        action: &str,
        data: serde_json::Value,
        before: Changes,
    ) -> Result<Branding, Error> {
        let branding = Branding { version: branding.version + 1, updated_at: self.now(), ..branding };
        let entry = self.audit_entry(caller, action, Some(SUBJECT)).data(data);
        let keep = branding.logo.map(|logo| logo.hash);
        let changes = before
            .and(Change::PutBranding(branding.clone()))
            .and(Change::DropLogos { keep })
            .and(entry.into());
        self.commit(changes).await?;
        Ok(branding)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(update: BrandingUpdate) -> Result<Branding, String> {
        update.applied(Branding::default()).map_err(|error| {
            let violation = error.details().fields.first().expect("a field");
            format!("{}: {}", violation.field, violation.message)
        })
    }

    fn given(text: &str) -> Option<Option<String>> {
        Some(Some(text.to_owned()))
    }

    /// WCAG 2.2, 1.4.3
    #[test]
    fn accent_that_cannot_be_read_is_refused_with_one_that_can() {
        let refused = after(BrandingUpdate { accent: given("#ffcc00"), ..BrandingUpdate::default() });
        let refused = refused.expect_err("yellow on white");
        assert!(refused.starts_with("accent: has a contrast of 1.5"), "{refused}");
        let nearest = refused.split(' ').next_back().expect("a colour").to_owned();
        let taken = after(BrandingUpdate { accent: given(&nearest), ..BrandingUpdate::default() });
        assert!(taken.is_ok(), "{nearest}: {taken:?}");
        let dark = BrandingUpdate {
            accent: given("#1f4fd8"),
            accent_dark: given("#1f4fd8"),
            ..BrandingUpdate::default()
        };
        let refused = after(dark).expect_err("blue on dark");
        assert!(refused.starts_with("accent_dark: has a contrast of 2."), "{refused}");
    }

    #[test]
    fn accent_changed_takes_a_tone_of_its_own_for_dark_pages() {
        let blue = BrandingUpdate {
            accent: given("#1f4fd8"),
            accent_dark: given("#ffffff"),
            ..BrandingUpdate::default()
        };
        let blue = after(blue).expect("readable");
        assert_eq!(blue.accent.map(|accent| accent.dark), Some(Colour::WHITE));
        let same = BrandingUpdate { accent: given("#1F4FD8"), ..BrandingUpdate::default() };
        let same = same.applied(blue.clone()).expect("readable");
        assert_eq!(same.accent, blue.accent);
        let green = BrandingUpdate { accent: given("#0a5c36"), ..BrandingUpdate::default() };
        let green = green.applied(blue.clone()).expect("readable");
        assert_eq!(green.accent, Colour::parse("#0a5c36").map(Accent::of));
        let none = BrandingUpdate { accent: Some(None), ..BrandingUpdate::default() };
        assert_eq!(none.applied(blue).expect("nothing").accent, None);
        let alone = BrandingUpdate { accent_dark: given("#ffffff"), ..BrandingUpdate::default() };
        assert!(after(alone).expect_err("no accent").starts_with("accent_dark: needs"));
    }

    #[test]
    fn fields_that_make_no_sense_are_refused_by_name() {
        let none = BrandingUpdate::default;
        let words = |tag: &str, text: &str| {
            let words = PageTexts { connect: Some(text.to_owned()), done: None };
            Some([(tag.to_owned(), words)].into())
        };
        let cases = [
            ("accent", BrandingUpdate { accent: given("blue"), ..none() }),
            ("product_name", BrandingUpdate { product_name: given(&"x".repeat(101)), ..none() }),
            ("product_name", BrandingUpdate { product_name: given("a\u{7}b"), ..none() }),
            ("support_url", BrandingUpdate { support_url: given("javascript:alert(1)"), ..none() }),
            ("support_url", BrandingUpdate { support_url: given("http://example.com"), ..none() }),
            ("support_url", BrandingUpdate { support_url: given("https://u:p@example.com"), ..none() }),
            ("privacy_url", BrandingUpdate { privacy_url: given("/privacy"), ..none() }),
            ("support_email", BrandingUpdate { support_email: given("help"), ..none() }),
            ("support_email", BrandingUpdate { support_email: given("a@b.c?cc=d@e.f"), ..none() }),
            ("texts.nl", BrandingUpdate { texts: words("nl", "Hallo"), ..none() }),
            ("texts.de.connect", BrandingUpdate { texts: words("de", &"x".repeat(601)), ..none() }),
        ];
        for (field, update) in cases {
            let refused = after(update).expect_err(field);
            assert!(refused.starts_with(&format!("{field}: ")), "{refused}");
        }
    }

    #[test]
    fn texts_that_are_blank_are_none() {
        let update = BrandingUpdate {
            product_name: given("  Acme\t"),
            support_url: given(""),
            texts: Some([("de".to_owned(), PageTexts { connect: Some(" \r\n ".into()), done: None })].into()),
            ..BrandingUpdate::default()
        };
        let branding = after(update).expect("fine");
        assert_eq!(branding.product_name.as_deref(), Some("Acme"));
        assert_eq!((branding.support_url, branding.texts.len()), (None, 0));
    }
}
