//! Certificates that a client must refuse, one fault each.

use std::sync::Arc;

use rustls::ServerConfig;
use time::Duration;
use valetkey_domain::{Clock as _, SystemClock};

use crate::{dev::tls::Authority, failure::Failure};

/// A server configuration for each fault, by its name. But for its fault each is good: of the known authority, for these
/// names.
pub(crate) fn configs(
    known: &Authority,
    names: &[String],
) -> Result<Vec<(&'static str, Arc<ServerConfig>)>, Failure> {
    let now = SystemClock.now();
    let day = Duration::days(1);
    let elsewhere = ["elsewhere.example".to_owned()];
    let stranger = Authority::throwaway(now)?;
    Ok(vec![
        ("expired", known.config(names, now - 30 * day, now - day)?),
        ("not_yet_valid", known.config(names, now + day, now + 30 * day)?),
        ("wrong_host", known.config(&elsewhere, now - day, now + 30 * day)?),
        ("unknown_ca", stranger.config(names, now - day, now + 30 * day)?),
    ])
}
