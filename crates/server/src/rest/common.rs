//! Shapes that several endpoints share.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{KnownFormat, ObjectBuilder, RefOr, Schema, SchemaFormat, schema::Type},
};
use valetkey_domain::{Error, PageRequest, SecretString, Time};

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

/// How many rows of a list are counted: counting all of a long one takes longer than reading its page.
pub(crate) const COUNTED: u32 = 10_000;

/// Defines the body of one list. A macro and not a generic type: the API description then refers to the schema of the
/// rows instead of repeating it.
macro_rules! page_body {
    ($(#[$doc:meta])* $name:ident of $row:ty) => {
        $(#[$doc])*
        #[derive(Debug, serde::Serialize, utoipa::ToSchema)]
        pub(crate) struct $name {
            /// The rows.
            items: Vec<$row>,
            /// The `page_token` of the next page, if there is one.
            next_page_token: Option<String>,
            /// The `page_token` of the page before, if there is one.
            previous_page_token: Option<String>,
            /// How many rows match in all, as far as they were counted.
            total_size: u64,
            /// There if more rows match than were counted: `total_size` is 10,000 then.
            #[serde(skip_serializing_if = "std::ops::Not::not")]
            #[schema(required = false)]
            total_size_is_at_least: bool,
        }

        impl<T> From<valetkey_domain::Page<T>> for $name
        where
            $row: From<T>,
        {
            fn from(page: valetkey_domain::Page<T>) -> Self {
                let page = page.map(<$row>::from);
                Self {
                    items: page.items,
                    next_page_token: page.next,
                    previous_page_token: page.previous,
                    total_size: page.total.min($crate::rest::common::COUNTED.into()),
                    total_size_is_at_least: page.total > $crate::rest::common::COUNTED.into(),
                }
            }
        }
    };
}
pub(crate) use page_body;

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

/// Reads a query parameter that is an instant.
///
/// # Errors
/// `invalid_argument` naming the parameter.
pub(crate) fn instant(name: &str, text: Option<String>) -> Result<Option<Time>, Error> {
    let read = |text: String| {
        OffsetDateTime::parse(&text, &Rfc3339).map_err(|_| {
            Error::invalid(name, "must be an instant such as 2026-01-01T00:00:00Z (a + must be written %2B)")
        })
    };
    text.map(read).transpose()
}

/// Drops an empty text: `?identifier=` asks for nothing.
pub(crate) fn filled(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}
