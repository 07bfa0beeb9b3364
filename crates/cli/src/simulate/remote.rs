//! Commands to a running simulator, over its control API.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;
use reqwest::{Certificate, Client, RequestBuilder};
use serde_json::{Map, Value};

use crate::{
    dev,
    failure::{Exit, Failure},
    output,
};

/// Which simulator.
#[derive(Debug, Args)]
struct Target {
    /// The simulator; otherwise SIMULATOR_URL, otherwise the one of the `valetkey dev` of this folder, otherwise
    /// http://127.0.0.1:7078
    #[arg(long, value_name = "URL")]
    simulator: Option<String>,
    /// The certificate to trust, if the simulator speaks TLS; otherwise SIMULATOR_CA_FILE
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
}

/// What to say to it.
#[derive(Debug, Args)]
pub(super) struct Fields {
    #[command(flatten)]
    target: Target,
    /// Fields as name=value; a value that is JSON is sent as what it is, any other as a string
    #[arg(value_name = "NAME=VALUE", value_parser = field)]
    fields: Vec<(String, Value)>,
}

impl Fields {
    pub(super) fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }
}

/// A path of the control API and what to say to it.
#[derive(Debug, Args)]
pub(super) struct Verb {
    /// The path below /_sim, such as revoke-grants or journal/tokens
    #[arg(value_parser = name)]
    pub(super) name: String,
    #[command(flatten)]
    pub(super) fields: Fields,
}

fn name(text: &str) -> Result<String, String> {
    let plain = |b: u8| b.is_ascii_lowercase() || matches!(b, b'-' | b'/');
    if text.bytes().all(plain) { Ok(text.to_owned()) } else { Err("a name such as revoke-grants".to_owned()) }
}

fn field(text: &str) -> Result<(String, Value), String> {
    let (name, value) = text.split_once('=').ok_or("name=value")?;
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
    Ok((name.to_owned(), value))
}

struct Control {
    http: Client,
    url: String,
}

impl Control {
    fn open(target: &Target) -> Result<Self, Failure> {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let (url, mut ca_file) = match target.simulator.clone().or_else(|| variable("SIMULATOR_URL")) {
            Some(url) => (url, variable("SIMULATOR_CA_FILE").map(PathBuf::from)),
            None => match dev::sandbox_here() {
                Some((url, ca_file)) => (url, Some(ca_file)),
                None => ("http://127.0.0.1:7078".to_owned(), None),
            },
        };
        ca_file = target.ca_file.clone().or(ca_file);
        let mut http = Client::builder().timeout(Duration::from_secs(30)).no_proxy();
        if let Some(path) = &ca_file {
            http = http.tls_certs_only(trusted(path)?);
        }
        let http = http.build().map_err(|error| Failure::usage(format!("HTTP client: {error}")))?;
        Ok(Self { http, url: url.trim_end_matches('/').to_owned() })
    }

    async fn send(&self, request: RequestBuilder) -> Result<(), Failure> {
        let unreachable = |error: reqwest::Error| {
            Failure::new(
                Exit::Unreachable,
                format!("the simulator at {} cannot be reached: {error}", self.url),
            )
        };
        let answer = request.send().await.map_err(unreachable)?;
        let status = answer.status();
        let body: Value = answer.json().await.map_err(unreachable)?;
        if !status.is_success() {
            let message = body["error"]["message"].as_str().unwrap_or("it said nothing more");
            return Err(Failure::new(Exit::Refused, format!("the simulator refused ({status}): {message}")));
        }
        output::print_line(&serde_json::to_string_pretty(&body).unwrap_or_else(|_| body.to_string()))
    }
}

/// The certificates of a file.
pub(super) fn trusted(path: &Path) -> Result<Vec<Certificate>, Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::usage(format!("{}: {error}", path.display()));
    let pem = std::fs::read(path).map_err(|error| failed(&error))?;
    Certificate::from_pem_bundle(&pem).map_err(|error| failed(&error))
}

pub(super) async fn post(path: &str, fields: Fields) -> Result<(), Failure> {
    let control = Control::open(&fields.target)?;
    let body: Map<String, Value> = fields.fields.into_iter().collect();
    control.send(control.http.post(format!("{}/_sim/{path}", control.url)).json(&body)).await
}

pub(super) async fn get(path: &str, fields: Fields) -> Result<(), Failure> {
    let control = Control::open(&fields.target)?;
    let text = |value: Value| match value {
        Value::String(text) => text,
        other => other.to_string(),
    };
    let query: Vec<(String, String)> =
        fields.fields.into_iter().map(|(name, value)| (name, text(value))).collect();
    control.send(control.http.get(format!("{}/_sim/{path}", control.url)).query(&query)).await
}
