//! Resolving, vetting and dialling.

use std::{io, net::IpAddr};

use async_trait::async_trait;

/// Where the addresses of a name come from.
#[async_trait]
pub trait Resolver: Send + Sync + 'static {
    /// Every address of `host`.
    ///
    /// # Errors
    /// When the name has none or could not be looked up.
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>>;
}

/// The operating system's resolver.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

#[async_trait]
impl Resolver for SystemResolver {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        Ok(tokio::net::lookup_host((host, 0)).await?.map(|address| address.ip()).collect())
    }
}
