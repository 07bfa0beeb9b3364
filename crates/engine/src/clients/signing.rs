//! The keys that sign our access tokens: made once, sealed in the store, loaded on first use.

use std::{collections::BTreeMap, sync::Arc};

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    rsa,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey,
    jwk::{Jwk, ThumbprintHash},
};
use serde_json::{Value, json};
use tokio::sync::RwLock;
use valetkey_domain::{
    Change, Error, SealedBlob, Time, keys::SigningKey, sealed::SealContext, store::StoreError,
};
use zeroize::Zeroizing;

use crate::Engine;

/// How long an unknown `kid` does not make us read the keys again: a stranger's tokens must not hammer the database.
const RELOAD_PAUSE: time::Duration = time::Duration::seconds(10);

/// The keys in memory.
#[derive(Default)]
pub(crate) struct SigningKeys(RwLock<Option<Loaded>>);

#[derive(Clone)]
struct Loaded {
    keys: Arc<KeySet>,
    at: Time,
}

/// Every key that verifies, and the newest one, which signs.
pub(super) struct KeySet {
    pub(super) kid: String,
    pub(super) signing: EncodingKey,
    verifying: BTreeMap<String, DecodingKey>,
    jwks: Value,
}

impl KeySet {
    /// The key that verifies tokens with this `kid`.
    pub(super) fn verifying(&self, kid: &str) -> Option<&DecodingKey> {
        self.verifying.get(kid)
    }
}

impl Engine {
    /// The public keys, as a JWK set (RFC 7517).
    ///
    /// # Errors
    /// `storage_unavailable`, `seal_refused`.
    pub async fn jwks(&self) -> Result<Value, Error> {
        Ok(self.signing_keys().await?.jwks.clone())
    }

    /// The keys, loaded (and the first one made) when first asked for.
    pub(super) async fn signing_keys(&self) -> Result<Arc<KeySet>, Error> {
        if let Some(loaded) = &*self.0.signing_keys.0.read().await {
            return Ok(loaded.keys.clone());
        }
        let mut slot = self.0.signing_keys.0.write().await;
        if let Some(loaded) = &*slot {
            return Ok(loaded.keys.clone());
        }
        let keys = self.load_signing_keys().await?;
        *slot = Some(Loaded { keys: keys.clone(), at: self.now() });
        Ok(keys)
    }

    /// The keys, read again if that was not done just now: another server on the same database may have added one.
    pub(super) async fn signing_keys_reloaded(&self) -> Result<Arc<KeySet>, Error> {
        let mut slot = self.0.signing_keys.0.write().await;
        if let Some(loaded) = &*slot
            && self.now() - loaded.at < RELOAD_PAUSE
        {
            return Ok(loaded.keys.clone());
        }
        let keys = self.load_signing_keys().await?;
        *slot = Some(Loaded { keys: keys.clone(), at: self.now() });
        Ok(keys)
    }

    async fn load_signing_keys(&self) -> Result<Arc<KeySet>, Error> {
        let mut stored = self.0.store.signing_keys().await?;
        if stored.is_empty() {
            self.make_signing_key().await?;
            stored = self.0.store.signing_keys().await?;
        }
        let newest =
            stored.last().ok_or_else(|| Error::internal("no signing key right after one was made"))?;
        let der = self.0.keyring.open(seal_context(&newest.kid), &newest.sealed_private_key).await?;
        let mut verifying = BTreeMap::new();
        for key in &stored {
            let part = |name: &str| key.public_jwk.get(name).and_then(Value::as_str).unwrap_or_default();
            let decoding = DecodingKey::from_rsa_components(part("n"), part("e")).map_err(Error::internal)?;
            verifying.insert(key.kid.clone(), decoding);
        }
        let public: Vec<_> = stored.iter().map(|key| key.public_jwk.clone()).collect();
        Ok(Arc::new(KeySet {
            kid: newest.kid.clone(),
            signing: encoding_key(&der)?,
            verifying,
            jwks: json!({ "keys": public }),
        }))
    }

    async fn make_signing_key(&self) -> Result<(), Error> {
        // Finding two primes takes a while: not on a thread that serves requests.
        let der = tokio::task::spawn_blocking(generate).await.map_err(Error::internal)??;
        let jwk = Jwk::from_encoding_key(&encoding_key(&der)?, Algorithm::RS256).map_err(Error::internal)?;
        // RFC 7638: the thumbprint names the key, so that equal keys have equal ids wherever they are loaded.
        let kid = jwk.thumbprint(ThumbprintHash::SHA256).map_err(Error::internal)?;
        let mut public_jwk = serde_json::to_value(&jwk).map_err(Error::internal)?;
        if let Value::Object(fields) = &mut public_jwk {
            fields.insert("kid".into(), json!(kid));
            fields.insert("use".into(), json!("sig"));
            fields.insert("alg".into(), json!("RS256"));
        }
        let sealed_private_key: SealedBlob = self.0.keyring.seal(seal_context(&kid), &der).await?;
        let key = SigningKey { kid, sealed_private_key, public_jwk, created_at: self.now() };
        match self.0.store.commit(Change::InsertSigningKey(key).into()).await {
            Ok(()) | Err(StoreError::Conflict { .. }) => Ok(()),
            Err(failure) => Err(failure.into()),
        }
    }
}

/// The field that a signing key is sealed for.
pub(crate) const PRIVATE_KEY: &str = "private_key";

fn seal_context(kid: &str) -> SealContext<'_> {
    SealContext { environment: "", record: kid, field: PRIVATE_KEY, generation: 0 }
}

/// A new RSA key of 2048 bits as PKCS#8 DER.
fn generate() -> Result<Zeroizing<Vec<u8>>, Error> {
    let pair = rsa::KeyPair::generate(rsa::KeySize::Rsa2048)
        .map_err(|_| Error::internal("the RSA key could not be generated"))?;
    let der: Pkcs8V1Der<'_> =
        pair.as_der().map_err(|_| Error::internal("the RSA key could not be encoded"))?;
    Ok(Zeroizing::new(der.as_ref().to_vec()))
}

/// The library takes PKCS#8 only as PEM.
fn encoding_key(pkcs8: &[u8]) -> Result<EncodingKey, Error> {
    let body = Zeroizing::new(STANDARD.encode(pkcs8));
    let mut pem = Zeroizing::new(String::with_capacity(body.len() + body.len() / 64 + 64));
    pem.push_str("-----BEGIN PRIVATE KEY-----\n");
    for line in body.as_bytes().chunks(64) {
        pem.push_str(&String::from_utf8_lossy(line));
        pem.push('\n');
    }
    pem.push_str("-----END PRIVATE KEY-----\n");
    // The error could quote its input.
    EncodingKey::from_rsa_pem(pem.as_bytes()).map_err(|_| Error::internal("the signing key is no RSA key"))
}
