use time::macros::datetime;

use super::*;
use crate::SeededEntropy;

const NOW: Time = datetime!(2026-01-01 00:00 UTC);

struct Bench {
    grants: Grants,
    settings: Settings,
    entropy: SeededEntropy,
    grant: u64,
}

fn bench(settings: Settings) -> Bench {
    let mut grants = Grants::default();
    let grant = grants.add("app", "ada", vec!["profile".into(), "files.read".into()], &settings, NOW);
    Bench { grants, settings, entropy: SeededEntropy::new(1), grant }
}

impl Bench {
    fn issue(&mut self, now: Time) -> (String, String) {
        let scopes = self.grants.get(self.grant).unwrap().scopes.clone();
        let issued = self.grants.issue(self.grant, scopes, true, &self.settings, now, &self.entropy).unwrap();
        (issued.access_token, issued.refresh_token.unwrap())
    }

    fn refreshable(&self, token: &str, now: Time) -> Result<u64, Dead> {
        self.grants.refreshable(token, &self.settings, now).map(|(id, _)| id)
    }
}

#[test]
fn access_token_after_its_life_is_expired() {
    let mut bench = bench(Settings { access_token_ttl_s: 10, ..Settings::default() });
    let (access, _) = bench.issue(NOW);
    assert!(bench.grants.access(&access, NOW + Duration::seconds(9)).is_ok());
    assert_eq!(bench.grants.access(&access, NOW + Duration::seconds(10)).unwrap_err(), Dead::Expired);
    assert_eq!(bench.grants.access("sat_other", NOW).unwrap_err(), Dead::Unknown);
}

#[test]
fn refresh_token_spent_is_good_only_within_the_grace() {
    let mut bench = bench(Settings { refresh_grace_s: 30, ..Settings::default() });
    let (_, refresh) = bench.issue(NOW);
    bench.grants.spend(&refresh, NOW);
    bench.grants.spend(&refresh, NOW + Duration::seconds(20));
    assert!(bench.refreshable(&refresh, NOW + Duration::seconds(29)).is_ok());
    assert_eq!(bench.refreshable(&refresh, NOW + Duration::seconds(30)), Err(Dead::Spent));
}

#[test]
fn access_token_as_refresh_token_is_unknown() {
    let mut bench = bench(Settings::default());
    let (access, refresh) = bench.issue(NOW);
    assert_eq!(bench.refreshable(&access, NOW), Err(Dead::Unknown));
    assert_eq!(bench.grants.access(&refresh, NOW).unwrap_err(), Dead::Unknown);
}

#[test]
fn grant_revoked_takes_every_token_along() {
    let mut bench = bench(Settings::default());
    let (access, refresh) = bench.issue(NOW);
    bench.grants.end_grant(bench.grant, Ending::Admin);
    bench.grants.end_grant(bench.grant, Ending::User);
    assert_eq!(bench.grants.access(&access, NOW).unwrap_err(), Dead::Ended(Ending::Admin));
    assert_eq!(bench.refreshable(&refresh, NOW), Err(Dead::Ended(Ending::Admin)));
    assert_eq!(bench.grants.live_tokens(bench.grant, NOW), (0, 0));
}

#[test]
fn grant_with_many_refreshes_keeps_a_bounded_number_of_tokens() {
    let mut bench = bench(Settings { rotate_refresh_tokens: false, ..Settings::default() });
    let (_, refresh) = bench.issue(NOW);
    for _ in 0..500 {
        let settings = bench.settings.clone();
        bench.grants.issue(bench.grant, vec![], false, &settings, NOW, &bench.entropy).unwrap();
    }
    assert!(bench.grants.tokens.len() <= MAX_TOKENS_PER_GRANT);
    assert!(bench.refreshable(&refresh, NOW).is_ok(), "the refresh token in use is never forgotten");
}

#[test]
fn scopes_dropped_are_gone_from_live_tokens() {
    let mut bench = bench(Settings::default());
    let (access, _) = bench.issue(NOW);
    assert!(bench.grants.drop_scopes(bench.grant, &["files.read".to_owned()]));
    assert_eq!(bench.grants.access(&access, NOW).unwrap().0.scopes, ["profile"]);
    assert!(!bench.grants.drop_scopes(bench.grant, &["files.read".to_owned()]));
}

#[test]
fn grant_of_an_app_in_testing_ends_after_seven_days_even_once_published() {
    let mut bench = bench(Settings { test_mode: true, ..Settings::default() });
    let (_, refresh) = bench.issue(NOW);
    bench.settings.test_mode = false;
    assert!(bench.refreshable(&refresh, NOW + Duration::days(7) - Duration::seconds(1)).is_ok());
    let over = bench.refreshable(&refresh, NOW + Duration::days(7));
    assert_eq!(over, Err(Dead::Ended(Ending::TestMode)));
}

#[test]
fn refresh_token_unused_for_too_long_is_dead_and_every_use_counts() {
    let settings =
        Settings { refresh_idle_s: Some(100), rotate_refresh_tokens: false, ..Settings::default() };
    let mut bench = bench(settings);
    let (_, refresh) = bench.issue(NOW);
    assert!(bench.refreshable(&refresh, NOW + Duration::seconds(99)).is_ok());
    bench.grants.note_refresh(bench.grant, NOW + Duration::seconds(99));
    assert!(bench.refreshable(&refresh, NOW + Duration::seconds(198)).is_ok());
    let over = bench.refreshable(&refresh, NOW + Duration::seconds(199));
    assert_eq!(over, Err(Dead::Ended(Ending::Idle)));
}

#[test]
fn grant_beyond_the_limit_ends_the_oldest_of_that_user_and_client() {
    let settings = Settings { max_grants_per_user: Some(2), ..Settings::default() };
    let mut bench = bench(settings.clone());
    let (_, first) = bench.issue(NOW);
    let other = bench.grants.add("app", "grace", vec![], &settings, NOW);
    bench.grants.add("app", "ada", vec![], &settings, NOW);
    assert!(bench.refreshable(&first, NOW).is_ok());
    bench.grants.add("app", "ada", vec![], &settings, NOW);
    assert_eq!(bench.refreshable(&first, NOW), Err(Dead::Ended(Ending::TooMany)));
    assert!(!bench.grants.get(other).unwrap().revoked);
}
