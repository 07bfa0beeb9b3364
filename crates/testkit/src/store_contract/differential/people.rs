//! What the dashboard knows of: people, how they come in, what they did, work on many accounts, looks, counts of the day.

use std::{collections::BTreeMap, sync::Arc};

use proptest::prelude::*;
use time::Duration;
use valetkey_domain::{
    AccountId, AccountStatus, Branding, Change, Changes, EnvironmentId, ErrorCode, Invitation, Role, Session,
    Store, Time, User, UserId,
    audit::{AuditFilter, AuditOutcome},
    branding::Logo,
    bulk::{BulkFailure, BulkWork},
    overview::{AccountsInStatus, OverviewSpan},
    store::Prunable,
    user::SsoIdentity,
};

use super::{TEXTS, both::Both, instance_of};
use crate::store_contract::{fixture::Fixture, model::nth};

/// One operation.
#[derive(Debug, Clone)]
pub(super) enum People {
    Add { email: u8, sso: u8, text: u8 },
    Change { nth: u8, email: u8, sso: u8, text: u8, stale: bool },
    Invite { nth: u8, of_user: bool, doubled: bool },
    Accept { nth: u8 },
    TakeBack { nth: u8 },
    LogIn { nth: u8, text: u8, doubled: bool },
    Touch { nth: u8, early: bool },
    LogOut { nth: u8 },
    LogOutAll { nth: u8, but_one: bool },
    Audit { action: u8, text: u8, refused: bool },
    Begin { id: u8, nth: u8, elsewhere: bool },
    GoOn { nth: u8, text: u8, stale: bool, ended: bool },
    Brand { stale: bool, bare: bool },
    Logo { nth: u8, again: bool },
    DropLogos { nth: u8, all: bool },
    Count { day: u8, status: u8, elsewhere: bool },
}

pub(super) fn people() -> impl Strategy<Value = People> {
    let nth = any::<u8>;
    let text = || 0..6_u8;
    let rarely = || prop::bool::weighted(0.2);
    prop_oneof![
        4 => (0..5_u8, 0..4_u8, text()).prop_map(|(email, sso, text)| People::Add { email, sso, text }),
        2 => (nth(), 0..5_u8, 0..4_u8, text(), rarely())
            .prop_map(|(nth, email, sso, text, stale)| People::Change { nth, email, sso, text, stale }),
        2 => (nth(), any::<bool>(), rarely())
            .prop_map(|(nth, of_user, doubled)| People::Invite { nth, of_user, doubled }),
        1 => nth().prop_map(|nth| People::Accept { nth }),
        1 => nth().prop_map(|nth| People::TakeBack { nth }),
        3 => (nth(), text(), rarely()).prop_map(|(nth, text, doubled)| People::LogIn { nth, text, doubled }),
        1 => (nth(), any::<bool>()).prop_map(|(nth, early)| People::Touch { nth, early }),
        1 => nth().prop_map(|nth| People::LogOut { nth }),
        1 => (nth(), any::<bool>()).prop_map(|(nth, but_one)| People::LogOutAll { nth, but_one }),
        3 => (0..6_u8, text(), any::<bool>())
            .prop_map(|(action, text, refused)| People::Audit { action, text, refused }),
        2 => (0..6_u8, nth(), rarely()).prop_map(|(id, nth, elsewhere)| People::Begin { id, nth, elsewhere }),
        3 => (nth(), text(), rarely(), rarely())
            .prop_map(|(nth, text, stale, ended)| People::GoOn { nth, text, stale, ended }),
        1 => (rarely(), any::<bool>()).prop_map(|(stale, bare)| People::Brand { stale, bare }),
        1 => (nth(), any::<bool>()).prop_map(|(nth, again)| People::Logo { nth, again }),
        1 => (nth(), rarely()).prop_map(|(nth, all)| People::DropLogos { nth, all }),
        1 => (0..4_u8, 0..7_u8, rarely())
            .prop_map(|(day, status, elsewhere)| People::Count { day, status, elsewhere }),
    ]
}

/// Some of which are alike at their beginning, and two of which are there once for each subject.
const ACTIONS: [&str; 6] =
    ["user.login", "account", "account.deleted", "accounting.odd", "executions.sealed", "executions.removed"];

/// A text that one of a few actors, subjects or browsers has.
fn text_of(n: u8) -> String {
    TEXTS[n as usize % TEXTS.len()].to_owned()
}

/// One of a few days.
fn day(n: u8) -> Time {
    Time::UNIX_EPOCH + Duration::days(20_000 + i64::from(n)) + Duration::hours(5)
}

fn sso_of(n: u8) -> Option<SsoIdentity> {
    (n > 0).then(|| SsoIdentity { issuer: format!("https://id-{}.example", n % 2), subject: text_of(n) })
}

fn email_of(n: u8) -> String {
    format!("{}@example.com", text_of(n))
}

/// What has been made so far, stored or not.
#[derive(Default)]
pub(super) struct Folk {
    users: Vec<User>,
    /// As they are stored.
    current: BTreeMap<UserId, User>,
    invitations: Vec<Invitation>,
    sessions: Vec<Session>,
    works: Vec<BulkWork>,
    /// As it is stored, by id.
    work: BTreeMap<String, BulkWork>,
    logos: Vec<Logo>,
    branding: u64,
}

impl Folk {
    /// `elsewhere` is an environment that was made, or was to be.
    pub(super) fn make(
        &mut self,
        f: &Fixture,
        people: &People,
        accounts: &[AccountId],
        elsewhere: Option<EnvironmentId>,
    ) -> Option<Change> {
        let user = |folk: &Self, n: u8| {
            let user = nth(&folk.users, n)?;
            Some(folk.current.get(&user.id).cloned().unwrap_or(user))
        };
        let named = |mut user: User, email: u8, sso: u8, text: u8| {
            user.name = text_of(text);
            user.role = Role::ALL[text as usize % 3];
            user.password_hash = text.is_multiple_of(2).then(|| text_of(text));
            user.disabled_at = (text == 3).then(|| f.now());
            (user.email, user.sso) = (email_of(email), sso_of(sso));
            user
        };
        Some(match people {
            People::Add { email, sso, text } => {
                let user = named(f.user(""), *email, *sso, *text);
                self.users.push(user.clone());
                Change::InsertUser(user)
            }
            People::Change { nth: n, email, sso, text, stale } => {
                let mut user = named(user(self, *n)?, *email, *sso, *text);
                user.version += u64::from(!stale);
                self.users.push(user.clone());
                Change::UpdateUser(user)
            }
            People::Invite { nth: n, of_user, doubled } => {
                // Some of these users were refused.
                let user = user(self, *n).filter(|_| *of_user);
                let mut invitation = f.invitation(user.as_ref());
                if let Some(other) = nth(&self.invitations, *n).filter(|_| *doubled) {
                    invitation.link_hash = other.link_hash;
                }
                invitation.created_by = text_of(*n);
                self.invitations.push(invitation.clone());
                Change::InsertInvitation(invitation)
            }
            People::Accept { nth: n } => {
                Change::UseInvitation { id: nth(&self.invitations, *n)?.id, at: f.now() }
            }
            People::TakeBack { nth: n } => Change::DeleteInvitation(nth(&self.invitations, *n)?.id),
            People::LogIn { nth: n, text, doubled } => {
                let mut session = f.session(&user(self, *n)?);
                if let Some(other) = nth(&self.sessions, *n).filter(|_| *doubled) {
                    session.token_hash = other.token_hash;
                }
                session.browser = text_of(*text);
                self.sessions.push(session.clone());
                Change::InsertSession(session)
            }
            People::Touch { nth: n, early } => {
                let session = nth(&self.sessions, *n)?;
                let at = if *early { session.created_at - Duration::HOUR } else { f.now() };
                Change::TouchSession { id: session.id, at }
            }
            People::LogOut { nth: n } => Change::DeleteSession(nth(&self.sessions, *n)?.id),
            People::LogOutAll { nth: n, but_one } => {
                // The one that goes on is of somebody else now and then.
                let except = nth(&self.sessions, n.wrapping_mul(3)).filter(|_| *but_one);
                Change::DeleteSessionsOf {
                    user: user(self, *n)?.id,
                    except: except.map(|session| session.id),
                }
            }
            People::Audit { action, text, refused } => {
                let mut entry = f.audit_entry(ACTIONS[*action as usize]);
                entry.outcome = if *refused { AuditOutcome::Refused } else { AuditOutcome::Done };
                (entry.actor, entry.subject) = (text_of(*text), (*text > 0).then(|| text_of(*text)));
                entry.environment = entry.environment.filter(|_| *action > 0);
                entry.request_id = entry.request_id.filter(|_| *text != 1);
                Change::AppendAudit(entry)
            }
            People::Begin { id, nth: n, elsewhere: other } => {
                let mut work = f.bulk(&format!("work-{id}"), &text_of(n % 3));
                work.user = user(self, *n).map(|user| user.id);
                work.holder = instance_of(n % 3);
                work.plan.filter.query = Some(text_of(*id));
                work.plan.accounts = (n % 2 == 0).then(|| accounts.to_vec());
                work.lease_until = if n % 4 == 0 { f.now() } else { work.lease_until };
                if let Some(environment) = elsewhere.filter(|_| *other) {
                    work.environment = environment;
                }
                self.works.push(work.clone());
                Change::InsertBulk(work)
            }
            People::GoOn { nth: n, text, stale, ended } => {
                let work = nth(&self.works, *n)?;
                let mut work = self.work.get(&work.id).cloned().unwrap_or(work);
                work.version += u64::from(!stale);
                work.progress.done += u64::from(*n);
                work.progress.stop |= *text == 5;
                work.progress.after = nth(accounts, *n);
                work.progress.under_way = accounts.iter().take(3).cloned().collect();
                if let Some(account) = nth(accounts, *n) {
                    let (code, message) = (ErrorCode::AccountPending, text_of(*text));
                    let identifier = text_of(*text);
                    work.progress.failures.push(BulkFailure { account, identifier, code, message });
                }
                work.holder = instance_of(text % 3);
                work.lease_until = f.now() + Duration::seconds(i64::from(*text) - 1);
                work.ended_at = ended.then(|| f.now());
                Change::UpdateBulk(work)
            }
            People::Brand { stale, bare } => {
                let version = self.branding + u64::from(!stale);
                let logo = self.logos.last();
                Change::PutBranding(match *bare {
                    true => Branding { version, updated_at: f.now(), ..Branding::default() },
                    false => f.branding(version, logo),
                })
            }
            People::Logo { nth: n, again } => {
                let logo = nth(&self.logos, *n).filter(|_| *again).unwrap_or_else(|| f.logo());
                self.logos.push(logo.clone());
                Change::PutLogo(logo)
            }
            People::DropLogos { nth: n, all } => {
                Change::DropLogos { keep: nth(&self.logos, *n).filter(|_| !all).map(|logo| logo.hash) }
            }
            People::Count { day: n, status, elsewhere: other } => {
                let environment = elsewhere.filter(|_| *other).unwrap_or_else(|| f.env.clone());
                let count = |status: u8| AccountsInStatus {
                    environment: environment.clone(),
                    status: AccountStatus::ALL[status as usize % AccountStatus::ALL.len()],
                    accounts: u64::from(status) * 1000,
                };
                let counts = vec![count(*status), count(status + 1)];
                Change::PutStatusCounts { at: day(*n), keep_from: day(n.saturating_sub(2)), counts }
            }
        })
    }

    /// So that the next versions are right more often than not.
    pub(super) fn follow(&mut self, changes: &Changes) {
        for change in &changes.0 {
            match change {
                Change::InsertUser(user) | Change::UpdateUser(user) => {
                    self.current.insert(user.id.clone(), user.clone());
                }
                Change::InsertBulk(work) | Change::UpdateBulk(work) => {
                    self.work.insert(work.id.clone(), work.clone());
                }
                Change::PutBranding(branding) => self.branding = branding.version,
                _ => {}
            }
        }
    }
}

impl Both {
    /// Every record by every key, and every list.
    pub(super) async fn folk(&self, f: &Fixture, folk: &Folk, environments: &[EnvironmentId]) {
        self.same(|s| s.users()).await.unwrap();
        self.same(|s| s.invitations()).await.unwrap();
        for user in &folk.users {
            self.same(|s| s.user(&user.id)).await.unwrap();
            self.same(|s| s.sessions(&user.id)).await.unwrap();
        }
        for n in 0..6 {
            let email = email_of(n);
            self.same(|s| s.user_by_email(&email)).await.unwrap();
            if let Some(sso) = sso_of(n) {
                self.same(|s| s.user_by_sso(&sso)).await.unwrap();
            }
        }
        for invitation in &folk.invitations {
            self.same(|s| s.invitation_by_link(&invitation.link_hash)).await.unwrap();
        }
        for session in &folk.sessions {
            self.same(|s| s.session_by_token(&session.token_hash)).await.unwrap();
        }
        for logo in &folk.logos {
            self.same(|s| s.logo(&logo.hash)).await.unwrap();
        }
        self.same(|s| s.branding()).await.unwrap();
        self.audit_log().await;
        let here = std::slice::from_ref(&f.env);
        for env in environments.iter().chain(here) {
            for work in &folk.works {
                self.same(|s| s.bulk_in(env, &work.id)).await.unwrap();
                self.same(|s| s.bulks_of(env, &work.actor, 2)).await.unwrap();
                self.same(|s| s.bulks_of(env, &work.actor, 1000)).await.unwrap();
            }
            self.same(|s| s.status_history(env, day(1))).await.unwrap();
            for at_most in [3, 1000] {
                let since = folk.users.first().map_or(day(0), |user| user.created_at);
                let span = &OverviewSpan { since, at_most, due_by: f.now() };
                self.same(async |s: &Arc<dyn Store>| {
                    let mut overview = s.overview(env, span).await.unwrap();
                    overview.accounts.sort_by_key(|(status, _)| status.as_str());
                    overview
                })
                .await;
            }
        }
        for work in &folk.works {
            self.same(|s| s.bulk(&work.id)).await.unwrap();
        }
        let at = f.now();
        for limit in [1, 1000] {
            self.same(|s| s.left_bulks(at, limit)).await.unwrap();
        }
    }

    /// The chain, and what every filter leaves of it.
    async fn audit_log(&self) {
        self.same(|s| s.audit_head()).await.unwrap();
        for number in [0, 1, 5] {
            self.same(|s| s.audit_above(number, 1000)).await.unwrap();
            self.same(|s| s.audit_above(number, 3)).await.unwrap();
        }
        let some = |n: usize, texts: &[&str]| texts.get(n).map(|text| (*text).to_owned());
        for n in 0..=TEXTS.len() {
            for filter in [
                AuditFilter { actor: some(n, &TEXTS), ..AuditFilter::default() },
                AuditFilter { action: some(n, &ACTIONS), ..AuditFilter::default() },
                AuditFilter { subject: some(n, &TEXTS), ..AuditFilter::default() },
                AuditFilter { actor: some(n, &TEXTS), action: Some("account".into()), subject: None },
                AuditFilter {
                    action: some(n, &["a", "%", "user_login", "user", "executions"]),
                    ..AuditFilter::default()
                },
            ] {
                let (below, limit) = [(None, 1000), (Some(4), 1000), (None, 2)][n % 3];
                self.same(|s| s.audit(&filter, below, limit)).await.unwrap();
            }
        }
    }

    /// Removes what has expired, on both.
    pub(super) async fn folk_upkeep(&self, f: &Fixture, folk: &Folk) {
        let middle = |times: Vec<Time>| times.get(times.len() / 2).copied().unwrap_or_else(|| f.now());
        let sessions = middle(folk.sessions.iter().map(|it| it.expires_at).collect());
        let invitations = middle(folk.invitations.iter().map(|it| it.expires_at).collect());
        let works = middle(folk.works.iter().map(|it| it.began_at).collect());
        for (what, before) in [
            (Prunable::Sessions, sessions),
            (Prunable::Invitations, invitations),
            (Prunable::Bulks, works),
            (Prunable::Bulks, works + Duration::seconds(1)),
        ] {
            self.same(|s| s.prune(what, before, 1000)).await.unwrap();
        }
    }
}
