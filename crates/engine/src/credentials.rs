//! Sealing and opening credentials.
