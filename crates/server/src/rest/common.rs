//! Shapes that several endpoints share.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{KnownFormat, ObjectBuilder, RefOr, Schema, SchemaFormat, schema::Type},
};
use valetkey_domain::{Error, Page, PageRequest, SecretString};

use crate::error::ApiError;

/// What a handler answers with.
pub(crate) type Reply<T> = Result<axum::Json<T>, ApiError>;

/// A secret in a request body: written, never read back.
#[derive(Clone)]
pub(crate) struct Secret(pub(crate) SecretString);

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(text.into()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret([redacted])")
    }
}

impl PartialSchema for Secret {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Password)))
            .into()
    }
}

impl ToSchema for Secret {}

/// For a field of a change: absent leaves it, `null` removes it, a value sets it.
pub(crate) fn nullable<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::<T>::deserialize(deserializer).map(Some)
}

/// One page of a list, newest first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Page)]
pub(crate) struct PageBody<T> {
    /// The rows.
    pub(crate) items: Vec<T>,
    /// The `page_token` of the next page, if there is one.
    pub(crate) next_page_token: Option<String>,
    /// The `page_token` of the page before, if there is one.
    pub(crate) previous_page_token: Option<String>,
    /// How many rows match in all.
    pub(crate) total_size: u64,
}

impl<T> PageBody<T> {
    pub(crate) fn of<U>(page: Page<U>, view: impl FnMut(U) -> T) -> Self {
        let Page { items, next, previous, total } = page.map(view);
        Self { items, next_page_token: next, previous_page_token: previous, total_size: total }
    }
}

/// Reads `page_size` and `page_token`; `I` is the kind of id that the list is ordered by.
///
/// # Errors
/// `invalid_argument` for a token that no list gave out.
pub(crate) fn page_request<I: FromStr>(size: Option<u32>, token: Option<&str>) -> Result<PageRequest, Error> {
    let token = token.unwrap_or_default();
    let id = token.strip_prefix('~').unwrap_or(token);
    if !token.is_empty() && I::from_str(id).is_err() {
        return Err(Error::invalid(
            "page_token",
            "this is not a token that an earlier page of this list gave",
        ));
    }
    Ok(PageRequest::from_wire(size.unwrap_or(0), token))
}

/// Drops an empty text: `?identifier=` asks for nothing.
pub(crate) fn filled(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}
