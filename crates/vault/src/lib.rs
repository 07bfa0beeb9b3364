//! Sealing and opening of secrets with a keyring of numbered terms.
