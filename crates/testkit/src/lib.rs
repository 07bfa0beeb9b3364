//! For tests only: fixtures, the storage contract suite, a test application.

#[cfg(feature = "app")]
#[expect(
    clippy::expect_used,
    reason = "for tests only: a test application that does not start fails the test"
)]
pub mod app;
pub mod store_contract;
