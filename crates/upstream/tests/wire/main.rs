//! The way out over real sockets: addresses, calls, the OAuth protocol, proxied calls.

mod egress_address;
mod egress_call;
mod egress_faults;
mod oauth_failures;
mod oauth_requests;
mod proxy;
mod support;
