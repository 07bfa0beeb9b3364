//! Executing tools.
