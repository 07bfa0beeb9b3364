//! The connection test: are the client credentials good, as far as the provider lets one see.
