//! Requests: where inputs may get to, and where never.

use std::{collections::BTreeMap, sync::LazyLock};

use percent_encoding::percent_decode_str;
use proptest::prelude::*;
use serde_json::json;
use valetkey_domain::connection::Overrides;

use super::*;
use crate::connector::{Connector, Connectors};

const FILE: &str = r#"
slug: thing
display_name: Thing
description: For tests.
variables:
  region: {label: Region, pattern: "[a-z]{2}", example: eu, default: eu}
auth: {none: {}}
api:
  base_url: "https://{var.region}.api.example.com/v2"
  headers: {X-Region: "{var.region}"}
tools:
  - name: thing_do_it
    title: Do it
    description: Does something with all that requests can hold.
    input:
      required: [id]
      properties:
        id: {description: An id., anyOf: [{type: string}, {type: integer}]}
        path: {type: string, description: A path., default: a/b}
        words: {type: array, items: {type: string}, description: Words.}
        flag: {type: boolean, description: A flag.}
        note: {type: string, description: A note for a header.}
        name: {type: string, description: A name.}
    example: {id: x}
    request:
      method: POST
      path: "/things/{id}/files/{path | segments}"
      query: {word: "{words}", joined: "{words | join}", flag: "{flag}", fixed: 1, $top: "{id}"}
      headers: {X-Note: "{note}"}
      body: {json: {name: "{name}", kind: constant, inner: {name: "{name}", kind: constant}}}
"#;

static CONNECTORS: LazyLock<Connectors> =
    LazyLock::new(|| Connectors::from_files([("thing.yaml".to_owned(), FILE.to_owned())]).unwrap());

fn with_target<T>(connector: &Connector, base: Option<&str>, act: impl FnOnce(&Target<'_>) -> T) -> T {
    let overrides =
        Overrides { api_base_url: base.map(|base| Url::parse(base).unwrap()), ..Overrides::default() };
    let empty = BTreeMap::new();
    act(&Target { connector, overrides: &overrides, variables: &empty, metadata: &empty })
}

fn request(input: &Value) -> Result<OutboundRequest, Error> {
    let (connector, tool) = CONNECTORS.tool("thing_do_it").unwrap();
    with_target(connector, None, |target| render(target, tool, input))
}

#[test]
fn request_holds_what_the_file_says() {
    let request =
        request(&json!({"id": 7, "words": ["a b", "c&d"], "flag": false, "note": "hi", "name": "N"}))
            .unwrap();
    assert_eq!(
        request.url.as_str(),
        "https://eu.api.example.com/v2/things/7/files/a/b?$top=7&fixed=1&flag=false&joined=a%20b%2Cc%26d&word=a%20b&word=c%26d",
    );
    assert_eq!(request.headers["x-note"], "hi");
    assert_eq!(request.headers["x-region"], "eu");
    assert_eq!(request.headers["content-type"], "application/json");
    assert_eq!(
        serde_json::from_slice::<Value>(&request.body).unwrap(),
        json!({"name": "N", "kind": "constant", "inner": {"name": "N", "kind": "constant"}}),
    );
}

#[test]
fn request_omits_what_is_absent() {
    let request = request(&json!({"id": "x"})).unwrap();
    assert_eq!(request.url.query(), Some("$top=x&fixed=1"));
    assert!(!request.headers.contains_key("x-note"));
    assert_eq!(serde_json::from_slice::<Value>(&request.body).unwrap(), json!({"kind": "constant"}));
}

#[test]
fn request_follows_the_overridden_base() {
    let (connector, tool) = CONNECTORS.tool("thing_do_it").unwrap();
    let url = with_target(connector, Some("http://127.0.0.1:4000/prefix/"), |target| {
        render(target, tool, &json!({"id": "x"})).unwrap().url
    });
    assert!(url.as_str().starts_with("http://127.0.0.1:4000/prefix/things/x/files/a/b?"), "{url}");
}

#[test]
fn request_bad_values_are_refused_by_field() {
    for (input, field) in [
        (json!({"id": ".."}), "tool_input.id"),
        (json!({"id": "a/../b"}), "tool_input.id"),
        (json!({"id": "a\\..\\b"}), "tool_input.id"),
        (json!({"id": "a\r\nX: y"}), "tool_input.id"),
        (json!({"id": ""}), "tool_input.id"),
        (json!({"id": "x", "path": "a/../../b"}), "tool_input.path"),
        (json!({"id": "x", "path": "a//b"}), "tool_input.path"),
        (json!({"id": "x", "note": "a\r\nX: y"}), "tool_input.note"),
    ] {
        let error = request(&input).unwrap_err();
        assert_eq!(error.code(), ErrorCode::ToolInputInvalid, "{input}");
        assert_eq!(error.details().fields[0].field, field, "{input}");
    }
}

#[test]
fn input_faults_name_the_field_and_not_the_value() {
    let (_, tool) = CONNECTORS.tool("thing_do_it").unwrap();
    for (input, field) in [
        (json!({}), "tool_input.id"),
        (json!({"id": "x", "colour": "hush"}), "tool_input.colour"),
        (json!({"id": "x", "flag": "hush"}), "tool_input.flag"),
        (json!({"id": "x", "words": ["a", 3]}), "tool_input.words.1"),
        (json!("hush"), "tool_input"),
    ] {
        let error = tool.validate(&input).unwrap_err();
        assert_eq!(error.code(), ErrorCode::ToolInputInvalid);
        assert_eq!(error.details().fields[0].field, field, "{error}");
        assert!(!error.to_string().contains("hush"), "{error}");
    }
}

#[test]
fn related_boundary_occurs_nowhere() {
    let (kind, body) = related("{}", "text/plain", b"--valetkey-part-0 and valetkey-part-1");
    assert_eq!(kind, "multipart/related; boundary=valetkey-part-2");
    let text = String::from_utf8(body.to_vec()).unwrap();
    assert!(text.starts_with("--valetkey-part-2\r\n") && text.ends_with("\r\n--valetkey-part-2--\r\n"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// S46: whatever a value is, it stays one segment of the path on the API's own host, and reads back as it was.
    #[test]
    fn segment_value_never_leaves_its_segment(id in "(?s).{0,40}") {
        check_segment(&id)?;
    }

    /// The same with what parsers stumble over.
    #[test]
    fn segment_value_of_odd_pieces_never_leaves(pieces in prop::collection::vec(
        prop::sample::select(vec!["/", "..", ".", "\\", "%2f", "%2e%2e", "%00", "?", "#", "@", ":", "//", "evil.example", "\r\n", "\t", ";", "..;", "ä", "\u{ff0f}", "\u{2024}", " "]),
        0..8,
    )) {
        check_segment(&pieces.concat())?;
    }

    /// Queries and bodies never touch the path or host.
    #[test]
    fn query_value_never_leaves_its_parameter(word in "(?s).{0,40}") {
        let Ok(request) = request(&json!({"id": "x", "words": [word]})) else { return Ok(()) };
        prop_assert_eq!(request.url.path(), "/v2/things/x/files/a/b");
        prop_assert_eq!(request.url.fragment(), None);
        let pairs: Vec<_> = request.url.query_pairs().collect();
        prop_assert_eq!(pairs.len(), 4);
        prop_assert!(pairs.iter().any(|(name, value)| name == "word" && *value == word));
    }
}

fn check_segment(id: &str) -> Result<(), TestCaseError> {
    let Ok(request) = request(&json!({"id": id})) else { return Ok(()) };
    prop_assert_eq!(request.url.host_str(), Some("eu.api.example.com"));
    prop_assert_eq!(request.url.username(), "");
    let segments: Vec<_> = request.url.path_segments().unwrap().collect();
    prop_assert_eq!(segments.len(), 6, "{}", request.url);
    prop_assert_eq!(&segments[..2], ["v2", "things"]);
    prop_assert_eq!(&segments[3..], ["files", "a", "b"]);
    prop_assert_eq!(percent_decode_str(segments[2]).decode_utf8().unwrap(), id);
    Ok(())
}
