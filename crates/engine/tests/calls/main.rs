//! Calls on behalf of accounts, from the engine's door to a scripted provider: refresh, tools, proxy, vault.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should fail")]

mod cache;
mod detached;
mod end;
mod execute;
mod frozen;
mod ledger;
mod limits;
mod outage;
mod provider;
mod proxy;
mod recovery;
mod refresh;
mod repeated;
mod revocation;
mod test_connection;
mod tools;
mod vault;
mod webhook_endpoints;
mod webhooks;
mod world;
