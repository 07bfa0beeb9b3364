//! What messages are signed with, and how: Standard Webhooks 1.0.

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use valetkey_domain::{
    Change, Error, SecretString,
    entropy::random_bytes,
    sealed::SealContext,
    webhook::{Webhook, WebhookSecret},
};
use zeroize::Zeroizing;

use super::OLD_SECRET_LASTS;
use crate::Engine;

/// What a sealed secret of a webhook is sealed for.
pub(crate) const WEBHOOK_SECRET: &str = "webhook_secret";
/// What every secret of a webhook starts with; the key in standard base64 follows.
const PREFIX: &str = "whsec_";
/// Standard Webhooks 1.0 wants a key of 24 to 64 bytes.
const KEY_LENGTH: usize = 24;

fn context(webhook: &Webhook, generation: u64) -> SealContext<'_> {
    SealContext {
        environment: webhook.environment.as_str(),
        record: webhook.id.as_str(),
        field: WEBHOOK_SECRET,
        generation,
    }
}

/// `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`, for each key.
pub(super) fn signatures(keys: &[Zeroizing<Vec<u8>>], id: &str, timestamp: i64, body: &[u8]) -> String {
    let signed = |key: &Zeroizing<Vec<u8>>| {
        let mut signing = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
        signing.update(format!("{id}.{timestamp}.").as_bytes());
        signing.update(body);
        format!("v1,{}", STANDARD.encode(signing.sign()))
    };
    keys.iter().map(signed).collect::<Vec<_>>().join(" ")
}

impl Engine {
    /// A new secret, and the change that stores it.
    pub(super) async fn mint_webhook_secret(
        &self,
        webhook: &Webhook,
        generation: u64,
    ) -> Result<(SecretString, Change), Error> {
        let key = Zeroizing::new(random_bytes::<KEY_LENGTH>(&*self.0.entropy));
        let sealed = self.0.keyring.seal(context(webhook, generation), key.as_slice()).await?;
        let text = Zeroizing::new(STANDARD.encode(key.as_slice()));
        let old_until = self.now() + OLD_SECRET_LASTS;
        let put = Change::PutWebhookSecret { webhook: webhook.id.clone(), generation, sealed, old_until };
        Ok((SecretString::from(format!("{PREFIX}{}", *text)), put))
    }

    /// The keys that a message of now is signed with, the newest first.
    pub(super) async fn webhook_keys(&self, webhook: &Webhook) -> Result<Vec<Zeroizing<Vec<u8>>>, Error> {
        let now = self.now();
        let mut keys = Vec::new();
        for WebhookSecret { generation, sealed, valid_until } in
            self.0.store.webhook_secrets(&webhook.id).await?
        {
            if valid_until.is_none_or(|until| now < until) {
                keys.push(self.0.keyring.open(context(webhook, generation), &sealed).await?);
            }
        }
        Ok(keys)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S53: the example of the Standard Webhooks specification.
    #[test]
    fn signature_is_the_one_of_the_specification() {
        let key = Zeroizing::new(STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap());
        let signed =
            signatures(&[key], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
