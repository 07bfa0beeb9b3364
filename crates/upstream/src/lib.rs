//! The only outbound door: connector definitions, OAuth protocol, tool rendering and calls, egress guard.
