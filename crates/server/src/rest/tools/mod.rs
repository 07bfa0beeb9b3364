//! Tools: named actions of a connector.

mod batch;
mod execute;
mod get;
mod list;
mod search;

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use valetkey_engine::ToolView;

use crate::{rest::common::page_body, state::App};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list::list))
        .routes(routes!(execute::execute))
        .routes(routes!(batch::batch))
        .routes(routes!(search::search))
        .routes(routes!(get::get))
}

/// A tool.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Tool)]
pub(crate) struct ToolBody {
    /// Its name.
    #[schema(example = "gmail_get_profile")]
    name: String,
    /// Its connector.
    #[schema(example = "gmail")]
    connector: String,
    /// The connector's official upper-case name.
    #[schema(example = "GMAIL")]
    provider: String,
    /// Whether `max_age` may be given: how old an answer may be that was given before.
    cacheable: bool,
    /// `name`, `description`, `input_schema` and `annotations`, to hand to a model as they are.
    #[schema(value_type = Object)]
    definition: Value,
}

page_body! {
    /// One page of tools, by connector.
    ToolPage of ToolBody
}

impl From<ToolView> for ToolBody {
    fn from(view: ToolView) -> Self {
        Self {
            name: view.name,
            connector: view.connector,
            provider: view.provider,
            cacheable: view.cacheable,
            definition: view.definition,
        }
    }
}
