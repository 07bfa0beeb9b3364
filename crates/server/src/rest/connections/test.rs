//! `POST /v1/connect/connections/{connection}/test`

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;
use valetkey_engine::ConnectionTest;

use crate::{
    auth::Authenticated,
    extract::Path,
    rest::{common::Reply, openapi::Errors},
    state::App,
};

/// What a connection test found.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ConnectionTest)]
pub(crate) struct TestBody {
    /// Whether everything that could be checked is in order.
    ok: bool,
    /// What was checked.
    checked: Vec<CheckBody>,
    /// What could not be checked from here.
    not_checked: Vec<UncheckedBody>,
}

/// One thing that was checked.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ConnectionCheck)]
struct CheckBody {
    /// What: `client_credentials`, `token_endpoint`, …
    item: &'static str,
    /// Whether it is in order.
    ok: bool,
    /// What was found, in words.
    detail: String,
    /// The code from the catalogue, if it is not in order.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
}

/// One thing that could not be checked.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UncheckedItem)]
struct UncheckedBody {
    /// What.
    item: &'static str,
    /// Why not, and how to find out.
    reason: String,
}

impl From<ConnectionTest> for TestBody {
    fn from(test: ConnectionTest) -> Self {
        let checked = test.checked.into_iter().map(|check| CheckBody {
            item: check.item,
            ok: check.ok,
            detail: check.detail,
            code: check.code.map(|code| code.as_str()),
        });
        let not_checked =
            test.not_checked.into_iter().map(|item| UncheckedBody { item: item.item, reason: item.reason });
        Self { ok: test.ok, checked: checked.collect(), not_checked: not_checked.collect() }
    }
}

/// Test a connection
///
/// Checks the client credentials as far as the provider lets one without a user, and says what could not be checked.
/// Needs `connections:write`.
#[utoipa::path(
    post, path = "/v1/connect/connections/{connection}/test", operation_id = "testConnection", tag = "connections",
    params(("connection" = String, Path, description = "Id or name")),
    responses((status = OK, description = "What was found", body = TestBody), Errors)
)]
pub(crate) async fn test(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(connection): Path<String>,
) -> Reply<TestBody> {
    Ok(Json(app.engine.test_connection(&caller, &connection).await?.into()))
}
