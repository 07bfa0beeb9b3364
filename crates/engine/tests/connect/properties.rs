//! Random walks through the state machine of accounts: never an undefined state, and the events tell exactly what
//! happened.

use proptest::prelude::*;
use serde_json::json;
use valetkey_domain::{
    Account, AccountId, AccountStatus, AuthType, Clock, ConnectionId, EnvironmentId, Error, ErrorCode,
    ManualClock,
    account::{Grant, InvalidTransition, Transition},
};
use valetkey_engine::{CallbackOutcome, LinkOptions};
use valetkey_testkit::{
    engine_fixture::{Browser, EngineFixture},
    fake_provider::Scripted,
    seeded_entropy::SeededEntropy,
};

use crate::params;

#[derive(Debug, Clone, Copy)]
enum Step {
    Activate,
    AwaitVerification,
    Verify,
    Refreshed,
    Expire,
    Revoke,
    Fail,
    Disconnect,
}

fn step() -> impl Strategy<Value = Step> {
    prop::sample::select(vec![
        Step::Activate,
        Step::AwaitVerification,
        Step::Verify,
        Step::Refreshed,
        Step::Expire,
        Step::Revoke,
        Step::Fail,
        Step::Disconnect,
    ])
}

fn take(account: Account, step: Step, now: valetkey_domain::Time) -> Result<Transition, InvalidTransition> {
    let grant = Grant { scopes: vec!["read".into()], ..Grant::default() };
    match step {
        Step::Activate => account.activate(grant, now),
        Step::AwaitVerification => account.await_verification(grant, now),
        Step::Verify => account.verify(now),
        Step::Refreshed => account.refreshed(grant, now),
        Step::Expire => account.expire(ErrorCode::RefreshRefused, json!({}), now),
        Step::Revoke => account.revoke(ErrorCode::RefreshRefused, json!({}), now),
        Step::Fail => account.fail(ErrorCode::ExchangeFailed, json!({}), now),
        Step::Disconnect => account.disconnect(now),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn transitions_at_random_match_their_events(steps in prop::collection::vec(step(), 1..60)) {
        let (clock, entropy) = (ManualClock::default(), SeededEntropy::new(1));
        let mut account = Account::pending(
            AccountId::new(&clock, &entropy),
            EnvironmentId::new(&clock, &entropy),
            ConnectionId::new(&clock, &entropy),
            "user".into(),
            AuthType::OAuth,
            clock.now(),
        );
        for step in steps {
            let before = account.clone();
            match take(account, step, clock.now()) {
                Ok(Transition { account: after, event }) => {
                    prop_assert_eq!(event.data["from"].as_str(), Some(before.status().as_str()));
                    prop_assert_eq!(event.data["to"].as_str(), Some(after.status().as_str()));
                    prop_assert_eq!(event.account.as_ref(), Some(&after.id));
                    prop_assert_eq!(event.code, after.cause);
                    prop_assert!(after.generation >= before.generation);
                    prop_assert!(after.generation - before.generation <= 1);
                    if after.status() == AccountStatus::Active {
                        prop_assert!(after.generation > 0, "active only with a credential");
                        prop_assert_eq!(after.cause, None);
                    }
                    account = after;
                }
                Err(invalid) => {
                    prop_assert_eq!(invalid.from, before.status());
                    prop_assert_eq!(Error::from(invalid).code(), ErrorCode::AccountStatusConflict);
                    account = before;
                }
            }
        }
    }
}

/// What a user, a provider and an app can do to an account through the engine.
#[derive(Debug, Clone, Copy)]
enum Deed {
    Connect,
    Decline,
    ConfigurationRefused,
    ExchangeBroken,
    ConnectToVerify,
    Verify,
    VerifyWrong,
    Wait,
}

fn deed() -> impl Strategy<Value = Deed> {
    prop::sample::select(vec![
        Deed::Connect,
        Deed::Decline,
        Deed::ConfigurationRefused,
        Deed::ExchangeBroken,
        Deed::ConnectToVerify,
        Deed::Verify,
        Deed::VerifyWrong,
        Deed::Wait,
    ])
}

struct Walk {
    fixture: EngineFixture,
    pending: Option<String>,
}

impl Walk {
    async fn flow(&mut self, options: LinkOptions, error: Option<&str>) {
        let link = self.fixture.link_with("acme", "user_1", options).await;
        let mut browser = Browser::default();
        let url = browser.go(&self.fixture.engine, &link.url).await.unwrap();
        let consent = self.fixture.provider.consent(&url);
        let answer = match error {
            Some(error) => params(&[("error", error), ("state", &consent.params["state"])]),
            None => consent.params,
        };
        let outcome = browser.come_back(&self.fixture.engine, &consent.redirect_uri, &answer).await;
        if let CallbackOutcome::Verify(url) = outcome {
            self.pending =
                url.query_pairs().find(|(n, _)| n == "auth_request_id").map(|(_, v)| v.into_owned());
        }
    }

    async fn act(&mut self, deed: Deed) {
        let plain = LinkOptions::default();
        match deed {
            Deed::Connect => self.flow(plain, None).await,
            Deed::Decline => self.flow(plain, Some("access_denied")).await,
            Deed::ConfigurationRefused => self.flow(plain, Some("invalid_scope")).await,
            Deed::ExchangeBroken => {
                self.fixture.provider.script("/token", [Scripted::error(500, "x", "y")]);
                self.flow(plain, None).await;
            }
            Deed::ConnectToVerify => {
                let url = Some("https://app.example.com/verify".to_owned());
                self.flow(LinkOptions { user_verify_url: url, ..plain }, None).await;
            }
            Deed::Verify | Deed::VerifyWrong => {
                let Some(id) = self.pending.clone() else { return };
                let who = if matches!(deed, Deed::Verify) { "user_1" } else { "user_2" };
                // Whether it may is the engine's to say; what follows is checked from the outside.
                let _outcome = self.fixture.engine.verify_user(&self.fixture.caller, &id, who).await;
            }
            Deed::Wait => self.fixture.clock.advance(time::Duration::minutes(7)),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(12) })]

    /// The status that events tell is the status that the account has, after any sequence of deeds.
    #[test]
    fn deeds_at_random_leave_status_and_history_in_agreement(deeds in prop::collection::vec(deed(), 1..14)) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let fixture = EngineFixture::start().await;
            fixture.connection("acme", "acme").await;
            fixture.link("acme", "user_1").await;
            let mut walk = Walk { fixture, pending: None };
            for deed in &deeds {
                walk.act(*deed).await;
            }
            let account = walk.fixture.account("acme", "user_1").await;
            let events = walk.fixture.events(&account).await;
            let mut told = AccountStatus::Pending;
            for event in &events {
                let data = &event.event.data;
                if let (Some(from), Some(to)) = (data["from"].as_str(), data["to"].as_str()) {
                    assert_eq!(from, told.as_str(), "{deeds:?}");
                    told = AccountStatus::parse(to).unwrap();
                }
            }
            assert_eq!(told, account.account.status(), "{deeds:?}");
            let grants = events.iter().filter(|e| e.event.data.get("generation").is_some()).count() as u64;
            assert_eq!(grants, account.account.generation, "{deeds:?}");
            if account.account.status() == AccountStatus::Active {
                assert_eq!(account.account.cause, None);
            }
        });
    }
}
