//! What errors tell.

use tonic::Code;
use valetkey_api::proto::connected_accounts::{
    CreateConnectedAccount, CreateConnectedAccountRequest, ListConnectedAccountsRequest,
};

use crate::support::{accounts, info, start};

#[tokio::test]
async fn error_tells_code_request_docs_and_remedy() {
    let (app, tenant) = start().await;
    let request = CreateConnectedAccountRequest {
        connector: Some("nowhere".into()),
        identifier: Some("u1".into()),
        connected_account: Some(CreateConnectedAccount::default()),
        ..Default::default()
    };
    let error = accounts(&app, &tenant.token).create_connected_account(request).await.unwrap_err();
    assert_eq!(error.code(), Code::NotFound);
    let info = info(&error);
    assert_eq!(info.error_code, "connection_not_found");
    assert!(info.request_info.unwrap().request_id.starts_with("req_"));
    let link = &info.help_info.unwrap().links[0];
    assert_eq!(link.url, "https://valetkey.test/docs/errors/connection_not_found");
    assert!(error.message().contains("List the connections"), "{}", error.message());
    assert!(info.debug_info.is_none() && info.tool_error_info.is_none());
}

/// Every violation at once, each with field, words and the limit it broke.
#[tokio::test]
async fn violations_are_told_all_at_once() {
    let (app, tenant) = start().await;
    let request = ListConnectedAccountsRequest {
        connector: Some("a/b".into()),
        connection_names: vec!["ok".into(), String::new()],
        page_size: 100,
        query: "q".repeat(101),
        ..Default::default()
    };
    let error = accounts(&app, &tenant.token).list_connected_accounts(request).await.unwrap_err();
    assert_eq!(error.code(), Code::InvalidArgument);
    let violations = info(&error).validation_error_info.unwrap().field_violations;
    let mut found: Vec<_> = violations.iter().map(|v| (v.field.as_str(), v.constraint.as_str())).collect();
    found.sort_unstable();
    assert_eq!(
        found,
        [
            ("connection_names", "exclusive"),
            ("connection_names[1]", "min_len"),
            ("connector", "pattern"),
            ("page_size", "lt"),
            ("query", "max_len"),
        ]
    );
    for field in ["connector", "page_size", "query"] {
        assert!(error.message().contains(field), "{}", error.message());
    }
}
