//! Records to store.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use serde_json::json;
use time::Duration;
use valetkey_domain::{
    Account, AccountId, ApiClient, ApiClientId, ApiToken, ApiTokenId, AuthPhase, AuthRequest, AuthRequestId,
    AuthType, Branding, Change, Changes, Clock, Connection, ConnectionId, Entropy, EnvironmentId, ErrorCode,
    Event, EventId, Execution, ExecutionId, InstanceId, Invitation, InvitationId, KeptAnswer, Language,
    ManualClock, PendingRevocation, Permissions, RefreshAttempt, RefreshId, RefreshReason, RevocationId,
    Role, SealedBlob, Session, SessionId, Store, StoreError, Time, User, UserId,
    audit::{AuditOutcome, NewAuditEntry},
    branding::{Accent, Colour, Logo, LogoKind, LogoRef, PageTexts},
    connection::{IdentityPolicy, Overrides},
    event::{EventKind, NewEvent},
    execution::{ExecutionStatus, Source},
    refresh::Degraded,
};

/// Bytes that differ at every call and are the same in every run. For tests.
#[derive(Debug, Default)]
pub struct TestEntropy(AtomicU64);

impl Entropy for TestEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(8) {
            // splitmix64
            let mut x = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
            x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            chunk.copy_from_slice(&(x ^ (x >> 31)).to_le_bytes()[..chunk.len()]);
        }
    }
}

/// A store with one environment in it, and a maker of records whose ids are in the order of their making.
pub struct Fixture {
    /// The store under test.
    pub store: Arc<dyn Store>,
    /// The environment that records are made in.
    pub env: EnvironmentId,
    pub(super) clock: ManualClock,
    pub(super) entropy: TestEntropy,
}

impl Fixture {
    /// A fixture on an empty store.
    pub async fn new(store: Arc<dyn Store>) -> Self {
        Self::with_seed(store, 0).await
    }

    /// A fixture whose records are others than those of a fixture with another seed, each in its own environment.
    pub async fn with_seed(store: Arc<dyn Store>, seed: u64) -> Self {
        let (clock, entropy) = (ManualClock::default(), TestEntropy(AtomicU64::new(seed << 32)));
        let env = EnvironmentId::new(&clock, &entropy);
        let fixture = Self { store, env: env.clone(), clock, entropy };
        let name = if seed == 0 { "default".to_owned() } else { format!("seed {seed}") };
        fixture.commit(fixture.insert_environment(env, &name)).await.unwrap();
        fixture
    }

    /// The next instant: a little later than the one before.
    pub fn now(&self) -> Time {
        self.clock.advance(Duration::milliseconds(1) + Duration::microseconds(7));
        self.clock.now()
    }

    /// 32 bytes that come only once.
    pub fn hash(&self) -> [u8; 32] {
        valetkey_domain::entropy::random_bytes(&self.entropy)
    }

    /// Commits.
    pub async fn commit(&self, changes: impl Into<Changes>) -> Result<(), StoreError> {
        self.store.commit(changes.into()).await
    }

    pub(super) fn insert_environment(&self, id: EnvironmentId, name: &str) -> Change {
        Change::InsertEnvironment { id, name: name.into(), at: self.now() }
    }

    /// A second environment, stored.
    pub async fn other_environment(&self) -> EnvironmentId {
        self.now();
        let id = EnvironmentId::new(&self.clock, &self.entropy);
        self.commit(self.insert_environment(id.clone(), "other")).await.unwrap();
        id
    }

    /// A new connection, not stored.
    pub fn connection(&self, name: &str) -> Connection {
        let now = self.now();
        Connection {
            id: ConnectionId::new(&self.clock, &self.entropy),
            environment: self.env.clone(),
            name: name.into(),
            connector: "gmail".into(),
            client_id: None,
            client_secret: None,
            client_secret_expires_at: None,
            use_shared_credentials: false,
            scopes: Vec::new(),
            overrides: Overrides::default(),
            variables: BTreeMap::new(),
            identity_policy: IdentityPolicy::default(),
            call_timeout_ms: None,
            enabled: true,
            fault: None,
            version: 1,
            created_at: now,
            updated_at: now,
        }
    }

    /// A new connection, stored.
    pub async fn stored_connection(&self, name: &str) -> Connection {
        let connection = self.connection(name);
        self.commit(Change::InsertConnection(connection.clone())).await.unwrap();
        connection
    }

    /// A new account, not stored.
    pub fn account(&self, connection: &Connection, identifier: &str) -> Account {
        let now = self.now();
        Account::pending(
            AccountId::new(&self.clock, &self.entropy),
            connection.environment.clone(),
            connection.id.clone(),
            identifier.into(),
            AuthType::OAuth,
            now,
        )
    }

    /// A new account, stored.
    pub async fn stored_account(&self, connection: &Connection, identifier: &str) -> Account {
        let account = self.account(connection, identifier);
        self.commit(Change::InsertAccount(account.clone())).await.unwrap();
        account
    }

    /// The change that stores a credential.
    pub fn credential(&self, account: &Account, generation: u64) -> Change {
        Change::PutCredential {
            account: account.id.clone(),
            generation,
            sealed: SealedBlob(self.hash().to_vec()),
            at: self.now(),
        }
    }

    /// A new auth request, not stored.
    pub fn auth_request(&self, account: &Account) -> AuthRequest {
        let now = self.now();
        AuthRequest {
            id: AuthRequestId::new(&self.clock, &self.entropy),
            environment: account.environment.clone(),
            account: account.id.clone(),
            connection: account.connection.clone(),
            link_hash: self.hash(),
            state_hash: None,
            browser_hash: None,
            code_verifier: None,
            scopes: vec!["a".into(), "b c".into()],
            caller_state: None,
            user_verify_url: None,
            phase: AuthPhase::Created,
            failure: None,
            generation: 0,
            version: 1,
            created_at: now,
            expires_at: now + Duration::hours(1),
            redirected_at: None,
        }
    }

    /// A new event, not stored.
    pub fn event(&self, account: &Account) -> Event {
        let now = self.now();
        NewEvent::of_account(account, EventKind::AccountCreated)
            .data(json!({"n": 1, "text": "é\u{0}\n"}))
            .at(EventId::new(&self.clock, &self.entropy), now)
    }

    /// A new running execution, not stored.
    pub fn execution(&self, account: &Account) -> Execution {
        let now = self.now();
        Execution {
            id: ExecutionId::new(&self.clock, &self.entropy),
            environment: account.environment.clone(),
            tool: Some("gmail_get_profile".into()),
            connector: "gmail".into(),
            connection: account.connection.clone(),
            account: account.id.clone(),
            identifier: account.identifier.clone(),
            agent_run_id: None,
            client: ApiClientId::try_from("agent".to_owned()).unwrap(),
            source: Source::Rest,
            request_id: "req_1".into(),
            upstream_request: None,
            upstream_status: None,
            status: ExecutionStatus::Running,
            error_code: None,
            error_message: None,
            provider_answer: None,
            instance: None,
            started_at: now,
            duration_us: None,
            phases: Vec::new(),
        }
    }

    /// A new kept answer of an execution, with a key of its own, not stored.
    pub fn answer(&self, execution: &Execution) -> KeptAnswer {
        let now = self.now();
        KeptAnswer {
            execution: execution.id.clone(),
            environment: execution.environment.clone(),
            account: execution.account.clone(),
            client: execution.client.clone(),
            key_hash: Some(self.hash()),
            input_hash: self.hash(),
            detached: false,
            left: false,
            sealed: None,
            keep_until: now + Duration::days(1),
            created_at: now,
        }
    }

    /// A new open attempt to renew a credential, not stored. Its lease is what a lease of zero comes to.
    pub fn attempt(
        &self,
        account: &Account,
        fence: u64,
        generation: u64,
        holder: InstanceId,
    ) -> RefreshAttempt {
        let now = self.now();
        RefreshAttempt {
            id: RefreshId::new(&self.clock, &self.entropy),
            environment: account.environment.clone(),
            connection: account.connection.clone(),
            account: account.id.clone(),
            fence,
            generation,
            holder,
            reason: RefreshReason::Due,
            started_at: now,
            lease_until: now,
            outcome: None,
            code: None,
            ended_at: None,
        }
    }

    /// A note that renewals fail in passing.
    pub fn degraded(&self, failures: u32) -> Degraded {
        let since = self.now();
        Degraded {
            code: ErrorCode::UpstreamError,
            since,
            failures,
            retry_at: since + Duration::seconds(i64::from(failures)),
            asked_for: failures > 1,
        }
    }

    /// A new pending revocation, not stored.
    pub fn revocation(&self, account: &Account) -> PendingRevocation {
        let now = self.now();
        PendingRevocation {
            id: RevocationId::new(&self.clock, &self.entropy),
            environment: account.environment.clone(),
            account: account.id.clone(),
            connection: account.connection.clone(),
            identifier: account.identifier.clone(),
            metadata: BTreeMap::from([("instance_url".into(), "https://x.example".into())]),
            generation: 3,
            sealed: SealedBlob(self.hash().to_vec()),
            attempts: 1,
            last_code: None,
            next_at: now,
            give_up_at: now + Duration::days(7),
            created_at: now,
        }
    }

    /// A new API client, not stored.
    pub fn api_client(&self, id: &str) -> ApiClient {
        ApiClient {
            id: ApiClientId::try_from(id.to_owned()).unwrap(),
            environment: self.env.clone(),
            name: "An agent".into(),
            secret_hash: self.hash(),
            permissions: Permissions::standard(),
            created_at: self.now(),
            disabled_at: None,
        }
    }

    /// A new user, not stored.
    pub fn user(&self, email: &str) -> User {
        let now = self.now();
        User {
            id: UserId::new(&self.clock, &self.entropy),
            email: email.into(),
            name: "Zoë O'Neil".into(),
            role: Role::Operator,
            password_hash: Some("$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaA".into()),
            sso: None,
            version: 1,
            created_at: now,
            disabled_at: None,
        }
    }

    /// A new invitation, not stored.
    pub fn invitation(&self, user: Option<&User>) -> Invitation {
        let now = self.now();
        Invitation {
            id: InvitationId::new(&self.clock, &self.entropy),
            link_hash: self.hash(),
            role: Role::Owner,
            user: user.map(|user| user.id.clone()),
            created_by: "operator".into(),
            created_at: now,
            expires_at: now + Duration::hours(1),
            used_at: None,
        }
    }

    /// A new session, not stored.
    pub fn session(&self, user: &User) -> Session {
        let now = self.now();
        Session {
            id: SessionId::new(&self.clock, &self.entropy),
            user: user.id.clone(),
            token_hash: self.hash(),
            browser: "A browser".into(),
            created_at: now,
            seen_at: now,
            expires_at: now + Duration::hours(12),
        }
    }

    /// A logo.
    pub fn logo(&self) -> Logo {
        let content = [&b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"[..], &self.hash()].concat();
        Logo { hash: self.hash(), kind: LogoKind::Png, content: content.into(), created_at: self.now() }
    }

    /// A branding with everything in it.
    pub fn branding(&self, version: u64, logo: Option<&Logo>) -> Branding {
        let words = |text: &str| PageTexts { connect: Some(text.to_owned()), done: None };
        let colour = |text| Colour::parse(text).unwrap();
        Branding {
            product_name: Some("Zoë's <b>Agents</b>".into()),
            logo: logo.map(|logo| LogoRef { hash: logo.hash, kind: logo.kind }),
            accent: Some(Accent { light: colour("#0a5c36"), dark: colour("#7fdba4") }),
            support_url: Some("https://example.com/help".into()),
            support_email: Some("help@example.com".into()),
            privacy_url: Some("https://example.com/privacy".into()),
            texts: [(Language::English, words("Hello")), (Language::German, words("Grüße"))].into(),
            version,
            updated_at: self.now(),
        }
    }

    /// A new entry of the audit log, not stored.
    pub fn audit_entry(&self, action: &str) -> NewAuditEntry {
        NewAuditEntry {
            at: self.now(),
            environment: Some(self.env.clone()),
            actor: "user:us_1".into(),
            action: action.into(),
            subject: Some("ca_1".into()),
            outcome: AuditOutcome::Done,
            request_id: Some("req_1".into()),
            data: json!({"text": "é\u{0}\r\n\"", "n": [1, null]}),
        }
    }

    /// A new API token, not stored.
    pub fn api_token(&self, client: &ApiClient) -> ApiToken {
        let now = self.now();
        ApiToken {
            id: ApiTokenId::new(&self.clock, &self.entropy),
            environment: client.environment.clone(),
            client: client.id.clone(),
            name: "A token".into(),
            token_hash: self.hash(),
            hint: "vk_abc".into(),
            permissions: client.permissions.clone(),
            bounds: None,
            created_at: now,
            expires_at: None,
            revoked_at: None,
        }
    }
}

/// A copy of `account` with a change.
pub(super) fn with(account: &Account, change: impl FnOnce(&mut Account)) -> Account {
    let mut account = account.clone();
    change(&mut account);
    account
}

/// Fails unless `outcome` is a conflict on `what`.
#[track_caller]
pub(super) fn assert_conflict(outcome: Result<(), StoreError>, what: &str) {
    match outcome {
        Err(StoreError::Conflict { what: found }) => assert_eq!(found, what),
        other => panic!("expected a conflict on {what}, got {other:?}"),
    }
}
