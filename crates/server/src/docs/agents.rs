//! The documentation for programs that read: an index and the whole, as plain text (llmstxt.org).

use std::fmt::Write as _;

use super::book::{Page, book};
use crate::ServerOptions;

const ABOUT: &str = "Valetkey gives AI agents safe use of their users' accounts at third-party apps: it runs OAuth, keeps \
                     the credentials sealed and fresh, and calls tools, so that the agent never sees a token. Every \
                     failure has a code, a cause, remedies and a page here.";

/// Where the Markdown of a page is.
pub(super) fn raw_path(page: &Page) -> String {
    if page.path.is_empty() { "/docs/index.md".to_owned() } else { format!("/docs/{}.md", page.path) }
}

/// `/llms.txt`: what there is to read.
pub(super) fn index(options: &ServerOptions) -> String {
    let mut text = format!("# Valetkey\n\n> {ABOUT}\n\n");
    let _ = writeln!(
        text,
        "Programs use the native API: {0} describes it. Everything below in one file: {1}",
        options.address_of("/openapi.json"),
        options.address_of("/llms-full.txt")
    );
    let line = |text: &mut String, page: &Page| {
        let _ = writeln!(
            text,
            "- [{}]({}): {}",
            page.title,
            options.address_of(&raw_path(page)),
            first_sentence(&page.summary)
        );
    };
    for (heading, pages) in book().contents() {
        let _ = write!(text, "\n## {heading}\n\n");
        for page in pages {
            line(&mut text, page);
        }
    }
    text.push_str("\n## Errors, one page for each code\n\n");
    for page in book().pages().iter().filter(|page| page.code().is_some()) {
        line(&mut text, page);
    }
    text
}

fn first_sentence(text: &str) -> &str {
    text.split_once(". ").map_or(text, |(first, _)| first).trim_end_matches('.')
}

/// `/llms-full.txt`: all of it.
pub(super) fn whole(options: &ServerOptions) -> String {
    let mut text = format!("# Valetkey\n\n> {ABOUT}\n");
    let listed = book().contents().into_iter().flat_map(|(_, pages)| pages);
    for page in listed.chain(book().pages().iter().filter(|page| page.code().is_some())) {
        let _ = write!(text, "\n---\nSource: {}\n\n{}", options.address_of(&raw_path(page)), page.body());
        if !text.ends_with('\n') {
            text.push('\n');
        }
    }
    text
}
