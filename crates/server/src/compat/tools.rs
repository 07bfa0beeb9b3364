//! `ToolService`.

use std::time::Duration;

use prost::Message;
use serde_json::{Map, Value};
use tonic::{Request, Response, Status, async_trait};
use valetkey_api::proto::tools::{
    ConnectionReadiness, ExecuteToolRequest, ExecuteToolResponse, Filter, ListAvailableToolsRequest,
    ListAvailableToolsResponse, ListScopedToolsRequest, ListScopedToolsResponse, ListToolsRequest,
    ListToolsResponse, ScopedTool, SearchToolsRequest, SearchToolsResponse, SearchedTool, Tool,
    ToolReadinessState, tool_service_server::ToolService,
};
use valetkey_domain::{Error, ErrorCode, PageRequest};
use valetkey_engine::{AccountRef, Engine, ExecuteTool, FoundTool, Readiness, ToolFilter, ToolView};

use super::{
    call::{Call, run, run_tool},
    structs,
    wire::{given, size},
};

/// The service over the engine.
pub(super) struct Tools {
    engine: Engine,
}

impl Tools {
    pub(super) fn new(engine: Engine) -> Self {
        Self { engine }
    }
}

#[async_trait]
impl ToolService for Tools {
    async fn list_tools(
        &self,
        request: Request<ListToolsRequest>,
    ) -> Result<Response<ListToolsResponse>, Status> {
        run(request, async |call, message| {
            let summary = message.filter.as_ref().and_then(|filter| filter.summary).unwrap_or(false);
            let filter = filter(message.filter.unwrap_or_default());
            let page = PageRequest::from_wire(message.page_size, &message.page_token);
            let page = self.engine.list_tools(&call.caller, &filter, &page).await?;
            Ok(ListToolsResponse {
                next_page_token: page.next.unwrap_or_default(),
                prev_page_token: page.previous.unwrap_or_default(),
                total_size: size(page.total),
                tool_names: page.items.iter().map(|tool| tool.name.clone()).collect(),
                tools: page.items.into_iter().map(|tool| shown(tool, summary)).collect(),
            })
        })
        .await
    }

    async fn list_scoped_tools(
        &self,
        request: Request<ListScopedToolsRequest>,
    ) -> Result<Response<ListScopedToolsResponse>, Status> {
        run(request, async |call, message| {
            let wanted = message.filter.unwrap_or_default();
            let filter = ToolFilter {
                connectors: wanted.providers,
                connections: wanted.connection_names,
                tool_names: wanted.tool_names,
                ..ToolFilter::default()
            };
            let page = PageRequest::from_wire(message.page_size, &message.page_token);
            let page = self.engine.scoped_tools(&call.caller, &message.identifier, &filter, &page).await?;
            let tools = page.items.into_iter().map(|scoped| ScopedTool {
                tool: Some(shown(scoped.tool, false)),
                identifier: scoped.identifier,
                connected_account_id: scoped.account.to_string(),
            });
            Ok(ListScopedToolsResponse {
                tools: tools.collect(),
                next_page_token: page.next.unwrap_or_default(),
                prev_page_token: page.previous.unwrap_or_default(),
                total_size: size(page.total),
            })
        })
        .await
    }

    async fn list_available_tools(
        &self,
        request: Request<ListAvailableToolsRequest>,
    ) -> Result<Response<ListAvailableToolsResponse>, Status> {
        run(request, async |call, message| {
            let page = PageRequest::from_wire(message.page_size, &message.page_token);
            let page = self.engine.available_tools(&call.caller, &message.identifier, &page).await?;
            Ok(ListAvailableToolsResponse {
                tools: page.items.into_iter().map(|tool| shown(tool, false)).collect(),
                next_page_token: page.next.unwrap_or_default(),
                prev_page_token: page.previous.unwrap_or_default(),
                total_size: size(page.total),
            })
        })
        .await
    }

    async fn search_tools(
        &self,
        request: Request<SearchToolsRequest>,
    ) -> Result<Response<SearchToolsResponse>, Status> {
        run(request, async |call, message| {
            let identifier = given(message.identifier);
            let found = self
                .engine
                .search_tools(&call.caller, &message.query, identifier.as_deref(), message.top_k)
                .await?;
            Ok(SearchToolsResponse { tools: found.into_iter().map(searched).collect() })
        })
        .await
    }

    async fn execute_tool(
        &self,
        request: Request<ExecuteToolRequest>,
    ) -> Result<Response<ExecuteToolResponse>, Status> {
        run_tool(request, async |call, message| self.execute(call, message).await).await
    }
}

impl Tools {
    async fn execute(&self, call: Call, message: ExecuteToolRequest) -> Result<ExecuteToolResponse, Error> {
        let account = AccountRef {
            id: given(message.connected_account_id),
            connection_name: given(message.connector),
            identifier: given(message.identifier),
            organization_id: given(message.organization_id),
            user_id: given(message.user_id),
            ..AccountRef::default()
        };
        let tool_input = structs::to_json("params", message.params.unwrap_or_default())?;
        let outcome = self
            .engine
            .execute_tool(
                &call.caller,
                ExecuteTool {
                    agent_run_id: given(message.agent_run_id),
                    source: call.source,
                    request_id: call.facts.request_id.clone(),
                    deadline: call.deadline.map(shortened),
                    ..ExecuteTool::new(account, message.tool_name, tool_input)
                },
            )
            .await?;
        let answer = ExecuteToolResponse {
            data: Some(structs::answer_to_struct(outcome.data)),
            execution_id: outcome.execution_id.to_string(),
        };
        // Such a client would drop the answer and blame a rate limit.
        if let Some(max) = call.max_answer.filter(|max| answer.encoded_len() > *max) {
            return Err(Error::new(ErrorCode::UpstreamResponseTooLarge)
                .message(format!(
                    "The tool succeeded, but its answer is larger than the {max} bytes that this gRPC client takes."
                ))
                .execution(&outcome.execution_id));
        }
        Ok(answer)
    }
}

/// A little less than the caller's own deadline, so that our answer, which names the execution, comes before it.
fn shortened(deadline: Duration) -> Duration {
    deadline - (deadline / 20).min(Duration::from_millis(200))
}

fn filter(wanted: Filter) -> ToolFilter {
    ToolFilter {
        connectors: given(Some(wanted.provider)).into_iter().collect(),
        connections: given(wanted.connector).into_iter().collect(),
        tool_names: wanted.tool_name,
        query: given(wanted.query),
        identifier: given(Some(wanted.identifier)),
        account: given(wanted.connected_account_id),
        organization_id: given(wanted.organization_id),
        user_id: given(wanted.user_id),
    }
}

/// A tool; as a summary, without its schema.
fn shown(tool: ToolView, summary: bool) -> Tool {
    let mut definition = match tool.definition {
        Value::Object(fields) => fields,
        _ => Map::new(),
    };
    if summary {
        definition.retain(|name, _| name == "name" || name == "description");
    }
    Tool {
        // Tools are known by name; the prefix is what ids of tools have on this wire.
        id: format!("tol_{}", tool.name),
        provider: tool.provider,
        definition: Some(structs::to_struct(definition)),
        metadata: None,
        tags: vec![tool.connector],
        is_default: Some(true),
        updated_at: None,
    }
}

fn searched(found: FoundTool) -> SearchedTool {
    let connections = found.connections.into_iter().map(|connection| ConnectionReadiness {
        connection_name: connection.connection_name,
        connected_account_id: connection.account.map(|id| id.to_string()).unwrap_or_default(),
        readiness_state: match connection.state {
            Readiness::Ready => ToolReadinessState::Ready,
            Readiness::NeedsConnection => ToolReadinessState::NeedsConnection,
            Readiness::NeedsReauth => ToolReadinessState::NeedsReauth,
        }
        .into(),
    });
    SearchedTool {
        connections: connections.collect(),
        name: found.tool.name,
        provider: found.tool.provider,
        description: found.description,
        score: found.score,
    }
}
