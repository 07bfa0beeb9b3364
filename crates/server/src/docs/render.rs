//! From Markdown to HTML: with anchors, without raw HTML, inline styles or scripts, and with links that lead somewhere
//! on this server.

use std::collections::HashMap;

use pulldown_cmark::{
    Alignment, CodeBlockKind, Event, HeadingLevel, LinkType, Options, Parser, Tag, TagEnd, html,
};

use super::book::{Book, Page};

fn parser(markdown: &str) -> Parser<'_> {
    Parser::new_ext(markdown, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH)
}

/// A page as HTML.
#[derive(Debug)]
pub(super) struct Rendered {
    /// What goes into the article.
    pub(super) html: String,
    /// The headings below the title: anchor and text.
    pub(super) headings: Vec<(String, String)>,
}

/// Renders `page`. `prefix` is the path below which the server is reached.
pub(super) fn render(book: &Book, page: &Page, prefix: &str) -> Rendered {
    let mut slugs = Slugs::default();
    let mut headings = Vec::new();
    let mut out = Vec::new();
    let mut dropped_link = Vec::new();
    let events: Vec<Event<'_>> = parser(page.body()).collect();
    for (at, event) in events.iter().enumerate() {
        match event {
            Event::Start(Tag::Heading { level, .. }) => {
                let text = text_until(&events[at..], TagEnd::Heading(*level));
                let slug = slugs.of(&text);
                if *level == HeadingLevel::H2 {
                    headings.push((slug.clone(), text));
                }
                out.push(Event::Start(Tag::Heading {
                    level: *level,
                    id: Some(slug.into()),
                    classes: Vec::new(),
                    attrs: Vec::new(),
                }));
            }
            Event::Start(Tag::Link { dest_url, link_type, title, id }) => {
                let target = match link_type {
                    LinkType::Email => None,
                    _ => Target::of(book, page, dest_url).href(prefix),
                };
                dropped_link.push(target.is_none());
                if let Some(href) = target {
                    out.push(Event::Start(Tag::Link {
                        link_type: *link_type,
                        dest_url: href.into(),
                        title: title.clone(),
                        id: id.clone(),
                    }));
                }
            }
            Event::End(TagEnd::Link) => {
                if dropped_link.pop() == Some(false) {
                    out.push(event.clone());
                }
            }
            // Alignment would be an inline style, which the page's policy refuses.
            Event::Start(Tag::Table(columns)) => {
                out.push(Event::Html("<div class=\"scroll\" tabindex=\"0\">".into()));
                out.push(Event::Start(Tag::Table(vec![Alignment::None; columns.len()])));
            }
            Event::End(TagEnd::Table) => {
                out.push(event.clone());
                out.push(Event::Html("</div>".into()));
            }
            // Can be scrolled by keyboard.
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(_) | CodeBlockKind::Indented)) => {
                out.push(Event::Html("<pre tabindex=\"0\"><code>".into()));
            }
            Event::End(TagEnd::CodeBlock) => out.push(Event::Html("</code></pre>\n".into())),
            // What is written as HTML is shown as it stands.
            Event::Html(text) | Event::InlineHtml(text) => out.push(Event::Text(text.clone())),
            Event::Start(Tag::Image { .. }) | Event::End(TagEnd::Image) => {}
            Event::Start(Tag::HtmlBlock) | Event::End(TagEnd::HtmlBlock) => {}
            other => out.push(other.clone()),
        }
    }
    let mut text = String::with_capacity(page.markdown.len() * 2);
    html::push_html(&mut text, out.into_iter());
    Rendered { html: text, headings }
}

/// The plain text up to the end of the element that begins the events.
fn text_until(events: &[Event<'_>], end: TagEnd) -> String {
    let mut text = String::new();
    for event in events {
        match event {
            Event::Text(part) | Event::Code(part) => text.push_str(part),
            Event::SoftBreak | Event::HardBreak => text.push(' '),
            Event::End(found) if *found == end => break,
            _ => {}
        }
    }
    text
}

/// The first heading and the first paragraph.
pub(super) fn title_and_summary(markdown: &str) -> (String, String) {
    let events: Vec<Event<'_>> = parser(markdown).collect();
    let starting = |wanted: fn(&Tag<'_>) -> bool| {
        events.iter().position(|event| matches!(event, Event::Start(tag) if wanted(tag)))
    };
    let title = starting(|tag| matches!(tag, Tag::Heading { level: HeadingLevel::H1, .. }))
        .map(|at| text_until(&events[at..], TagEnd::Heading(HeadingLevel::H1)));
    let summary =
        starting(|tag| matches!(tag, Tag::Paragraph)).map(|at| text_until(&events[at..], TagEnd::Paragraph));
    (title.unwrap_or_default(), summary.unwrap_or_default())
}

/// A stretch of a page under one heading, as plain text: what can be found.
#[derive(Debug)]
pub(super) struct Stretch {
    /// The anchor of the heading; empty before the first one below the title.
    pub(super) anchor: String,
    pub(super) heading: String,
    pub(super) text: String,
}

/// The stretches of a page.
pub(super) fn stretches(markdown: &str) -> Vec<Stretch> {
    let mut slugs = Slugs::default();
    let mut stretches = vec![Stretch { anchor: String::new(), heading: String::new(), text: String::new() }];
    let events: Vec<Event<'_>> = parser(markdown).collect();
    let mut in_heading = false;
    for (at, event) in events.iter().enumerate() {
        match event {
            Event::Start(Tag::Heading { level, .. }) => {
                in_heading = true;
                let heading = text_until(&events[at..], TagEnd::Heading(*level));
                let anchor = slugs.of(&heading);
                if *level == HeadingLevel::H1 {
                    stretches[0].heading = heading;
                } else {
                    stretches.push(Stretch { anchor, heading, text: String::new() });
                }
            }
            Event::End(TagEnd::Heading(_)) => in_heading = false,
            Event::Text(part) | Event::Code(part) if !in_heading => {
                if let Some(last) = stretches.last_mut() {
                    last.text.push_str(part);
                }
            }
            Event::End(_) | Event::SoftBreak | Event::HardBreak => {
                if let Some(last) = stretches.last_mut()
                    && !last.text.ends_with(' ')
                    && !matches!(event, Event::End(TagEnd::Emphasis | TagEnd::Strong | TagEnd::Link))
                {
                    last.text.push(' ');
                }
            }
            _ => {}
        }
    }
    stretches
}

/// Anchors as the usual hosts of repositories make them, so that a link works there and here.
#[derive(Default)]
struct Slugs(HashMap<String, usize>);

impl Slugs {
    fn of(&mut self, heading: &str) -> String {
        let slug: String = heading
            .trim()
            .chars()
            .filter_map(|c| match c {
                ' ' => Some('-'),
                '-' | '_' => Some(c),
                c if c.is_alphanumeric() => Some(c),
                _ => None,
            })
            .flat_map(char::to_lowercase)
            .collect();
        let seen = self.0.entry(slug.clone()).or_insert(0);
        *seen += 1;
        if *seen == 1 { slug } else { format!("{slug}-{}", *seen - 1) }
    }
}

/// Where a link leads.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// Another site.
    Elsewhere(String),
    /// A place on the same page.
    Here(String),
    /// A page of the book, and a place on it.
    Page(String, String),
    /// The description of the API.
    OpenApi,
    /// A file of the repository that is not served.
    Repository,
}

impl Target {
    pub(super) fn of(book: &Book, page: &Page, link: &str) -> Self {
        if link.starts_with("https://") || link.starts_with("http://") {
            return Self::Elsewhere(link.to_owned());
        }
        let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
        if file.is_empty() {
            return Self::Here(anchor.to_owned());
        }
        let mut parts: Vec<&str> = page.file.split('/').collect();
        parts.pop();
        for part in file.split('/') {
            match part {
                "" | "." => {}
                ".." => {
                    if parts.pop().is_none() {
                        return Self::Repository;
                    }
                }
                part => parts.push(part),
            }
        }
        let file = parts.join("/");
        if file == "openapi.json" {
            return Self::OpenApi;
        }
        match book.of_file(&file) {
            Some(found) => Self::Page(found.path.clone(), anchor.to_owned()),
            None => Self::Repository,
        }
    }

    /// The address on a server reached below `prefix`; `None` for what is not served.
    fn href(self, prefix: &str) -> Option<String> {
        let anchored = |anchor: &str| if anchor.is_empty() { String::new() } else { format!("#{anchor}") };
        Some(match self {
            Self::Elsewhere(url) => url,
            Self::Here(anchor) => format!("#{anchor}"),
            Self::Page(path, anchor) => {
                let path = if path.is_empty() { "/docs".to_owned() } else { format!("/docs/{path}") };
                format!("{prefix}{path}{}", anchored(&anchor))
            }
            Self::OpenApi => format!("{prefix}/openapi.json"),
            Self::Repository => return None,
        })
    }
}

/// Every link of a page, as it is written.
#[cfg(test)]
pub(super) fn links(markdown: &str) -> Vec<pulldown_cmark::CowStr<'_>> {
    parser(markdown)
        .filter_map(|event| match event {
            Event::Start(Tag::Link { dest_url, .. }) => Some(dest_url),
            _ => None,
        })
        .collect()
}

/// Every anchor of a page.
#[cfg(test)]
pub(super) fn anchors(markdown: &str) -> Vec<String> {
    let mut slugs = Slugs::default();
    let events: Vec<Event<'_>> = parser(markdown).collect();
    events
        .iter()
        .enumerate()
        .filter_map(|(at, event)| match event {
            Event::Start(Tag::Heading { level, .. }) => {
                Some(slugs.of(&text_until(&events[at..], TagEnd::Heading(*level))))
            }
            _ => None,
        })
        .collect()
}
