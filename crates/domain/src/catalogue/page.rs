//! The pages of the catalogue as Markdown: one for each code, and their index. They are made from the rows alone, so
//! that what is documented is what is answered.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{Entry, ErrorCode, SECTIONS, SIMULATOR, reproduce::Step};

/// Where a server might be, in examples.
const EXAMPLE: &str = "https://valetkey.example.com";

/// The page of a code.
#[must_use]
pub fn page(code: ErrorCode) -> String {
    let entry = code.entry();
    let mut page = format!("# {}\n\n{}\n\n## Cause\n\n{}\n\n", entry.code, entry.meaning, entry.cause);
    remedies(&mut page, entry);
    if !code.is_finding() {
        retry(&mut page, entry);
    }
    looks(&mut page, code);
    handling(&mut page, code);
    if let Some(recipe) = code.recipe() {
        reproduction(&mut page, recipe);
    }
    let related = code.related();
    if !related.is_empty() {
        page.push_str("## Related codes\n\n");
        for code in related {
            let _ = writeln!(page, "- [{0}]({0}.md): {1}", code.as_str(), code.entry().meaning);
        }
        page.push('\n');
    }
    page.push_str("[All errors](README.md) · [Troubleshooting](../troubleshooting.md)\n");
    page
}

fn remedies(page: &mut String, entry: &Entry) {
    let _ = write!(
        page,
        "## What to do\n\nWho must act: **{}** (`{}`).\n\n",
        entry.actor.in_words(),
        entry.actor.as_str()
    );
    for (at, (action, text)) in entry.remedies.iter().enumerate() {
        let _ = writeln!(page, "{}. {text} (`{}`)", at + 1, action.as_str());
    }
    page.push_str(
        "\nAn error that names its own remedies shows those instead, with what is known about the case filled in: a \
         new authorization link in `url`, the missing scope, the redirect URI to register.\n\n",
    );
}

fn retry(page: &mut String, entry: &Entry) {
    let _ = write!(page, "**Does a retry help?** {}\n\n", entry.retry.in_words());
}

fn looks(page: &mut String, code: ErrorCode) {
    let entry = code.entry();
    page.push_str("## How it looks\n\n");
    if code.is_finding() {
        page.push_str("Among the `findings` of a diagnosis:\n\n");
    } else if code.is_local() {
        page.push_str("On stderr, with `--json`:\n\n");
    } else {
        let _ = write!(page, "In the native API, with HTTP status {}:\n\n", entry.http_status);
    }
    let text = serde_json::to_string_pretty(&example(code)).unwrap_or_default();
    let _ = write!(page, "```json\n{text}\n```\n\n");
}

/// The body of such an error, in general words.
fn example(code: ErrorCode) -> Value {
    let entry = code.entry();
    let remedies: Vec<Value> = entry
        .remedies
        .iter()
        .map(|(action, text)| json!({"action": action.as_str(), "text": text}))
        .collect();
    if code.is_finding() {
        return json!({
            "code": entry.code,
            "severity": if code == ErrorCode::Healthy { "healthy" } else { "broken" },
            "confidence": "certain",
            "actor": entry.actor.as_str(),
            "message": entry.meaning,
            "cause": entry.cause,
            "remedies": remedies,
            "docs": format!("{EXAMPLE}{}", code.docs_path()),
        });
    }
    let mut error = json!({
        "code": entry.code,
        "message": entry.meaning,
        "cause": entry.cause,
        "actor": entry.actor.as_str(),
        "retry": entry.retry.as_str(),
        "remedies": remedies,
        "docs": format!("{EXAMPLE}{}", code.docs_path()),
    });
    if !code.is_local() {
        error["request_id"] = "req_01k0p9zq3v8x6m5n4c2b1a0s9d".into();
    }
    json!({ "error": error })
}

fn handling(page: &mut String, code: ErrorCode) {
    let entry = code.entry();
    page.push_str("## In programs\n\n| where | what |\n|---|---|\n");
    let _ = writeln!(page, "| code | `{}`; it never changes, branch on it |", entry.code);
    if let Some(class) = code.sdk_class() {
        let _ = writeln!(page, "| HTTP status | {} |", entry.http_status);
        let _ =
            writeln!(page, "| gRPC status | `{}` ({}) |", entry.grpc_code.as_str(), entry.grpc_code as i32);
        let (error, exception) = (class.error(), class.exception());
        let _ = writeln!(page, "| Python | `valetkey.{error}` |");
        let _ = writeln!(page, "| JavaScript | `{error}` |");
        let _ = writeln!(page, "| Go | `*valetkey.{error}`, with `errors.As` |");
        let _ = writeln!(page, "| Java | `io.github.valetkey.{exception}` |");
    }
    let _ = writeln!(page, "| offline | `valetkey errors {}` |\n", entry.code);
}

fn reproduction(page: &mut String, recipe: &[Step]) {
    page.push_str(
        "## Try it\n\nWith `valetkey dev` running, and `user_123` connected to its connection `sandbox`, in another \
         terminal in the same folder:\n\n",
    );
    let mut open = false;
    if recipe.iter().any(|step| matches!(step, Step::Simulator { .. })) {
        let _ = write!(page, "```sh\n{SIMULATOR}\n");
        open = true;
    }
    for step in recipe {
        let line = match step {
            Step::Do(text) => {
                if std::mem::take(&mut open) {
                    page.push_str("```\n\n");
                }
                let _ = write!(page, "{text}\n\n");
                continue;
            }
            Step::Run(command) => (*command).to_owned(),
            Step::Simulator { path, body } => format!("$SIM/{path} -d '{body}'"),
        };
        if !std::mem::replace(&mut open, true) {
            page.push_str("```sh\n");
        }
        page.push_str(&line);
        page.push('\n');
    }
    if open {
        page.push_str("```\n\n");
    }
    if recipe.iter().any(|step| matches!(step, Step::Simulator { .. })) {
        page.push_str("`$SIM/reset -d '{}'` brings the simulator back to how it began, without any grant: connect again after it.\n\n");
    }
}

/// The index of the pages.
#[must_use]
pub fn index() -> String {
    let mut page = String::from(
        "# Errors\n\nEvery failure, on every surface, has one of these codes: the native API, the compatible API, pages, \
         SDKs and the command line. A code never changes; branch on it. `GET /v1/connect/errors` lists them as JSON, \
         `valetkey errors` on a terminal.\n\nWho must act: ",
    );
    let actors = [
        super::Actor::EndUser,
        super::Actor::Developer,
        super::Actor::ProviderAdmin,
        super::Actor::Operator,
        super::Actor::Nobody,
    ];
    let actors = actors.map(|actor| format!("`{}` ({})", actor.as_str(), actor.in_words()));
    let _ = writeln!(page, "{}.", actors.join(", "));
    for section in SECTIONS {
        let _ = write!(
            page,
            "\n## {}\n\n| code | meaning | who acts | HTTP |\n|---|---|---|---|\n",
            section.title
        );
        for code in ErrorCode::ALL.iter().filter(|code| code.section() == section.title) {
            let entry = code.entry();
            let _ = writeln!(
                page,
                "| [{0}]({0}.md) | {1} | `{2}` | {3} |",
                entry.code,
                entry.meaning,
                entry.actor.as_str(),
                if code.is_answered() { entry.http_status.to_string() } else { "–".to_owned() }
            );
        }
    }
    page.push_str(
        "\n## What has no code\n\nA request that is no HTTP (a first line that cannot be read, headers without end) gets a \
         bare 400 or 431 and a closed connection, and a failed TLS handshake an alert: nobody is there yet to answer \
         with more. What a provider answers to a proxied call is handed on as it is, with `x-execution-id`.\n",
    );
    page
}
