//! Listing and searching connectors and tools.
