//! What every tool of the compiled-in connectors sends for its example, against `tests/golden/<connector>.txt`.
//! `UPDATE_GOLDEN=1 cargo test -p valetkey-upstream --test tool_requests` writes the files anew.

#![expect(clippy::unwrap_used, reason = "test helpers")]

use std::{collections::BTreeMap, env, fmt::Write as _, fs, path::Path};

use base64::{Engine as _, engine::general_purpose::URL_SAFE};
use regex::Regex;
use serde_json::Value;
use valetkey_domain::connection::Overrides;
use valetkey_upstream::{
    connector::{Connector, Connectors, Target},
    http::OutboundRequest,
    tool,
};

/// What authorizations tell about accounts and the addresses of APIs begin with.
const FACTS: [(&str, &str); 2] = [
    ("cloud_id", "11223344-a1b2-3b33-c444-def123456789"),
    ("instance_url", "https://acme.my.salesforce.com"),
];

/// The request as text. A message of `$mime` is shown decoded, its random boundaries named.
fn picture(request: &OutboundRequest) -> String {
    let mut out = format!("{} {}\n", request.method, request.url);
    for (name, value) in &request.headers {
        writeln!(out, "{name}: {}", value.to_str().unwrap()).unwrap();
    }
    let body = std::str::from_utf8(&request.body).unwrap();
    match serde_json::from_str::<Value>(body) {
        Ok(mut json) => {
            let messages = messages(&mut json);
            writeln!(out, "\n{}", serde_json::to_string_pretty(&json).unwrap()).unwrap();
            for message in messages {
                writeln!(out, "\n<message>\n{}\n</message>", message.replace('\r', "")).unwrap();
            }
        }
        Err(_) if body.is_empty() => {}
        Err(_) => writeln!(out, "\n{}", body.replace('\r', "")).unwrap(),
    }
    let boundaries = Regex::new(r"[0-9a-f]{12,16}_[0-9a-f]{12,16}_[0-9a-f]{12,16}").unwrap();
    boundaries.replace_all(&out, "boundary").into_owned()
}

/// Takes whole mail messages out of the body.
fn messages(json: &mut Value) -> Vec<String> {
    match json {
        Value::Object(fields) => fields
            .iter_mut()
            .flat_map(|(name, value)| match value {
                Value::String(text) if name == "raw" => {
                    let message = String::from_utf8(URL_SAFE.decode(&text).unwrap()).unwrap();
                    *text = "<message>".into();
                    vec![message]
                }
                value => messages(value),
            })
            .collect(),
        Value::Array(items) => items.iter_mut().flat_map(messages).collect(),
        _ => Vec::new(),
    }
}

fn requests(connector: &Connector) -> String {
    let overrides = Overrides::default();
    let metadata = BTreeMap::from(FACTS.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let variables: BTreeMap<_, _> =
        connector.variables.iter().map(|(name, variable)| (name.clone(), variable.example.clone())).collect();
    let target = Target { connector, overrides: &overrides, variables: &variables, metadata: &metadata };
    let mut out = String::new();
    for tool in &connector.tools {
        tool.validate(&tool.example).unwrap();
        let request = tool::render(&target, tool, &tool.example)
            .unwrap_or_else(|error| panic!("{}: {error}", tool.name));
        assert!(target.allows(&request.url).unwrap(), "{}", tool.name);
        writeln!(out, "=== {}\n{}", tool.name, picture(&request)).unwrap();
    }
    out
}

#[test]
fn tools_send_what_their_golden_files_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let update = env::var_os("UPDATE_GOLDEN").is_some();
    for connector in Connectors::embedded().unwrap().iter() {
        let (file, now) = (folder.join(format!("{}.txt", connector.slug)), requests(connector));
        if update {
            fs::create_dir_all(&folder).unwrap();
            fs::write(&file, &now).unwrap();
        }
        let golden = fs::read_to_string(&file)
            .unwrap_or_else(|_| panic!("{} is missing; run with UPDATE_GOLDEN=1", file.display()));
        for (expected, found) in golden.split("=== ").zip(now.split("=== ")) {
            assert_eq!(
                expected,
                found,
                "{} differs; if that is right, run with UPDATE_GOLDEN=1",
                file.display()
            );
        }
        assert_eq!(golden.len(), now.len(), "{} lists other tools", file.display());
    }
}
