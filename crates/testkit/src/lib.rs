//! For tests only: fixtures, the storage contract suite, a test application.

#[cfg(feature = "app")]
#[expect(
    clippy::expect_used,
    reason = "for tests only: a test application that does not start fails the test"
)]
pub mod app;
#[cfg(feature = "engine")]
#[expect(clippy::unwrap_used, reason = "for tests only: what cannot be made is a failed test")]
pub mod engine_fixture;
#[cfg(feature = "engine")]
#[expect(clippy::unwrap_used, reason = "for tests only: what cannot be made is a failed test")]
pub mod fake_provider;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(feature = "engine")]
pub mod seeded_entropy;
pub mod store_contract;
