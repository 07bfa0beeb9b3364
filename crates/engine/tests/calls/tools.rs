use serde_json::json;
use valetkey_domain::{ErrorCode, Page, PageRequest};
use valetkey_engine::{NewAccount, Readiness, ToolFilter, ToolView};

use crate::world::World;

fn names(page: &Page<ToolView>) -> Vec<&str> {
    page.items.iter().map(|tool| tool.name.as_str()).collect()
}

fn whole() -> PageRequest {
    PageRequest { size: 100, cursor: None }
}

#[tokio::test]
async fn tools_are_listed_in_pages_and_by_filter() {
    let world = World::new().await;
    world.connection("keyed", "keys").await;
    let list = async |filter: ToolFilter, page: PageRequest| {
        world.engine.list_tools(&world.caller, &filter, &page).await.unwrap()
    };
    let all = list(ToolFilter::default(), whole()).await;
    assert_eq!(
        names(&all),
        [
            "fake_get_me",
            "fake_send_note",
            "fake_put_note",
            "fake_post_line",
            "keyed_get_status",
            "machine_list_jobs"
        ]
    );
    let first = list(ToolFilter::default(), PageRequest::from_wire(2, "")).await;
    assert_eq!((names(&first), first.total), (vec!["fake_get_me", "fake_send_note"], 6));
    let next = first.next.unwrap();
    assert!(next.len() <= 32);
    let second = list(ToolFilter::default(), PageRequest::from_wire(2, &next)).await;
    assert_eq!(names(&second), ["fake_put_note", "fake_post_line"]);

    let of = |text: &str| vec![text.to_owned()];
    let by_provider = list(ToolFilter { connectors: of("KEYED"), ..ToolFilter::default() }, whole()).await;
    assert_eq!(names(&by_provider), ["keyed_get_status"]);
    let by_connection = list(ToolFilter { connections: of("keys"), ..ToolFilter::default() }, whole()).await;
    assert_eq!(names(&by_connection), ["keyed_get_status"]);
    let unknown = list(ToolFilter { connections: of("nothing"), ..ToolFilter::default() }, whole()).await;
    assert_eq!(unknown.total, 0);
    let by_alias = list(ToolFilter { tool_names: of("fake_whoami"), ..ToolFilter::default() }, whole()).await;
    assert_eq!(names(&by_alias), ["fake_whoami"]);
    assert_eq!(by_alias.items[0].definition["name"], "fake_whoami");
    assert_eq!(by_alias.items[0].definition["input_schema"]["type"], "object");
    let by_query = list(ToolFilter { query: Some("jobs".into()), ..ToolFilter::default() }, whole()).await;
    assert_eq!(names(&by_query), ["machine_list_jobs"]);
    let odd = PageRequest::from_wire(2, "nonsense");
    let refused = world.engine.list_tools(&world.caller, &ToolFilter::default(), &odd).await.unwrap_err();
    assert_eq!(refused.details().fields[0].field, "page_token");
}

#[tokio::test]
async fn tools_of_a_user_are_those_of_active_accounts_and_granted_scopes() {
    let world = World::new().await;
    world.connection("fake", "fake-a").await;
    world.connection("fake", "fake-b").await;
    world.connection("keyed", "keyed").await;
    let narrow = world.account_with("fake-a", "user_1", None, &["read"]).await;
    let wide = world.account("fake-b", "user_1").await;
    let waiting = NewAccount::new("keyed", "user_1");
    world.engine.create_account(&world.caller, waiting).await.unwrap();

    let filter = ToolFilter::default();
    let scoped = world.engine.scoped_tools(&world.caller, "user_1", &filter, &whole()).await.unwrap();
    let shown: Vec<_> = scoped.items.iter().map(|s| (s.tool.name.as_str(), s.account.clone())).collect();
    assert_eq!(
        shown,
        [
            ("fake_get_me", narrow.id.clone()),
            ("fake_get_me", wide.id.clone()),
            ("fake_send_note", wide.id.clone()),
            ("fake_put_note", wide.id.clone()),
            ("fake_post_line", wide.id.clone())
        ]
    );
    let one = ToolFilter { connections: vec!["fake-a".into()], ..ToolFilter::default() };
    let scoped = world.engine.scoped_tools(&world.caller, "user_1", &one, &whole()).await.unwrap();
    assert_eq!((scoped.total, scoped.items[0].connection_name.as_str()), (1, "fake-a"));

    let available = world.engine.available_tools(&world.caller, "user_1", &whole()).await.unwrap();
    assert_eq!(names(&available), ["fake_get_me", "fake_send_note", "fake_put_note", "fake_post_line"]);
    assert_eq!(world.engine.available_tools(&world.caller, "nobody", &whole()).await.unwrap().total, 0);
    let refused = world.engine.scoped_tools(&world.caller, "", &filter, &whole()).await.unwrap_err();
    assert_eq!(refused.details().fields[0].field, "identifier");
}

#[tokio::test]
async fn search_says_through_which_connections_a_tool_is_ready() {
    let world = World::new().await;
    for name in ["fake-a", "fake-b", "fake-c"] {
        world.connection("fake", name).await;
    }
    world.account("fake-a", "user_1").await;
    world.account_with("fake-b", "user_1", None, &["read"]).await;
    let found = world.engine.search_tools(&world.caller, "send a note", Some("user_1"), 1).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].tool.name, "fake_send_note");
    let states: Vec<_> = found[0].connections.iter().map(|c| (c.connection_name.as_str(), c.state)).collect();
    assert_eq!(
        states,
        [
            ("fake-a", Readiness::Ready),
            ("fake-b", Readiness::NeedsReauth),
            ("fake-c", Readiness::NeedsConnection)
        ]
    );
    let anonymous = world.engine.search_tools(&world.caller, "send a note", None, 0).await.unwrap();
    assert!(anonymous[0].connections.is_empty() && anonymous[0].score > 0.0);
    let refused = world.engine.search_tools(&world.caller, " ", None, 0).await.unwrap_err();
    assert_eq!(refused.details().fields[0].field, "query");
}

#[tokio::test]
async fn connectors_show_scopes_fields_and_tools() {
    let world = World::new().await;
    let all = world.engine.list_connectors(&world.caller).unwrap();
    assert_eq!(all.iter().map(|c| c.slug.as_str()).collect::<Vec<_>>(), ["fake", "keyed", "machine"]);
    assert_eq!(all[0].scopes, ["read", "write"]);
    let keyed = world.engine.get_connector(&world.caller, "KEYED").unwrap();
    assert_eq!((keyed.fields[0].name.as_str(), keyed.fields[0].secret), ("api_key", true));
    assert_eq!(keyed.tools, ["keyed_get_status"]);
    let unknown = world.engine.get_connector(&world.caller, "nothing").unwrap_err();
    assert_eq!(unknown.code(), ErrorCode::ConnectorNotFound);
    let tool = world.engine.get_tool(&world.caller, "fake_get_me").unwrap();
    assert_eq!(tool.definition["annotations"]["readOnlyHint"], json!(true));
}
