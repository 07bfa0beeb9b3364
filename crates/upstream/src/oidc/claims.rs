//! Who a person is, from the claims of the ID token and of userinfo.

use serde_json::Value;

use super::kinds::{Claims, Further, UserInfo};

/// Whom the provider vouches for.
#[derive(Debug, Clone, PartialEq)]
pub struct Vouched {
    /// The issuer.
    pub issuer: String,
    /// The subject: with the issuer it never changes hands (OpenID Connect Core §5.7).
    pub subject: String,
    /// The e-mail address.
    pub email: Option<String>,
    /// Whether the provider has verified that the person has it.
    pub email_verified: bool,
    /// How the person is called.
    pub name: Option<String>,
    further: Vec<(String, Value)>,
}

impl Vouched {
    /// The values of a claim that holds a text or a list of texts, such as `groups`.
    #[must_use]
    pub fn texts(&self, claim: &str) -> Vec<&str> {
        let values = self.further.iter().filter(|(name, _)| name == claim).map(|(_, value)| value);
        values
            .flat_map(|value| match value {
                Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
                other => other.as_str().into_iter().collect::<Vec<_>>(),
            })
            .collect()
    }
}

/// What the two together say. The ID token goes before: it is signed.
pub(super) fn vouched(issuer: &str, claims: &Claims, more: Option<&UserInfo>) -> Vouched {
    let email = claims.email().map(|email| (email.to_string(), claims.email_verified()));
    let more_email = more.and_then(|more| {
        Some((more.standard_claims().email()?.to_string(), more.standard_claims().email_verified()))
    });
    let (email, verified) = email.or(more_email).unzip();
    let plain = |name: Option<&openidconnect::LocalizedClaim<openidconnect::EndUserName>>| {
        Some(name?.get(None)?.to_string())
    };
    let name = plain(claims.name()).or_else(|| plain(more?.standard_claims().name()));
    let of = |further: &Further| further.all.clone().into_iter();
    let further = of(claims.additional_claims());
    let further = further.chain(more.into_iter().flat_map(|more| of(more.additional_claims())));
    Vouched {
        issuer: issuer.to_owned(),
        subject: claims.subject().to_string(),
        email,
        email_verified: verified.flatten() == Some(true),
        name,
        further: further.collect(),
    }
}
