//! For tests only: fixtures, the storage contract suite, a test application.

#[cfg(feature = "app")]
pub mod app;
pub mod store_contract;
