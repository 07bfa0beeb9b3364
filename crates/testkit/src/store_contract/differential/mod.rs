//! Random operations on two stores at once: every answer must be the same, of commits, of reads by key and of lists.

mod both;
mod hooks;
mod people;

use std::{future::Future, sync::Arc};

use proptest::{prelude::*, test_runner::TestRunner};
use serde_json::json;
use valetkey_domain::{
    ApiClient, ApiToken, AuthPhase, AuthRequest, Change, Changes, EnvironmentId, ErrorCode, Event, Execution,
    InstanceId, KeptAnswer, PendingRevocation, SealedBlob, Store,
    execution::ExecutionStatus,
    keys::{KeyTerm, SigningKey},
    refresh::Frozen,
    store::SealedPlace,
};

use self::{
    both::Both,
    hooks::{Hooks, Outbox, hooks},
    people::{Folk, People, people},
};
use super::{
    fixture::Fixture,
    model::{Model, Op, nth, op},
};

/// Operations on what the model does not know.
#[derive(Debug, Clone)]
enum More {
    Base(Op),
    People(People),
    Hooks(Hooks),
    Touch { nth: u8 },
    Describe { nth: u8, text: u8 },
    Event { nth: u8, again: bool },
    Execution { nth: u8, tool: u8 },
    Finish { nth: u8, failed: bool },
    Abandon { instance: u8 },
    Answer { nth: u8, keyed: bool, doubled: bool },
    Leave { nth: u8 },
    Brought { nth: u8, sealed: bool, keep_key: bool },
    Forget { nth: u8 },
    AuthRequest { nth: u8, doubled: bool },
    MoveOn { nth: u8, stale: bool },
    Client { id: u8, update: bool },
    Token { client: u8, doubled: bool },
    Revoke { nth: u8 },
    Term { number: u8 },
    Reserve { term: u8, from: u8 },
    SigningKey { kid: u8 },
    Environment { id: u8, name: u8 },
    Rewrap { nth: u8, stale: bool },
    DeleteTerm { number: u8 },
    Reseal { nth: u8, stale: bool },
    Revocation { nth: u8, again: bool },
    TryAgain { nth: u8 },
    Revoked { nth: u8 },
    Freeze { text: u8 },
    Thaw,
}

fn more() -> impl Strategy<Value = More> {
    let nth = any::<u8>;
    let rarely = || prop::bool::weighted(0.2);
    prop_oneof![
        12 => op().prop_map(More::Base),
        10 => people().prop_map(More::People),
        10 => hooks().prop_map(More::Hooks),
        1 => nth().prop_map(|nth| More::Touch { nth }),
        2 => (nth(), 0..6_u8).prop_map(|(nth, text)| More::Describe { nth, text }),
        2 => (nth(), rarely()).prop_map(|(nth, again)| More::Event { nth, again }),
        3 => (nth(), 0..3_u8).prop_map(|(nth, tool)| More::Execution { nth, tool }),
        2 => (nth(), any::<bool>()).prop_map(|(nth, failed)| More::Finish { nth, failed }),
        1 => (0..3_u8).prop_map(|instance| More::Abandon { instance }),
        3 => (nth(), any::<bool>(), rarely())
            .prop_map(|(nth, keyed, doubled)| More::Answer { nth, keyed, doubled }),
        1 => nth().prop_map(|nth| More::Leave { nth }),
        2 => (nth(), any::<bool>(), any::<bool>())
            .prop_map(|(nth, sealed, keep_key)| More::Brought { nth, sealed, keep_key }),
        1 => nth().prop_map(|nth| More::Forget { nth }),
        2 => (nth(), rarely()).prop_map(|(nth, doubled)| More::AuthRequest { nth, doubled }),
        2 => (nth(), rarely()).prop_map(|(nth, stale)| More::MoveOn { nth, stale }),
        1 => (0..4_u8, any::<bool>()).prop_map(|(id, update)| More::Client { id, update }),
        1 => (0..5_u8, rarely()).prop_map(|(client, doubled)| More::Token { client, doubled }),
        1 => nth().prop_map(|nth| More::Revoke { nth }),
        1 => (1..4_u8).prop_map(|number| More::Term { number }),
        1 => (1..5_u8, 0..3_u8).prop_map(|(term, from)| More::Reserve { term, from }),
        1 => (0..4_u8).prop_map(|kid| More::SigningKey { kid }),
        1 => (0..4_u8, 0..4_u8).prop_map(|(id, name)| More::Environment { id, name }),
        1 => (nth(), rarely()).prop_map(|(nth, stale)| More::Rewrap { nth, stale }),
        1 => (1..4_u8).prop_map(|number| More::DeleteTerm { number }),
        2 => (nth(), rarely()).prop_map(|(nth, stale)| More::Reseal { nth, stale }),
        2 => (nth(), rarely()).prop_map(|(nth, again)| More::Revocation { nth, again }),
        1 => nth().prop_map(|nth| More::TryAgain { nth }),
        1 => nth().prop_map(|nth| More::Revoked { nth }),
        1 => (0..6_u8).prop_map(|text| More::Freeze { text }),
        1 => Just(More::Thaw),
    ]
}

/// Texts that a database may take for something else.
const TEXTS: [&str; 6] = [
    "",
    "plain",
    "Ärger \"quoted\" 'x'; DROP TABLE accounts; --",
    "nul \0 inside",
    "100%_ $1 ?1",
    "\u{fdd0}😀\\",
];

/// What has been made so far, stored or not.
#[derive(Default)]
struct Known {
    model: Model,
    events: Vec<Event>,
    executions: Vec<Execution>,
    answers: Vec<KeptAnswer>,
    auth_requests: Vec<AuthRequest>,
    tokens: Vec<ApiToken>,
    environments: Vec<EnvironmentId>,
    revocations: Vec<PendingRevocation>,
    folk: Folk,
    outbox: Outbox,
    terms: Vec<KeyTerm>,
    /// Every sealed value that was ever made, with its place.
    secrets: Vec<(SealedPlace, SealedBlob)>,
}

/// No instance or one of two. The numbers are of nobody: what is tested is what becomes of the rows.
fn instance_of(n: u8) -> Option<InstanceId> {
    (n > 0).then(|| InstanceId(1_000_000 + u32::from(n)))
}

fn client(f: &Fixture, id: u8) -> ApiClient {
    f.api_client(&format!("client-{id}"))
}

impl Known {
    /// The change, with every secret in it noted.
    fn change(&mut self, f: &Fixture, more: &More) -> Option<Change> {
        let change = self.make(f, more)?;
        self.secrets.extend(match &change {
            Change::PutCredential { account, generation, sealed, .. } => {
                Some((SealedPlace::Credential(account.clone(), *generation), sealed.clone()))
            }
            Change::UpdateAuthRequest(request) => {
                let verifier = request.code_verifier.clone();
                verifier.map(|sealed| (SealedPlace::CodeVerifier(request.id.clone()), sealed))
            }
            Change::InsertSigningKey(key) => {
                Some((SealedPlace::SigningKey(key.kid.clone()), key.sealed_private_key.clone()))
            }
            Change::InsertRevocation(it) => Some((SealedPlace::Revocation(it.id.clone()), it.sealed.clone())),
            Change::FinishAnswer { execution, sealed: Some(sealed), .. } => {
                Some((SealedPlace::Answer(execution.clone()), sealed.clone()))
            }
            Change::PutWebhookSecret { webhook, generation, sealed, .. } => {
                Some((SealedPlace::WebhookSecret(webhook.clone(), *generation), sealed.clone()))
            }
            Change::InsertDeliveryBody(body) => {
                let place = SealedPlace::DeliveryBody(body.webhook.clone(), body.delivery.clone());
                Some((place, body.sealed.clone()))
            }
            Change::Reseal { place, to, .. } => Some((place.clone(), to.clone())),
            _ => None,
        });
        Some(change)
    }

    fn make(&mut self, f: &Fixture, more: &More) -> Option<Change> {
        let account = |known: &Self, n: u8| nth(&known.model.known_accounts, n);
        Some(match more {
            More::Base(op) => self.model.change(f, op)?,
            More::People(people) => {
                let accounts: Vec<_> = self.model.known_accounts.iter().map(|it| it.id.clone()).collect();
                self.folk.make(f, people, &accounts, self.environments.last().cloned())?
            }
            More::Hooks(hooks) => {
                let (accounts, elsewhere) = (&self.model.known_accounts, self.environments.last().cloned());
                self.outbox.make(f, hooks, accounts, &self.executions, elsewhere)?
            }
            More::Touch { nth: n } => Change::TouchAccount { id: account(self, *n)?.id, at: f.now() },
            More::Describe { nth: n, text } => {
                let mut account = self.model.current_account(account(self, *n)?);
                let text = TEXTS[*text as usize].to_owned();
                account.version += 1;
                account.user_id = (text.len() > 10).then(|| text.clone());
                account.organization_id = Some(text.clone());
                account.api_config = json!({ "text": text });
                account.label = Some(text);
                Change::UpdateAccount(account)
            }
            More::Event { nth: n, again } => {
                let event = match nth(&self.events, *n).filter(|_| *again) {
                    Some(event) => event,
                    None => f.event(&account(self, *n)?),
                };
                self.events.push(event.clone());
                Change::AppendEvent(event)
            }
            More::Execution { nth: n, tool } => {
                let tool = (*tool > 0).then(|| format!("tool_{tool}"));
                let instance = instance_of(n % 3);
                let execution = Execution { tool, instance, ..f.execution(&account(self, *n)?) };
                self.executions.push(execution.clone());
                Change::InsertExecution(execution)
            }
            More::Finish { nth: n, failed } => {
                let status = if *failed { ExecutionStatus::Failed } else { ExecutionStatus::Succeeded };
                let message = failed.then(|| TEXTS[*n as usize % TEXTS.len()].to_owned());
                let running = nth(&self.executions, *n)?;
                Change::FinishExecution(Execution {
                    status,
                    error_message: message,
                    upstream_status: Some(u16::from(*n) + 200),
                    duration_us: Some(u64::MAX >> 1),
                    ..running
                })
            }
            More::Abandon { instance } => {
                Change::AbandonExecutions { instance: instance_of(*instance), at: f.now() }
            }
            More::Answer { nth: n, keyed, doubled } => {
                // Some execution has one already, and some account is gone.
                let mut answer = f.answer(&nth(&self.executions, *n)?);
                if let Some(other) = nth(&self.answers, *n).filter(|_| *doubled) {
                    (answer.client, answer.key_hash) = (other.client, other.key_hash);
                }
                if !keyed {
                    answer.key_hash = None;
                }
                answer.detached = n % 3 == 0;
                // Some are over when the answers of old calls are removed, some are not.
                answer.keep_until = if n % 2 == 0 { answer.created_at } else { answer.keep_until };
                self.answers.push(answer.clone());
                Change::InsertAnswer(answer)
            }
            More::Leave { nth: n } => Change::AnswerLeaves(nth(&self.answers, *n)?.execution),
            More::Brought { nth: n, sealed, keep_key } => Change::FinishAnswer {
                execution: nth(&self.answers, *n)?.execution,
                sealed: sealed.then(|| SealedBlob(f.hash().to_vec())),
                keep_key: *keep_key,
                keep_until: f.now(),
            },
            More::Forget { nth: n } => Change::DeleteAnswer(nth(&self.answers, *n)?.execution),
            More::AuthRequest { nth: n, doubled } => {
                let mut request = f.auth_request(&account(self, *n)?);
                request.state_hash = (n % 2 == 0).then(|| f.hash());
                if let Some(other) = nth(&self.auth_requests, *n).filter(|_| *doubled) {
                    request.link_hash = other.link_hash;
                }
                self.auth_requests.push(request.clone());
                Change::InsertAuthRequest(request)
            }
            More::MoveOn { nth: n, stale } => {
                let mut request = nth(&self.auth_requests, *n)?;
                request.version += u64::from(!stale);
                request.phase = AuthPhase::Redirected;
                request.code_verifier = Some(SealedBlob(f.hash().to_vec()));
                request.redirected_at = Some(f.now());
                Change::UpdateAuthRequest(request)
            }
            More::Client { id, update: true } => Change::UpdateApiClient(client(f, *id)),
            More::Client { id, update: false } => Change::InsertApiClient(client(f, *id)),
            More::Token { client: id, doubled } => {
                let mut token = f.api_token(&client(f, *id));
                if let Some(other) = self.tokens.last().filter(|_| *doubled) {
                    token.token_hash = other.token_hash;
                }
                self.tokens.push(token.clone());
                Change::InsertApiToken(token)
            }
            More::Revoke { nth: n } => {
                Change::UpdateApiToken(ApiToken { revoked_at: Some(f.now()), ..nth(&self.tokens, *n)? })
            }
            More::Term { number } => {
                let term = KeyTerm {
                    term: u32::from(*number),
                    sealed_key: SealedBlob(f.hash().to_vec()),
                    seals_reserved: 0,
                    created_at: f.now(),
                };
                self.terms.push(term.clone());
                Change::InsertKeyTerm(term)
            }
            More::Rewrap { nth: n, stale } => {
                let KeyTerm { term, sealed_key, .. } = nth(&self.terms, *n)?;
                let from = if *stale { SealedBlob(vec![*n]) } else { sealed_key };
                Change::RewrapKeyTerm { term, from, to: SealedBlob(f.hash().to_vec()) }
            }
            More::DeleteTerm { number } => Change::DeleteKeyTerm { term: u32::from(*number) },
            More::Reseal { nth: n, stale } => {
                let (place, sealed) = nth(&self.secrets, *n)?;
                let from = if *stale { SealedBlob(vec![*n]) } else { sealed };
                Change::Reseal { place, from, to: SealedBlob(f.hash().to_vec()) }
            }
            More::Revocation { nth: n, again } => {
                let revocation = match nth(&self.revocations, *n).filter(|_| *again) {
                    Some(revocation) => revocation,
                    None => f.revocation(&account(self, *n)?),
                };
                self.revocations.push(revocation.clone());
                Change::InsertRevocation(revocation)
            }
            More::TryAgain { nth: n } => Change::UpdateRevocation(PendingRevocation {
                attempts: u32::from(*n),
                last_code: Some(ErrorCode::UpstreamTimeout),
                next_at: f.now(),
                ..nth(&self.revocations, *n)?
            }),
            More::Revoked { nth: n } => Change::DeleteRevocation(nth(&self.revocations, *n)?.id),
            More::Freeze { text } => {
                Change::Freeze(Frozen { since: f.now(), reason: TEXTS[*text as usize].to_owned() })
            }
            More::Thaw => Change::Thaw,
            More::Reserve { term, from } => {
                let from = u64::from(*from);
                Change::ReserveSeals { term: u32::from(*term), from, to: from + 1 }
            }
            More::SigningKey { kid } => Change::InsertSigningKey(SigningKey {
                kid: format!("key-{kid}"),
                sealed_private_key: SealedBlob(f.hash().to_vec()),
                public_jwk: json!({"kid": kid}),
                created_at: f.now(),
            }),
            More::Environment { id, name } => {
                let id: EnvironmentId = format!("env_{id:026}").parse().unwrap();
                self.environments.push(id.clone());
                f.insert_environment(id, &format!("environment {name}"))
            }
        })
    }
}

/// Random commits of one to four changes of every kind, on two stores. A failing case is printed smallest first.
pub fn random_operations_agree_in_both_stores<F, S>(empty_stores: impl Fn() -> F)
where
    F: Future<Output = (Arc<dyn Store>, Arc<dyn Store>, S)>,
{
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let config = ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() };
    let commits = prop::collection::vec(prop::collection::vec(more(), 1..4), 1..60);
    let outcome = TestRunner::new(config).run(&commits, |commits| {
        runtime.block_on(async {
            let (one, two, _kept) = empty_stores().await;
            let f = Fixture::new(Arc::clone(&one)).await;
            // The same records: the environment alone is the fixture's.
            two.commit(f.insert_environment(f.env.clone(), "default").into()).await.unwrap();
            let both = Both { one, two };
            both.same(|s| s.commit(Change::Thaw.into())).await.unwrap();
            let mut known = Known::default();
            for ops in commits {
                let changes = Changes(ops.iter().filter_map(|op| known.change(&f, op)).collect());
                let answers =
                    (both.one.commit(changes.clone()).await, both.two.commit(changes.clone()).await);
                prop_assert_eq!(&answers.0, &answers.1, "{:?}", changes);
                if answers.0.is_ok() {
                    // So that the next versions are right more often than not.
                    known.model.follow(&changes);
                    known.folk.follow(&changes);
                    known.outbox.follow(&changes);
                }
            }
            both.records(&f, &known).await;
            both.ledger(&f, &known).await;
            both.sealed().await;
            both.lists(&f, &known).await;
            both.upkeep(&f, &known).await;
            both.records(&f, &known).await;
            both.ledger(&f, &known).await;
            both.lists(&f, &known).await;
            Ok(())
        })
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}
