//! At least one row in every table, with every kind of value.

use std::time::Duration;

use serde_json::json;
use valetkey_domain::{
    AuthRequest, Change, Changes, Connection, Execution, KeptAnswer, SealedBlob,
    keys::{KeyTerm, SigningKey},
    webhook::WebhookEvent,
};

use super::fixture::{Fixture, with};

/// Stores something of everything.
pub async fn everything(f: &Fixture) {
    f.other_environment().await;
    for (n, name) in ["one", "two"].into_iter().enumerate() {
        let secret = Some(SealedBlob(f.hash().to_vec()));
        let connection = Connection {
            client_id: Some("client".into()),
            client_secret: secret.clone(),
            use_shared_credentials: n == 0,
            enabled: n == 1,
            scopes: vec!["a".into(), "é ü".into()],
            ..f.connection(name)
        };
        f.commit(Change::InsertConnection(connection.clone())).await.unwrap();
        let expiry = f.now();
        let account = with(&f.account(&connection, "user_1"), |account| {
            account.label = Some("Zoë 🦊 O'Neil".into());
            account.degraded = Some(f.degraded(2));
            account.token_expires_at = Some(expiry);
        });
        f.commit(Change::InsertAccount(account.clone())).await.unwrap();
        let holder = f.store.join(f.now()).await.unwrap().instance;
        let client = f.api_client(&format!("agent_{name}"));
        let request = AuthRequest {
            code_verifier: secret.clone(),
            state_hash: Some(f.hash()),
            ..f.auth_request(&account)
        };
        let execution = Execution { instance: Some(holder), ..f.execution(&account) };
        let term = u32::try_from(n).unwrap() + 1;
        let changes = Changes::new()
            .and(f.credential(&account, 1))
            .and(Change::InsertAuthRequest(request))
            .and(Change::InsertRevocation(f.revocation(&account)))
            .and(Change::AppendEvent(f.event(&account)))
            .and(Change::InsertExecution(execution.clone()))
            .and(Change::InsertAnswer(KeptAnswer { sealed: secret.clone(), ..f.answer(&execution) }))
            .and(Change::InsertApiClient(client.clone()))
            .and(Change::InsertApiToken(f.api_token(&client)))
            .and(Change::InsertKeyTerm(KeyTerm {
                term,
                sealed_key: SealedBlob(f.hash().to_vec()),
                seals_reserved: 1 << 62,
                created_at: f.now(),
            }))
            .and(Change::InsertSigningKey(SigningKey {
                kid: format!("key {name}"),
                sealed_private_key: SealedBlob(vec![0, 0xff, b'\'']),
                public_jwk: json!({"kty": "EC"}),
                created_at: f.now(),
            }));
        f.commit(changes).await.unwrap();
        let user = f.user(&format!("{name}@example.com"));
        let people = Changes::new()
            .and(Change::InsertUser(user.clone()))
            .and(Change::InsertInvitation(f.invitation(Some(&user))))
            .and(Change::InsertSession(f.session(&user)))
            .and(Change::AppendAudit(f.audit_entry("user.created")))
            .and(Change::PutStatusCounts {
                at: f.now(),
                keep_from: f.now(),
                counts: f.store.accounts_by_status().await.unwrap(),
            });
        f.commit(people).await.unwrap();
        let logo = f.logo();
        let version = n as u64 + 1;
        let branding = Changes::new()
            .and(Change::PutLogo(logo.clone()))
            .and(Change::PutBranding(f.branding(version, Some(&logo))))
            .and(Change::InsertBulk(f.bulk(name, "user:a")));
        let webhook = f.stored_webhook(&[WebhookEvent::AccountError]).await;
        let message = f.delivery(&webhook);
        let webhooks = Changes::from(Change::InsertDelivery(message.clone()))
            .and(Change::InsertDeliveryBody(f.delivery_body(&message, Some(&account))))
            .and(f.webhook_secret(&webhook, 1));
        f.commit(webhooks).await.unwrap();
        f.commit(branding).await.unwrap();
        let attempt = f.attempt(&account, 1, 1, holder);
        f.commit(Change::BeginRefresh { attempt, lease: Duration::from_secs(3600) }).await.unwrap();
    }
}
