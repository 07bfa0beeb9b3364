//! Disconnecting and deleting accounts; revocation at the provider.
