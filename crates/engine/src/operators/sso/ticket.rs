//! What a browser keeps while a person is at the identity provider. Nothing is stored here, so that any replica can take
//! the answer: state, nonce and PKCE verifier all follow from the one secret in the browser's cookie.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use time::Duration;
use valetkey_domain::{Entropy, ExposeSecret, SecretString, Time};
use valetkey_upstream::oidc::Attempt;
use zeroize::Zeroizing;

use crate::clients::{random_text, same_hash, sha256};

/// How long a person may take at the provider.
const LIFE: Duration = Duration::minutes(10);
/// The longest ticket that is read.
const MAX_LENGTH: usize = 3000;

/// `seconds.secret.next`, the last part in base64url.
pub(super) struct Ticket(SecretString);

impl Ticket {
    /// A ticket for somebody who wants to see `next`.
    pub(super) fn new(now: Time, next: &str, entropy: &dyn Entropy) -> Self {
        let secret = random_text(entropy);
        let next = URL_SAFE_NO_PAD.encode(next);
        Self(format!("{}.{}.{next}", now.unix_timestamp(), *secret).into())
    }

    /// The ticket that a browser brings back, if it is one and not too old.
    pub(super) fn read(text: &SecretString, now: Time) -> Option<Self> {
        let exposed = text.expose_secret();
        let (began, rest) = exposed.split_once('.').filter(|_| exposed.len() <= MAX_LENGTH)?;
        rest.split_once('.').filter(|(secret, _)| secret.len() >= 22)?;
        let age = now - Time::from_unix_timestamp(began.parse().ok()?).ok()?;
        // Another replica's clock may be a little ahead.
        (age <= LIFE && age >= -LIFE).then(|| Self(text.clone()))
    }

    /// What the browser keeps.
    pub(super) fn text(&self) -> &SecretString {
        &self.0
    }

    /// The secrets of the sign-in.
    pub(super) fn attempt(&self) -> Attempt {
        Attempt {
            state: self.derived("state"),
            nonce: self.derived("nonce"),
            verifier: self.derived("verifier"),
        }
    }

    /// Whether `state` is that of this sign-in.
    pub(super) fn began(&self, state: &str) -> bool {
        let own = self.derived("state");
        same_hash(&sha256(own.expose_secret().as_bytes()), &sha256(state.as_bytes()))
    }

    /// What the person wanted to see. The browser could write anything here: it is checked like that of the login.
    pub(super) fn next(&self) -> String {
        let next = self.0.expose_secret().rsplit('.').next().unwrap_or_default();
        URL_SAFE_NO_PAD.decode(next).ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default()
    }

    /// 43 characters that follow from the ticket and lead back to nothing.
    fn derived(&self, what: &str) -> SecretString {
        let text = Zeroizing::new(format!("sso {what} of {}", self.0.expose_secret()));
        URL_SAFE_NO_PAD.encode(sha256(text.as_bytes())).into()
    }
}

#[cfg(test)]
mod tests {
    use valetkey_vault::SystemEntropy;

    use super::*;

    fn text(ticket: &Ticket) -> String {
        ticket.text().expose_secret().to_owned()
    }

    /// S44: a ticket begins exactly its own sign-in, for ten minutes, and its three secrets have nothing in common.
    #[test]
    fn ticket_binds_one_sign_in_to_one_browser_for_ten_minutes() {
        let now = Time::UNIX_EPOCH + Duration::days(20_000);
        let (ticket, other) =
            (Ticket::new(now, "/accounts?q=ä", &SystemEntropy), Ticket::new(now, "", &SystemEntropy));
        let attempt = ticket.attempt();
        let secrets = [&attempt.state, &attempt.nonce, &attempt.verifier].map(ExposeSecret::expose_secret);
        assert!(secrets.iter().all(|secret| secret.len() == 43 && !text(&ticket).contains(*secret)));
        assert!(secrets[0] != secrets[1] && secrets[1] != secrets[2] && secrets[0] != secrets[2]);
        assert!(ticket.began(secrets[0]) && !other.began(secrets[0]) && !ticket.began(secrets[1]));

        let read = Ticket::read(ticket.text(), now + LIFE).unwrap();
        assert!(read.began(secrets[0]));
        assert_eq!(read.next(), "/accounts?q=ä");
        assert!(Ticket::read(ticket.text(), now + LIFE + Duration::seconds(1)).is_none());
        // Whoever makes a ticket younger has another sign-in.
        let younger = text(&ticket).replacen(&now.unix_timestamp().to_string(), "1728000001", 1);
        let younger = Ticket::read(&younger.into(), now).unwrap();
        assert!(!younger.began(secrets[0]));
        for broken in ["", ".", "x.y.z", "1728000000", "1728000000.short.", "99999999999999999999.a.b"] {
            assert!(Ticket::read(&broken.to_owned().into(), now).is_none(), "{broken}");
        }
    }
}
