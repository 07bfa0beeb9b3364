//! What is known about one request, shared between the front of the server and the handlers.

use std::{
    net::IpAddr,
    sync::{Arc, OnceLock},
};

use valetkey_domain::{ApiClientId, RequestId};

use super::body::BodyFault;

/// One request: its id, and what the handlers learn on the way for the access log.
#[derive(Debug, Clone)]
pub struct RequestContext(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    id: RequestId,
    address: Option<IpAddr>,
    route: OnceLock<String>,
    client: OnceLock<ApiClientId>,
    body_fault: OnceLock<BodyFault>,
}

impl RequestContext {
    pub(crate) fn new(id: RequestId, address: Option<IpAddr>) -> Self {
        Self(Arc::new(Inner {
            id,
            address,
            route: OnceLock::new(),
            client: OnceLock::new(),
            body_fault: OnceLock::new(),
        }))
    }

    /// The id of the request: `req_…`.
    #[must_use]
    pub fn id(&self) -> &RequestId {
        &self.0.id
    }

    /// Which network address it came from, for limits; none if the server is not on a network.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        self.0.address
    }

    /// Notes the matched route. The log holds it instead of the path: a path can carry the token of a link.
    pub(crate) fn note_route(&self, route: &str) {
        let _ = self.0.route.set(route.to_owned());
    }

    /// Notes who called, once authenticated.
    pub fn note_client(&self, client: &ApiClientId) {
        let _ = self.0.client.set(client.clone());
    }

    /// Notes that reading the request's body ended early.
    pub(super) fn note_body_fault(&self, fault: BodyFault) {
        let _ = self.0.body_fault.set(fault);
    }

    /// Why reading the request's body ended early, if it did.
    pub(crate) fn body_fault(&self) -> Option<BodyFault> {
        self.0.body_fault.get().copied()
    }

    pub(crate) fn route(&self) -> &str {
        self.0.route.get().map_or("", String::as_str)
    }

    pub(crate) fn client(&self) -> &str {
        self.0.client.get().map_or("", ApiClientId::as_str)
    }
}
