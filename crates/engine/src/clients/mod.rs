//! Who may call the API: API clients, static tokens, access tokens.

mod access_token;
mod api_client;
mod api_token;
mod authenticate;
mod rates;
mod secret;
mod signing;

pub use access_token::AccessToken;
pub use api_client::{CreatedApiClient, NewApiClient};
pub use api_token::{CreatedApiToken, NewApiToken};

pub(crate) use access_token::Verified;
pub(crate) use authenticate::VERIFIED_TOKENS;
pub(crate) use rates::Rates;
pub(crate) use secret::{random_text, same_hash, sha256};
pub(crate) use signing::{PRIVATE_KEY, SigningKeys};
