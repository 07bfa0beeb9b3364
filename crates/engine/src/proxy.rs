//! Proxied calls.
