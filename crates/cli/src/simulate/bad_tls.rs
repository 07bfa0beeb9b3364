//! Certificates that a client must refuse, one fault each.

use std::sync::Arc;

use rustls::ServerConfig;
use time::Duration;
use valetkey_domain::{Clock as _, SystemClock};

use crate::{
    dev::tls::{Authority, SimulatorTls},
    failure::Failure,
};

/// A server configuration for each fault, by its name.
pub(super) fn configs(good: &SimulatorTls) -> Result<Vec<(&'static str, Arc<ServerConfig>)>, Failure> {
    let now = SystemClock.now();
    let day = Duration::days(1);
    let names = &good.names;
    let elsewhere = ["elsewhere.example".to_owned()];
    let stranger = Authority::throwaway(now)?;
    let known = &good.authority;
    Ok(vec![
        ("expired", known.config(names, now - 30 * day, now - day)?),
        ("not_yet_valid", known.config(names, now + day, now + 30 * day)?),
        ("wrong_host", known.config(&elsewhere, now - day, now + 30 * day)?),
        ("unknown_ca", stranger.config(names, now - day, now + 30 * day)?),
    ])
}
