//! Who the user is at the provider.
