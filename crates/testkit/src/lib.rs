//! For tests only: fixtures, the storage contract suite, a test application.

pub mod store_contract;
