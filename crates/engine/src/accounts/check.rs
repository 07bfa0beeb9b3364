//! What an account may hold: every rule names the field that breaks it.

use serde_json::Value;
use valetkey_domain::{
    Error, ExposeSecret, SecretString,
    account::{MAX_ACCOUNT_NAME, is_valid_account_name},
};

/// The longest identifier, organization id and user id, in characters.
const MAX_ID: usize = 200;
/// The largest `api_config`, in bytes as JSON.
const MAX_API_CONFIG: usize = 64 << 10;
/// The longest token that can be imported, in bytes.
const MAX_TOKEN: usize = 16 << 10;

/// The caller's own id of a user.
pub(crate) fn identifier(identifier: &str) -> Result<(), Error> {
    short_text("identifier", identifier)
}

/// The name of one of several accounts of an identifier.
pub(crate) fn account_name(name: &str) -> Result<(), Error> {
    if is_valid_account_name(name) {
        return Ok(());
    }
    Err(Error::invalid(
        "account_name",
        format!(
            "must have 1 to {MAX_ACCOUNT_NAME} of letters, digits, \"_\", \"-\", \".\" and spaces, and no space at its ends"
        ),
    ))
}

/// An optional id of the caller's own.
pub(crate) fn optional_id(field: &str, id: Option<&str>) -> Result<(), Error> {
    id.map_or(Ok(()), |id| short_text(field, id))
}

fn short_text(field: &str, text: &str) -> Result<(), Error> {
    let fits =
        !text.trim().is_empty() && text.chars().count() <= MAX_ID && !text.chars().any(char::is_control);
    if fits {
        return Ok(());
    }
    Err(Error::invalid(
        field,
        format!("must have 1 to {MAX_ID} characters, all printable and not only spaces"),
    ))
}

/// The free settings of an account.
pub(super) fn api_config(config: &Value) -> Result<(), Error> {
    if !config.is_object() {
        return Err(Error::invalid("api_config", "must be a JSON object"));
    }
    if config.to_string().len() > MAX_API_CONFIG {
        return Err(Error::invalid("api_config", format!("is larger than {MAX_API_CONFIG} bytes")));
    }
    Ok(())
}

/// A token to import.
pub(super) fn token(field: &str, token: &SecretString) -> Result<(), Error> {
    let token = token.expose_secret();
    // It will stand in a header: RFC 6750 §2.1 knows visible characters only.
    if token.is_empty() || token.len() > MAX_TOKEN || !token.bytes().all(|b| b.is_ascii_graphic()) {
        let message = format!("must have 1 to {MAX_TOKEN} visible ASCII characters without spaces");
        return Err(Error::invalid(field, message));
    }
    Ok(())
}
