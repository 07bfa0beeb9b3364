//! `valetkey errors`: the catalogue of errors on a terminal, without a server.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};
use valetkey_domain::{
    ErrorCode,
    catalogue::{self, SECTIONS},
};

use crate::{failure::Failure, output};

/// What to say about errors.
#[derive(Debug, Args)]
pub(crate) struct Errors {
    /// The code to explain; without one, all are listed
    code: Option<String>,
    /// As JSON
    #[arg(long)]
    json: bool,
    /// Write a page for every code, and an index, into this folder
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["code", "json"])]
    markdown: Option<PathBuf>,
}

pub(crate) fn run(errors: &Errors) -> Result<(), Failure> {
    if let Some(folder) = &errors.markdown {
        return write(folder);
    }
    match &errors.code {
        Some(text) => {
            let code = ErrorCode::parse(text).ok_or_else(|| unknown(text))?;
            if errors.json { print_json(&entry(code)) } else { output::print(&prose(code)) }
        }
        None if errors.json => {
            let items: Vec<Value> = ErrorCode::ALL.iter().map(|code| entry(*code)).collect();
            print_json(&json!({ "items": items }))
        }
        None => output::print(&list()),
    }
}

fn print_json(value: &Value) -> Result<(), Failure> {
    output::print_line(&serde_json::to_string_pretty(value).unwrap_or_else(|_| value.to_string()))
}

/// The codes that look most like what was typed.
fn unknown(text: &str) -> Failure {
    let parts: Vec<&str> = text.split(['_', '-', ' ']).filter(|part| part.len() > 2).collect();
    let near: Vec<&str> = ErrorCode::ALL
        .iter()
        .map(|code| code.as_str())
        .filter(|code| parts.iter().any(|part| code.contains(&part.to_lowercase())))
        .take(8)
        .collect();
    let near = if near.is_empty() { String::new() } else { format!(" Near: {}.", near.join(", ")) };
    Failure::usage(format!("There is no error with this code.{near} `valetkey errors` lists all."))
}

/// All codes with their meaning, by section.
fn list() -> String {
    let width = ErrorCode::ALL.iter().map(|code| code.as_str().len()).max().unwrap_or_default();
    let mut text = String::new();
    for section in SECTIONS {
        text += &format!("{}\n", section.title);
        for code in ErrorCode::ALL.iter().filter(|code| code.section() == section.title) {
            text += &format!("  {:width$}  {}\n", code.as_str(), code.entry().meaning);
        }
        text.push('\n');
    }
    text + "`valetkey errors CODE` explains one.\n"
}

/// One code for people.
fn prose(code: ErrorCode) -> String {
    let row = code.entry();
    let mut text = format!(
        "{}\n\n{}\nCause: {}\nWho must act: {}\nWhat to do:\n",
        row.code,
        row.meaning,
        row.cause,
        row.actor.in_words()
    );
    for (at, (action, remedy)) in row.remedies.iter().enumerate() {
        text += &format!("  {}. {remedy} ({})\n", at + 1, action.as_str());
    }
    text += &format!("Retry: {}\n", row.retry.in_words().replace('`', ""));
    if let Some(class) = code.sdk_class() {
        text += &format!("HTTP {}, gRPC {}\n", row.http_status, row.grpc_code.as_str());
        text += &format!("In our SDKs: {} (Java: {})\n", class.error(), class.exception());
    }
    let related: Vec<&str> = code.related().into_iter().map(ErrorCode::as_str).collect();
    if !related.is_empty() {
        text += &format!("See also: {}\n", related.join(", "));
    }
    text + &format!("On a server: {}\n", code.docs_path())
}

/// One code for programs, as `GET /v1/connect/errors` gives it, but for the address of a server.
fn entry(code: ErrorCode) -> Value {
    let row = code.entry();
    let remedies = row.remedies.iter();
    json!({
        "code": row.code,
        "section": code.section(),
        "meaning": row.meaning,
        "cause": row.cause,
        "actor": row.actor.as_str(),
        "retry": row.retry.as_str(),
        "retry_advice": row.retry.in_words(),
        "remedies": remedies.map(|(action, text)| json!({"action": action.as_str(), "text": text})).collect::<Vec<_>>(),
        "http_status": code.is_answered().then_some(row.http_status),
        "grpc_status": code.is_answered().then(|| row.grpc_code.as_str()),
        "sdk_class": code.sdk_class().map(|class| class.error()),
        "related": code.related().into_iter().map(ErrorCode::as_str).collect::<Vec<_>>(),
        "docs": code.docs_path(),
    })
}

fn write(folder: &Path) -> Result<(), Failure> {
    let failed = |error: std::io::Error| {
        Failure::new(crate::failure::Exit::Refused, format!("{}: {error}", folder.display()))
    };
    std::fs::create_dir_all(folder).map_err(failed)?;
    let pages = ErrorCode::ALL.iter().map(|code| (format!("{}.md", code.as_str()), catalogue::page(*code)));
    let mut count = 0;
    for (name, text) in pages.chain([("README.md".to_owned(), catalogue::index_page())]) {
        std::fs::write(folder.join(name), text).map_err(failed)?;
        count += 1;
    }
    output::print_line(&format!("{count} pages in {}", folder.display()))
}
