//! Every sealed secret, wherever it is kept, for sealing it anew.

use valetkey_domain::{
    SealedBlob, StoreError,
    store::{SealedPlace, SealedRecord},
};

use super::{
    pool::Sessions,
    row::{Columns, Conflicts, Record, count, values},
    statement::{Query, Write},
};

/// Sealed anew only in the place of what was read: a secret that was replaced meanwhile is sealed anew already.
pub(super) fn reseal(place: &SealedPlace, from: &SealedBlob, to: &SealedBlob) -> Result<Write, StoreError> {
    let conflicts = |table| Conflicts { table, record: "sealed", unique: "sealed", reference: "sealed" };
    let (table, sql, id) = match place {
        SealedPlace::Credential(account, generation) => {
            let sql =
                "UPDATE credentials SET sealed = $3 WHERE account = $1 AND sealed = $2 AND generation = $4";
            let generation = count(*generation, "credentials", "generation")?;
            let values = values![account.as_str(), from, to, generation];
            return Ok(Write::any(sql, conflicts("credentials"), values));
        }
        SealedPlace::WebhookSecret(webhook, generation) => {
            let sql = "UPDATE webhook_secrets SET sealed = $3 WHERE webhook = $1 AND sealed = $2 AND generation = $4";
            let generation = count(*generation, "webhook_secrets", "generation")?;
            let values = values![webhook.as_str(), from, to, generation];
            return Ok(Write::any(sql, conflicts("webhook_secrets"), values));
        }
        SealedPlace::DeliveryBody(webhook, id) => {
            let sql =
                "UPDATE webhook_bodies SET sealed = $3 WHERE webhook = $1 AND sealed = $2 AND delivery = $4";
            let values = values![webhook.as_str(), from, to, id.as_str()];
            return Ok(Write::any(sql, conflicts("webhook_bodies"), values));
        }
        SealedPlace::ClientSecret(id) => (
            "connections",
            "UPDATE connections SET client_secret = $3 WHERE id = $1 AND client_secret = $2",
            id.as_str(),
        ),
        SealedPlace::CodeVerifier(id) => (
            "auth_requests",
            "UPDATE auth_requests SET code_verifier = $3 WHERE id = $1 AND code_verifier = $2",
            id.as_str(),
        ),
        SealedPlace::SigningKey(kid) => (
            "signing_keys",
            "UPDATE signing_keys SET sealed_private_key = $3 WHERE kid = $1 AND sealed_private_key = $2",
            kid.as_str(),
        ),
        SealedPlace::Revocation(id) => {
            ("revocations", "UPDATE revocations SET sealed = $3 WHERE id = $1 AND sealed = $2", id.as_str())
        }
        SealedPlace::Answer(id) => {
            ("answers", "UPDATE answers SET sealed = $3 WHERE execution = $1 AND sealed = $2", id.as_str())
        }
    };
    Ok(Write::any(sql, conflicts(table), values![id, from, to]))
}

struct Credential(SealedRecord);

impl Record for Credential {
    const TABLE: &'static str = "credentials";
    const COLUMNS: &'static str =
        "account, generation, (SELECT environment FROM accounts WHERE id = account), sealed";

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self(SealedRecord {
            place: SealedPlace::Credential(columns.id("account")?, columns.number("generation")?),
            environment: columns.optional_id("account")?,
            sealed_for: None,
            sealed: columns.sealed("sealed")?,
        }))
    }
}

struct ClientSecret(SealedRecord);

impl Record for ClientSecret {
    const TABLE: &'static str = "connections";
    const COLUMNS: &'static str = "id, environment, client_secret";

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self(SealedRecord {
            place: SealedPlace::ClientSecret(columns.id("id")?),
            environment: Some(columns.id("environment")?),
            sealed_for: None,
            sealed: columns.sealed("client_secret")?,
        }))
    }
}

struct CodeVerifier(SealedRecord);

impl Record for CodeVerifier {
    const TABLE: &'static str = "auth_requests";
    const COLUMNS: &'static str = "id, environment, code_verifier";

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self(SealedRecord {
            place: SealedPlace::CodeVerifier(columns.id("id")?),
            environment: Some(columns.id("environment")?),
            sealed_for: None,
            sealed: columns.sealed("code_verifier")?,
        }))
    }
}

struct PrivateKey(SealedRecord);

impl Record for PrivateKey {
    const TABLE: &'static str = "signing_keys";
    const COLUMNS: &'static str = "kid, sealed_private_key";

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self(SealedRecord {
            place: SealedPlace::SigningKey(columns.text("kid")?),
            environment: None,
            sealed_for: None,
            sealed: columns.sealed("sealed_private_key")?,
        }))
    }
}

struct Revocation(SealedRecord);

impl Record for Revocation {
    const TABLE: &'static str = "revocations";
    const COLUMNS: &'static str = "id, environment, account, generation, sealed";

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self(SealedRecord {
            place: SealedPlace::Revocation(columns.id("id")?),
            environment: Some(columns.id("environment")?),
            sealed_for: Some((columns.id("account")?, columns.number("generation")?)),
            sealed: columns.sealed("sealed")?,
        }))
    }
}

struct SecretOfWebhook(SealedRecord);

impl Record for SecretOfWebhook {
    const TABLE: &'static str = "webhook_secrets";
    const COLUMNS: &'static str =
        "webhook, generation, (SELECT environment FROM webhooks WHERE id = webhook), sealed";

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self(SealedRecord {
            place: SealedPlace::WebhookSecret(columns.id("webhook")?, columns.number("generation")?),
            environment: columns.optional_id("webhook")?,
            sealed_for: None,
            sealed: columns.sealed("sealed")?,
        }))
    }
}

struct BodyOfDelivery(SealedRecord);

impl Record for BodyOfDelivery {
    const TABLE: &'static str = "webhook_bodies";
    const COLUMNS: &'static str =
        "webhook, delivery, (SELECT environment FROM webhooks WHERE id = webhook), sealed";

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self(SealedRecord {
            place: SealedPlace::DeliveryBody(columns.id("webhook")?, columns.id("delivery")?),
            environment: columns.optional_id("webhook")?,
            sealed_for: None,
            sealed: columns.sealed("sealed")?,
        }))
    }
}

struct Answer(SealedRecord);

impl Record for Answer {
    const TABLE: &'static str = "answers";
    const COLUMNS: &'static str = "execution, environment, sealed";

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self(SealedRecord {
            place: SealedPlace::Answer(columns.id("execution")?),
            environment: Some(columns.id("environment")?),
            sealed_for: None,
            sealed: columns.sealed("sealed")?,
        }))
    }
}

/// The next ones after a place, in the order of places: kind by kind, each along its key.
pub(super) async fn after(
    sessions: &Sessions,
    after: Option<&SealedPlace>,
    limit: u32,
) -> Result<Vec<SealedRecord>, StoreError> {
    let mut found: Vec<SealedRecord> = Vec::new();
    let left = |found: &[SealedRecord]| i64::from(limit) - i64::try_from(found.len()).unwrap_or(i64::MAX);
    // Every key is greater than the empty text: a kind that the place is before is read from its first record on.
    let (kind, key, generation) = match after {
        None => (0, "", 0),
        Some(SealedPlace::Credential(account, generation)) => (0, account.as_str(), *generation),
        Some(SealedPlace::ClientSecret(id)) => (1, id.as_str(), 0),
        Some(SealedPlace::CodeVerifier(id)) => (2, id.as_str(), 0),
        Some(SealedPlace::SigningKey(kid)) => (3, kid.as_str(), 0),
        Some(SealedPlace::Revocation(id)) => (4, id.as_str(), 0),
        Some(SealedPlace::Answer(id)) => (5, id.as_str(), 0),
        Some(SealedPlace::WebhookSecret(id, generation)) => (6, id.as_str(), *generation),
        Some(SealedPlace::DeliveryBody(webhook, _)) => (7, webhook.as_str(), 0),
    };
    let key_of = |this: u8| if this == kind { key } else { "" };
    if kind == 0 {
        let generation = count(generation, "credentials", "generation")?;
        let rest = "(account, generation) > ($1, $2) ORDER BY account, generation LIMIT $3";
        let query = Query::<Credential>::new(rest, values![key, generation, left(&found)]);
        found.extend(sessions.all(query).await?.into_iter().map(|it| it.0));
    }
    if kind <= 1 && left(&found) > 0 {
        let rest = "id > $1 AND client_secret IS NOT NULL ORDER BY id LIMIT $2";
        let query = Query::<ClientSecret>::new(rest, values![key_of(1), left(&found)]);
        found.extend(sessions.all(query).await?.into_iter().map(|it| it.0));
    }
    if kind <= 2 && left(&found) > 0 {
        let rest = "id > $1 AND code_verifier IS NOT NULL ORDER BY id LIMIT $2";
        let query = Query::<CodeVerifier>::new(rest, values![key_of(2), left(&found)]);
        found.extend(sessions.all(query).await?.into_iter().map(|it| it.0));
    }
    if kind <= 3 && left(&found) > 0 {
        // A key's name may be empty.
        let rest = "(kid > $1 OR $3) ORDER BY kid LIMIT $2";
        let query = Query::<PrivateKey>::new(rest, values![key_of(3), left(&found), kind < 3]);
        found.extend(sessions.all(query).await?.into_iter().map(|it| it.0));
    }
    if kind <= 4 && left(&found) > 0 {
        let rest = "id > $1 ORDER BY id LIMIT $2";
        let query = Query::<Revocation>::new(rest, values![key_of(4), left(&found)]);
        found.extend(sessions.all(query).await?.into_iter().map(|it| it.0));
    }
    if kind <= 5 && left(&found) > 0 {
        let rest = "execution > $1 AND sealed IS NOT NULL ORDER BY execution LIMIT $2";
        let query = Query::<Answer>::new(rest, values![key_of(5), left(&found)]);
        found.extend(sessions.all(query).await?.into_iter().map(|it| it.0));
    }
    if kind <= 6 && left(&found) > 0 {
        let generation = count(if kind == 6 { generation } else { 0 }, "webhook_secrets", "generation")?;
        let rest = "(webhook, generation) > ($1, $2) ORDER BY webhook, generation LIMIT $3";
        let query = Query::<SecretOfWebhook>::new(rest, values![key_of(6), generation, left(&found)]);
        found.extend(sessions.all(query).await?.into_iter().map(|it| it.0));
    }
    if left(&found) > 0 {
        let delivery = match after {
            Some(SealedPlace::DeliveryBody(_, delivery)) => delivery.as_str(),
            _ => "",
        };
        let rest = "(webhook, delivery) > ($1, $2) ORDER BY webhook, delivery LIMIT $3";
        let query = Query::<BodyOfDelivery>::new(rest, values![key_of(7), delivery, left(&found)]);
        found.extend(sessions.all(query).await?.into_iter().map(|it| it.0));
    }
    Ok(found)
}
