//! Who may call the API: API clients, static tokens, access tokens.

mod access_token;
mod api_client;
mod api_token;
mod authenticate;

pub use access_token::AccessToken;
pub use api_client::{CreatedApiClient, NewApiClient};
pub use api_token::{CreatedApiToken, NewApiToken};
