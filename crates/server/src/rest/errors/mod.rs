//! The catalogue of errors.

mod list;

use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use valetkey_domain::ErrorCode;

use crate::{ServerOptions, state::App};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list::list))
}

/// The catalogue.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ErrorCatalogue)]
pub(crate) struct CatalogueBody {
    /// Every code that an error can have, in the order of the documentation.
    items: Vec<EntryBody>,
}

/// What is known about a code.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ErrorCatalogueEntry)]
struct EntryBody {
    /// The code. It never changes; programs branch on it.
    #[schema(example = "account_revoked")]
    code: &'static str,
    /// The part of the catalogue.
    #[schema(example = "Connected accounts")]
    section: &'static str,
    /// What it means, for people.
    meaning: &'static str,
    /// The usual cause.
    cause: &'static str,
    /// Who must act: `end_user`, `developer`, `provider_admin`, `operator`, or `nobody`, who waits.
    #[schema(example = "end_user")]
    actor: &'static str,
    /// Whether the same request may be sent again: `never`, `safe` or `later`.
    #[schema(example = "never")]
    retry: &'static str,
    /// When a retry helps, for people.
    retry_advice: &'static str,
    /// What to do, in order. An error may name better ones of its own.
    remedies: Vec<EntryRemedyBody>,
    /// The HTTP status of the native API; `null` for findings of a diagnosis and codes of the command line.
    #[schema(example = 409)]
    http_status: Option<u16>,
    /// The status of the compatible API; `null` for findings of a diagnosis and codes of the command line.
    #[schema(example = "FAILED_PRECONDITION")]
    grpc_status: Option<&'static str>,
    /// The class in our SDKs for Python, JavaScript and Go; in Java it ends with `Exception`.
    #[schema(example = "AccountRevokedError")]
    sdk_class: Option<String>,
    /// Codes to look at as well.
    related: Vec<&'static str>,
    /// The page that explains it.
    docs: String,
}

/// One thing to do.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ErrorCatalogueRemedy)]
struct EntryRemedyBody {
    /// The kind of step; programs branch on it.
    #[schema(example = "reauthorize")]
    action: &'static str,
    /// The step in words.
    text: &'static str,
}

impl CatalogueBody {
    fn on(options: &ServerOptions) -> Self {
        Self { items: ErrorCode::ALL.iter().map(|code| EntryBody::of(*code, options)).collect() }
    }
}

impl EntryBody {
    fn of(code: ErrorCode, options: &ServerOptions) -> Self {
        let entry = code.entry();
        let remedies = entry.remedies.iter();
        Self {
            code: entry.code,
            section: code.section(),
            meaning: entry.meaning,
            cause: entry.cause,
            actor: entry.actor.as_str(),
            retry: entry.retry.as_str(),
            retry_advice: entry.retry.in_words(),
            remedies: remedies
                .map(|(action, text)| EntryRemedyBody { action: action.as_str(), text })
                .collect(),
            http_status: code.is_answered().then_some(entry.http_status),
            grpc_status: code.is_answered().then(|| entry.grpc_code.as_str()),
            sdk_class: code.sdk_class().map(|class| class.error()),
            related: code.related().into_iter().map(ErrorCode::as_str).collect(),
            docs: options.address_of(&code.docs_path()),
        }
    }
}
