//! Single sign-on for the dashboard.

use std::{collections::BTreeMap, str::FromStr, time::Duration};

use valetkey_domain::{ExposeSecret, Role, SecretString};

use super::{Mode, read::Reader};

/// The identity provider and whom it lets in.
#[derive(Debug, Clone)]
pub(crate) struct Sso {
    pub(crate) issuer: String,
    pub(crate) client_id: String,
    pub(crate) client_secret: Option<SecretString>,
    pub(crate) scopes: Vec<String>,
    pub(crate) domains: Vec<String>,
    pub(crate) admit_domains: bool,
    pub(crate) default_role: Option<Role>,
    pub(crate) role_claim: Option<String>,
    pub(crate) roles: BTreeMap<String, Role>,
    pub(crate) trust_email: bool,
    pub(crate) require: bool,
    pub(crate) session: Option<Duration>,
    pub(crate) label: Option<String>,
    /// Whether the issuer may be on a private address, and reached over plain `http` there.
    pub(crate) allow_private: bool,
}

/// `group=role`.
struct Mapping(String, Role);

impl FromStr for Mapping {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (group, role) = text.rsplit_once('=').ok_or(())?;
        let role = Role::parse(role.trim()).ok_or(())?;
        match group.trim() {
            "" => Err(()),
            group => Ok(Self(group.to_owned(), role)),
        }
    }
}

impl Sso {
    pub(super) fn read(reader: &mut Reader) -> Option<Self> {
        let allow_private = reader.flag("sso_allow_private").unwrap_or(reader.mode == Mode::Dev);
        let issuer = issuer(reader, allow_private);
        let client_id = reader.text("sso_client_id");
        let client_secret = secret(reader);
        let scopes = reader.list("sso_scopes", "a scope");
        let domains: Vec<String> = reader.list("sso_domains", "a domain");
        let domains: Vec<String> = domains.iter().map(|domain| domain.to_lowercase()).collect();
        if domains.iter().any(|domain| domain.contains('@') || !domain.contains('.')) {
            reader.refuse("sso_domains", "must be domains such as example.com");
        }
        let admit_domains = reader.flag("sso_admit_domains").unwrap_or_default();
        if admit_domains && domains.is_empty() {
            reader.refuse(
                "sso_admit_domains",
                "needs sso_domains: it would let in whoever has an account anywhere",
            );
        }
        let default_role = role(reader);
        let role_claim = reader.text("sso_role_claim");
        let mappings: Vec<Mapping> = reader.list("sso_roles", "group=owner, group=operator or group=viewer");
        let roles: BTreeMap<_, _> = mappings.into_iter().map(|Mapping(group, role)| (group, role)).collect();
        if role_claim.is_some() == roles.is_empty() {
            let missing = if roles.is_empty() { "sso_roles" } else { "sso_role_claim" };
            reader.refuse(missing, "is missing: sso_role_claim and sso_roles belong together");
        }
        let trust_email = reader.flag("sso_trust_email").unwrap_or_default();
        let require = reader.flag("sso_require").unwrap_or_default();
        let session = reader.seconds("sso_session_s", 300..=43_200);
        let label = reader.text("sso_label");
        if label
            .as_ref()
            .is_some_and(|label| label.chars().count() > 60 || label.chars().any(char::is_control))
        {
            reader.refuse("sso_label", "must have at most 60 characters, all printable");
        }
        match (reader.is_set("sso_issuer"), reader.is_set("sso_client_id")) {
            (true, false) => reader.refuse("sso_client_id", "is missing beside sso_issuer"),
            (false, true) => reader.refuse("sso_issuer", "is missing beside sso_client_id"),
            (false, false) if require => {
                reader.refuse("sso_require", "needs sso_issuer: nobody could log in")
            }
            _ => {}
        }
        Some(Self {
            issuer: issuer?,
            client_id: client_id?,
            client_secret,
            scopes,
            domains,
            admit_domains,
            default_role,
            role_claim,
            roles,
            trust_email,
            require,
            session,
            label,
            allow_private,
        })
    }
}

/// The issuer as it is written: a slash at its end is part of its name.
fn issuer(reader: &mut Reader, allow_private: bool) -> Option<String> {
    let schemes: &[&str] = if allow_private { &["https", "http"] } else { &["https"] };
    let url = reader.url("sso_issuer", schemes)?;
    if url.query().is_some() || url.fragment().is_some() {
        reader.refuse("sso_issuer", "must have no query and no fragment");
        return None;
    }
    reader.text("sso_issuer")
}

fn secret(reader: &mut Reader) -> Option<SecretString> {
    let (inline, file) = ("sso_client_secret", "sso_client_secret_file");
    if reader.is_set(inline) && reader.is_set(file) {
        reader.refuse(file, format!("is set beside {inline}: set only one of them"));
        return None;
    }
    if let Some(secret) = reader.secret(inline) {
        return Some(secret);
    }
    let text: SecretString = String::from_utf8(reader.file(file)?).unwrap_or_default().into();
    let secret: SecretString = text.expose_secret().trim().to_owned().into();
    if secret.expose_secret().is_empty() {
        reader.refuse(file, "holds no text");
        return None;
    }
    Some(secret)
}

fn role(reader: &mut Reader) -> Option<Role> {
    let text = reader.text("sso_default_role")?;
    let role = Role::parse(&text);
    if role.is_none() {
        reader.refuse("sso_default_role", format!("{text:?} is not owner, operator or viewer"));
    }
    role
}
