//! Trust for outbound TLS.
