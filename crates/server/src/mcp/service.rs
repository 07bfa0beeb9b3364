//! What an MCP client may ask: the list of tools, and a call.

use http::request::Parts;
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ErrorCode as RpcCode,
        Implementation, ListToolsResult, PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
    },
    service::RequestContext as Asked,
};
use serde_json::Value;
use valetkey_domain::{Caller, Error, ErrorCode, PageRequest, execution::Source, page::MAX_PAGE_SIZE};
use valetkey_engine::{AccountRef, ExecuteTool, Offered, ToolView};

use super::prose;
use crate::{RequestContext, auth::Authenticated, error::ErrorBody, state::App};

const INSTRUCTIONS: &str = "Tools that act in the accounts of one user. The user connects an account once, by a link \
     that the application gives them. When a call fails, the answer says what happened, whose move it is and what to \
     do: tell the user if it is theirs, and do not repeat the call before they have acted.";

/// The tools of this server. Whose and for whom comes with each request.
#[derive(Clone)]
pub(super) struct ToolServer {
    app: App,
}

/// What a request carries beside its message.
struct Asking {
    caller: Caller,
    context: RequestContext,
    offered: Offered,
}

impl ToolServer {
    pub(super) fn new(app: App) -> Self {
        Self { app }
    }

    fn body(&self, error: &Error, asking: &Asking) -> ErrorBody {
        self.app.error_body(error, &asking.context)
    }

    /// A failed call: in words for the model, and whole for the program.
    fn failure(&self, error: &Error, asking: &Asking) -> CallToolResult {
        let body = self.body(error, asking);
        let mut result = CallToolResult::error(vec![ContentBlock::text(prose::of(&body))]);
        result.structured_content =
            serde_json::to_value(&body).ok().map(|body| serde_json::json!({ "error": body }));
        result
    }
}

/// An error of the question itself, for the program; what a model shall read is the result of a call.
pub(super) fn refusal(body: ErrorBody, code: ErrorCode) -> ErrorData {
    let rpc = match code.entry().http_status {
        400..500 => RpcCode::INVALID_REQUEST,
        _ => RpcCode::INTERNAL_ERROR,
    };
    ErrorData::new(rpc, prose::line(&body), serde_json::to_value(&body).ok())
}

impl Asking {
    fn of(asked: &Asked<RoleServer>) -> Result<Self, ErrorData> {
        let parts = asked.extensions.get::<Parts>().map(|parts| &parts.extensions);
        let found = parts.and_then(|found| {
            let Authenticated(caller) = found.get::<Authenticated>()?.clone();
            let context = found.get::<RequestContext>()?.clone();
            Some(Self { caller, context, offered: found.get::<Offered>()?.clone() })
        });
        // A route that was left out of the closed part by mistake answers nothing at all.
        found.ok_or_else(|| ErrorData::internal_error(ErrorCode::Internal.as_str(), None))
    }
}

/// A tool as MCP writes it.
///
/// # Errors
/// `internal` if its definition is none.
fn tool(view: ToolView) -> Result<Tool, Error> {
    let mut definition = view.definition;
    if let Some(fields) = definition.as_object_mut()
        && let Some(schema) = fields.remove("input_schema")
    {
        fields.insert("inputSchema".to_owned(), schema);
    }
    serde_json::from_value(definition).map_err(|error| Error::internal(format!("{}: {error}", view.name)))
}

impl ServerHandler for ToolServer {
    fn get_info(&self) -> ServerConfig {
        let server = Implementation::new("valetkey", env!("CARGO_PKG_VERSION"))
            .with_title(self.app.options.app_name.as_deref().unwrap_or("Valetkey"));
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(server)
            .with_instructions(INSTRUCTIONS)
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        asked: Asked<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let asking = Asking::of(&asked)?;
        let cursor = request.and_then(|request| request.cursor).unwrap_or_default();
        let page = PageRequest::from_wire(MAX_PAGE_SIZE, &cursor);
        let listed = self.app.engine.offered_tools(&asking.caller, &asking.offered, &page).await;
        let listed = listed.and_then(|page| {
            let tools: Result<Vec<Tool>, Error> = page.items.into_iter().map(tool).collect();
            let mut result = ListToolsResult::with_all_items(tools?);
            result.next_cursor = page.next;
            Ok(result)
        });
        listed.map_err(|error| refusal(self.body(&error, &asking), error.code()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        asked: Asked<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let asking = Asking::of(&asked)?;
        let input = Value::Object(request.arguments.unwrap_or_default());
        let call = ExecuteTool {
            source: Source::Mcp,
            request_id: asking.context.id().to_string(),
            ..ExecuteTool::new(AccountRef::default(), request.name, input)
        };
        let outcome = self.app.engine.execute_offered(&asking.caller, &asking.offered, call).await;
        let result = match outcome {
            Ok(outcome) => {
                let mut result = CallToolResult::success(vec![ContentBlock::text(outcome.data.to_string())]);
                // Before the revision 2026-07-28 structured content is an object and nothing else.
                result.structured_content = Some(outcome.data).filter(Value::is_object);
                result
            }
            Err(error) => self.failure(&error, &asking),
        };
        Ok(result.into())
    }
}
