//! Trials of the refresh ledger: real servers, real kills, a provider that forgives nothing. The provider's own journal
//! is the judge. `VALETKEY_SOAK=1` runs the long versions.
#![expect(clippy::unwrap_used, reason = "tests: a panic is the failure")]

mod crowd;
mod disk;
mod failover;
mod fleet;
mod history;
mod kill;
mod pool;
mod provider;
mod restart;
mod slow;
