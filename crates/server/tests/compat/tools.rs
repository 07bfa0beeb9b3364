//! `ToolService`, RPC by RPC.

use prost_types::{Struct, Value, value::Kind};
use tonic::Code;
use valetkey_api::proto::tools::{
    ExecuteToolRequest, Filter, ListAvailableToolsRequest, ListScopedToolsRequest, ListToolsRequest,
    ScopedToolFilter, SearchToolsRequest, ToolReadinessState,
};
use valetkey_testkit::app::{Tenant, TestApp};

use crate::support::{framed, info, raw, start, status, tools};

async fn with_account() -> (TestApp, Tenant, String) {
    let (app, tenant) = start().await;
    app.stub_connection(&tenant, "stub").await;
    let account = app.stub_account(&tenant, "stub", "u1", "key").await;
    (app, tenant, account.account.id.to_string())
}

fn call(tool: &str, params: &[(&str, Kind)]) -> ExecuteToolRequest {
    ExecuteToolRequest {
        tool_name: tool.to_owned(),
        identifier: Some("u1".to_owned()),
        params: Some(Struct {
            fields: params
                .iter()
                .map(|(name, kind)| ((*name).to_owned(), Value { kind: Some(kind.clone()) }))
                .collect(),
        }),
        ..Default::default()
    }
}

fn text(value: &str) -> Kind {
    Kind::StringValue(value.to_owned())
}

fn field<'a>(data: &'a Struct, name: &str) -> &'a Kind {
    data.fields[name].kind.as_ref().unwrap()
}

#[tokio::test]
async fn tool_executed_answers_with_data_and_execution() {
    let (app, tenant, id) = with_account().await;
    let mut client = tools(&app, &tenant.token);
    let request = call("stub_create_item", &[("name", text("pen")), ("count", Kind::NumberValue(3.0))]);
    let answer = client.execute_tool(request.clone()).await.unwrap().into_inner();
    assert!(answer.execution_id.starts_with("ex_"));
    let data = answer.data.unwrap();
    assert_eq!(field(&data, "name"), &text("pen"));
    assert_eq!(field(&data, "count"), &Kind::NumberValue(3.0));
    assert_eq!(app.provider.seen()[0].authorization, "Bearer key");

    // By the account's id alone, as the LangChain adapter does; by connection name and identifier; none at all.
    let by_id = ExecuteToolRequest { identifier: None, connected_account_id: Some(id), ..request.clone() };
    client.execute_tool(by_id).await.unwrap();
    let by_name = ExecuteToolRequest { connector: Some("stub".into()), ..request.clone() };
    client.execute_tool(by_name).await.unwrap();
    let by_nothing = ExecuteToolRequest { identifier: None, ..request };
    let error = client.execute_tool(by_nothing).await.unwrap_err();
    assert_eq!(error.code(), Code::InvalidArgument, "{error}");

    let execution = app.engine.get_execution(&tenant.operator, &answer.execution_id).await.unwrap();
    assert_eq!(execution.source.as_str(), "grpc");
    assert!(execution.request_id.starts_with("req_"));
}

#[tokio::test]
async fn answer_with_a_list_keeps_ids_exact() {
    let (app, tenant, _) = with_account().await;
    let request = call("stub_list_items", &[("limit", Kind::NumberValue(2.0))]);
    let data = tools(&app, &tenant.token).execute_tool(request).await.unwrap().into_inner().data.unwrap();
    let Kind::ListValue(items) = field(&data, "items") else { panic!("{data:?}") };
    let Some(Kind::StructValue(first)) = &items.values[0].kind else { panic!("{items:?}") };
    assert_eq!(field(first, "id"), &text("1234567890123456789"));
    assert_eq!(app.provider.seen()[0].path, "/items?limit=2", "a whole number is an integer");
}

#[tokio::test]
async fn tool_input_wrong_is_refused_naming_the_field() {
    let (app, tenant, _) = with_account().await;
    let request = call("stub_create_item", &[("name", Kind::NumberValue(1.0))]);
    let error = tools(&app, &tenant.token).execute_tool(request).await.unwrap_err();
    assert_eq!(
        (error.code(), info(&error).error_code.as_str()),
        (Code::InvalidArgument, "tool_input_invalid")
    );
    let violations = info(&error).validation_error_info.unwrap().field_violations;
    assert!(violations[0].field.starts_with("params.name"), "{violations:?}");
    assert!(app.provider.seen().is_empty());
}

/// What the provider refuses is the tool's error: the SDKs raise their tool exceptions and repeat nothing.
#[tokio::test]
async fn tool_refused_by_the_provider_is_a_tool_error() {
    let (app, tenant, _) = with_account().await;
    let mut client = tools(&app, &tenant.token);
    let cases = [
        (401, Code::Unauthenticated, "upstream_unauthorized"),
        (403, Code::PermissionDenied, "upstream_forbidden"),
        (404, Code::NotFound, "upstream_not_found"),
        (409, Code::Aborted, "upstream_conflict"),
        (422, Code::InvalidArgument, "upstream_invalid_request"),
        (429, Code::ResourceExhausted, "upstream_rate_limited"),
        (500, Code::Internal, "upstream_error"),
        (503, Code::Internal, "upstream_error"),
    ];
    for (status, code, name) in cases {
        let request = call("stub_fail", &[("status", Kind::NumberValue(f64::from(status)))]);
        let error = client.execute_tool(request).await.unwrap_err();
        let info = info(&error);
        assert_eq!((error.code(), info.error_code.as_str()), (code, "TOOL_ERROR"), "{status}: {error}");
        let tool = info.tool_error_info.unwrap();
        assert_eq!(tool.tool_error_code, name);
        assert!(tool.execution_id.starts_with("ex_"), "{status}");
        assert_eq!(tool.tool_error_message, error.message());
        let execution = app.engine.get_execution(&tenant.operator, &tool.execution_id).await.unwrap();
        assert_eq!(execution.error_code.map(|code| code.as_str()), Some(name));
    }
    let request = call("stub_fail", &[("status", Kind::NumberValue(429.0))]);
    let error = client.execute_tool(request).await.unwrap_err();
    assert_eq!(error.metadata().get("retry-after").unwrap(), "7");
}

/// An account that does not work is not the tool's error, and the caller reads what to do.
#[tokio::test]
async fn tool_on_a_pending_account_says_what_to_do() {
    let (app, tenant) = start().await;
    app.oauth_connection(&tenant, "sandbox").await;
    let new = valetkey_engine::NewAccount::new("sandbox", "u1");
    app.engine.create_account(&tenant.operator, new).await.unwrap();
    let request = call("sandbox_get_profile", &[]);
    let error = tools(&app, &tenant.token).execute_tool(request).await.unwrap_err();
    assert_eq!(
        (error.code(), info(&error).error_code.as_str()),
        (Code::FailedPrecondition, "account_pending")
    );
    assert!(error.message().contains("authorization link"), "{}", error.message());
    assert!(info(&error).resource_info.unwrap().resource_name.starts_with("ca_"));
}

#[tokio::test]
async fn tool_unknown_is_not_found() {
    let (app, tenant, _) = with_account().await;
    let error = tools(&app, &tenant.token).execute_tool(call("stub_get_mee", &[])).await.unwrap_err();
    assert_eq!((error.code(), info(&error).error_code.as_str()), (Code::NotFound, "tool_not_found"));
    assert!(error.message().contains("stub_get_me"), "{}", error.message());
}

#[tokio::test]
async fn deadline_of_the_caller_is_kept() {
    let (app, tenant, _) = with_account().await;
    let mut request = tonic::Request::new(call("stub_wait", &[]));
    request.set_timeout(std::time::Duration::from_millis(200));
    let begun = std::time::Instant::now();
    let error = tools(&app, &tenant.token).execute_tool(request).await.unwrap_err();
    assert_eq!(error.code(), Code::DeadlineExceeded, "{error}");
    assert!(begun.elapsed() < std::time::Duration::from_secs(20));
}

#[tokio::test]
async fn tools_are_listed_filtered_and_paged() {
    let (app, tenant, id) = with_account().await;
    let mut client = tools(&app, &tenant.token);
    let mut list = async |filter: Option<Filter>, page_size: u32| {
        let request = ListToolsRequest { filter, page_size, page_token: String::new() };
        client.list_tools(request).await.unwrap().into_inner()
    };
    let all = list(None, 0).await;
    assert!(all.total_size > 5 && all.tools.len() == all.tool_names.len());
    let stub = list(Some(Filter { connector: Some("stub".into()), ..Default::default() }), 0).await;
    assert_eq!(stub.total_size, 6);
    let by_provider = list(Some(Filter { provider: "STUB".into(), ..Default::default() }), 2).await;
    assert_eq!((by_provider.total_size, by_provider.tools.len()), (6, 2));
    assert!(!by_provider.next_page_token.is_empty());
    let by_account = list(Some(Filter { connected_account_id: Some(id), ..Default::default() }), 0).await;
    assert_eq!(by_account.total_size, 6);
    let by_user = list(Some(Filter { identifier: "u1".into(), ..Default::default() }), 0).await;
    assert_eq!(by_user.total_size, 6);
    let named = Filter { tool_name: vec!["stub_get_me".into()], ..Default::default() };
    let named = list(Some(named), 0).await;
    assert_eq!(named.tool_names, ["stub_get_me"]);
    let definition = named.tools[0].definition.as_ref().unwrap();
    assert_eq!(field(definition, "name"), &text("stub_get_me"));
    assert!(matches!(field(definition, "input_schema"), Kind::StructValue(_)));
    assert_eq!(named.tools[0].provider, "STUB");

    let summary = Filter { summary: Some(true), tool_name: vec!["stub_get_me".into()], ..Default::default() };
    let summary = list(Some(summary), 0).await;
    let names: Vec<_> = summary.tools[0].definition.as_ref().unwrap().fields.keys().cloned().collect();
    assert_eq!(names, ["description", "name"]);
}

#[tokio::test]
async fn tools_are_scoped_to_the_accounts_of_a_user() {
    let (app, tenant, id) = with_account().await;
    let mut client = tools(&app, &tenant.token);
    // The Python SDK leaves the filter out when nothing is filtered.
    let request = ListScopedToolsRequest { identifier: "u1".into(), ..Default::default() };
    let scoped = client.list_scoped_tools(request.clone()).await.unwrap().into_inner();
    assert_eq!(scoped.total_size, 6);
    assert_eq!(scoped.tools[0].connected_account_id, id);
    assert_eq!(scoped.tools[0].identifier, "u1");
    let none = ScopedToolFilter { connection_names: vec!["other".into()], ..Default::default() };
    let request = ListScopedToolsRequest { filter: Some(none), ..request };
    assert_eq!(client.list_scoped_tools(request).await.unwrap().into_inner().total_size, 0);

    let request = ListAvailableToolsRequest { identifier: "u1".into(), ..Default::default() };
    assert_eq!(client.list_available_tools(request).await.unwrap().into_inner().total_size, 6);
}

#[tokio::test]
async fn tools_are_found_with_their_readiness() {
    let (app, tenant, id) = with_account().await;
    let mut client = tools(&app, &tenant.token);
    let mut search = async |identifier: &str| {
        let request = SearchToolsRequest {
            query: "create an item".into(),
            identifier: Some(identifier.into()),
            top_k: 3,
        };
        client.search_tools(request).await.unwrap().into_inner().tools
    };
    let found = search("u1").await;
    assert_eq!(found[0].name, "stub_create_item");
    let ready = &found[0].connections[0];
    assert_eq!((ready.connection_name.as_str(), ready.connected_account_id.as_str()), ("stub", id.as_str()));
    assert_eq!(ready.readiness_state(), ToolReadinessState::Ready);
    let stranger = search("u2").await;
    assert_eq!(stranger[0].connections[0].readiness_state(), ToolReadinessState::NeedsConnection);
}

/// Clients on the gRPC core drop answers beyond 4 MiB and blame a rate limit: better our error, with the execution.
#[tokio::test]
async fn answer_too_large_for_the_client_is_a_tool_error() {
    let (app, tenant, _) = with_account().await;
    let bearer = format!("Bearer {}", tenant.token);
    let body = framed(&prost::Message::encode_to_vec(&call("stub_get_large", &[])));
    let ask = async |agent: &str| {
        let headers = [("authorization", bearer.as_str()), ("user-agent", agent)];
        raw(&app, "/scalekit.v1.tools.ToolService/ExecuteTool", &headers, body.clone()).await
    };
    let refused =
        status(&ask("Scalekit-Python/2.21.0 grpc-python/1.76.0 grpc-c/51.0.0 (linux; chttp2)").await);
    let info = info(&refused);
    assert_eq!((refused.code(), info.error_code.as_str()), (Code::Internal, "TOOL_ERROR"));
    let tool = info.tool_error_info.unwrap();
    assert_eq!(tool.tool_error_code, "upstream_response_too_large");
    assert!(tool.execution_id.starts_with("ex_"));
    let taken = ask("connect-es/2.0.0").await;
    assert_eq!(status(&taken).code(), Code::Ok);
    assert!(taken.body().len() > 5_000_000);
}
