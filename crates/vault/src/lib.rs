//! Sealing and opening of secrets with a keyring of numbered terms.
//!
//! Three layers of keys, each AES-256-GCM:
//!
//! 1. the **master key**, 256 bits that the operator gives; it wraps nothing but term keys;
//! 2. **term keys**, numbered from 1; the newest one is active and wraps data keys, the older ones only open;
//! 3. a fresh **data key** per sealed value, used for exactly one encryption.
//!
//! So a new term needs no record to be rewritten at once, and the number of encryptions under any long-lived key is the
//! number of seals of one term, which the caller bounds (NIST SP 800-38D §8.3).
//!
//! Beside them stand archives (backups, exports), each under a key of its own that is derived from the master key.
//!
//! What a value belongs to — environment, record, field, generation — goes into the associated data of both inner
//! layers, with the format and the term. A blob that was moved to another place does not open there.
//!
//! Keys and nonces come from the cryptographic library's own generator, never from the injected
//! [`valetkey_domain::Entropy`]: a seeded source that slipped into production would repeat nonces, and nothing here
//! needs to be reproducible.

pub mod archive;
mod blob;
mod keyring;
mod master;
mod random;

pub use blob::{OpenError, fuzz_open, term_of};
pub use keyring::{Keyring, SealError, TermKey};
pub use master::{MasterKey, MasterKeyError};
pub use random::SystemEntropy;
