//! How providers are reached, and the OAuth clients that connections share.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf};

use figment::value::{Dict, Value};
use url::Url;
use valetkey_domain::SecretString;
use valetkey_upstream::http::Direct;

use super::{Mode, read::Reader, table::SHARED_CREDENTIALS};

/// How providers are reached.
#[derive(Debug, Clone)]
pub(crate) struct Upstreams {
    pub(crate) allow_private: bool,
    pub(crate) allow: Vec<SocketAddr>,
    pub(crate) ca_pem: Option<Vec<u8>>,
    pub(crate) https_proxy: Option<Url>,
    /// What is called without it.
    pub(crate) no_proxy: Vec<Direct>,
    pub(crate) connectors_dir: Option<PathBuf>,
    /// Connector slug to client id and secret.
    pub(crate) shared_credentials: BTreeMap<String, (String, SecretString)>,
}

impl Upstreams {
    pub(super) fn read(reader: &mut Reader) -> Self {
        // A developer's own providers and emulators are on the developer's machine.
        let allow_private = reader.flag("allow_private_upstreams").unwrap_or(reader.mode == Mode::Dev);
        let allow = reader.list("allowed_upstreams", "an address and port such as 10.0.0.5:8443");
        let ca_pem = reader.file("upstream_ca_file");
        let https_proxy = reader.url("https_proxy", &["http"]);
        let no_proxy = reader.list(
            "no_proxy",
            "a host such as example.com, a suffix such as .example.com, an address, a range such as 10.0.0.0/8, or *",
        );
        let connectors_dir = reader.path("connectors_dir");
        if let Some(dir) = connectors_dir.as_deref().filter(|dir| !dir.is_dir()) {
            reader.refuse("connectors_dir", format!("{} is not a folder", dir.display()));
        }
        let shared_credentials = shared_credentials(reader);
        Self { allow_private, allow, ca_pem, https_proxy, no_proxy, connectors_dir, shared_credentials }
    }
}

fn shared_credentials(reader: &mut Reader) -> BTreeMap<String, (String, SecretString)> {
    let mut shared = BTreeMap::new();
    let connectors = match reader.value(SHARED_CREDENTIALS) {
        None => return shared,
        Some(Value::Dict(_, connectors)) => connectors,
        Some(_) => {
            reader.refuse(SHARED_CREDENTIALS, "must be a table: [shared_credentials.gmail]");
            return shared;
        }
    };
    for (connector, value) in connectors {
        let name = format!("{SHARED_CREDENTIALS}.{connector}");
        let Value::Dict(_, fields) = value else {
            reader.refuse(&name, "must be a table with client_id and client_secret");
            continue;
        };
        if let Some(unknown) = fields.keys().find(|key| *key != "client_id" && *key != "client_secret") {
            reader.refuse(
                &format!("{name}.{unknown}"),
                "no such setting; there are client_id and client_secret",
            );
        }
        let id = field(reader, &name, &fields, "client_id");
        let secret = field(reader, &name, &fields, "client_secret");
        if let (Some(id), Some(secret)) = (id, secret) {
            shared.insert(connector, (id, secret.into()));
        }
    }
    shared
}

fn field(reader: &mut Reader, table: &str, fields: &Dict, name: &str) -> Option<String> {
    let text = fields.get(name).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty());
    if text.is_none() {
        reader.refuse(&format!("{table}.{name}"), "is missing");
    }
    text.map(str::to_owned)
}
