//! What the forms of the hosted pages send.

use std::collections::BTreeMap;

use axum::body::Body;
use http::{HeaderMap, header};
use valetkey_domain::{Error, ErrorCode, SecretString};

use crate::extract::read_body;

/// The prefix of the names of a credential's fields.
pub(super) const FIELD_PREFIX: &str = "field.";
/// The step that sends a credential; any other one starts the authorization.
pub(super) const CREDENTIAL_STEP: &str = "credential";

/// A form as it came.
#[derive(Default)]
pub(super) struct Form {
    /// The token that belongs to browser and link.
    pub(super) token: String,
    /// Which of the forms it is.
    pub(super) step: String,
    /// The fields of a credential, by the connector's names.
    pub(super) fields: BTreeMap<String, SecretString>,
}

impl Form {
    /// Reads a form.
    ///
    /// # Errors
    /// `unsupported_media_type`, and those of reading a body.
    pub(super) async fn read(headers: &HeaderMap, body: Body) -> Result<Self, Error> {
        let is_form = headers
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.to_ascii_lowercase().starts_with("application/x-www-form-urlencoded"));
        if !is_form {
            return Err(Error::new(ErrorCode::UnsupportedMediaType));
        }
        let body = read_body(body).await?;
        let mut form = Self::default();
        for (name, value) in url::form_urlencoded::parse(&body) {
            match &*name {
                "form_token" => form.token = value.into_owned(),
                "step" => form.step = value.into_owned(),
                name => {
                    // Browsers send optional fields that were left empty: these were not given.
                    if let Some(name) = name.strip_prefix(FIELD_PREFIX)
                        && !value.is_empty()
                    {
                        form.fields.insert(name.to_owned(), value.into_owned().into());
                    }
                }
            }
        }
        Ok(form)
    }
}
