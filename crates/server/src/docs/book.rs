//! The documentation as a book: the files of `docs/`, compiled in, and the pages of the error catalogue.

use std::{borrow::Cow, collections::BTreeMap, sync::LazyLock};

use valetkey_domain::{ErrorCode, catalogue};

use super::render;

/// The files, by their names from `docs/` on.
const FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/docs.rs"));

/// One page.
#[derive(Debug)]
pub(super) struct Page {
    /// The file, from `docs/` on: `errors/README.md`.
    pub(super) file: Cow<'static, str>,
    /// The address below `/docs/`, empty for the first page: `errors`.
    pub(super) path: String,
    /// The first heading.
    pub(super) title: String,
    /// The first paragraph, on one line.
    pub(super) summary: String,
    /// The page.
    pub(super) markdown: Cow<'static, str>,
}

impl Page {
    fn new(file: impl Into<Cow<'static, str>>, markdown: impl Into<Cow<'static, str>>) -> Self {
        let (file, markdown) = (file.into(), markdown.into());
        let (title, summary) = render::title_and_summary(body(&markdown));
        Self { path: path_of(&file), title, summary, file, markdown }
    }

    #[cfg(test)]
    pub(super) fn for_test(file: &'static str, markdown: &'static str) -> Self {
        Self::new(file, markdown)
    }

    /// The page without the lines that name and describe it to programs.
    pub(super) fn body(&self) -> &str {
        body(&self.markdown)
    }

    /// The code that the page explains.
    pub(super) fn code(&self) -> Option<ErrorCode> {
        ErrorCode::parse(self.path.strip_prefix("errors/")?)
    }
}

/// What follows the front matter.
fn body(markdown: &str) -> &str {
    let rest = markdown.strip_prefix("---\n").and_then(|rest| rest.split_once("\n---\n"));
    rest.map_or(markdown, |(_, body)| body.trim_start())
}

/// `README.md` is what its folder is about, and so is the skill.
fn path_of(file: &str) -> String {
    let path = file.strip_suffix(".md").unwrap_or(file);
    let path = path.strip_suffix("README").or_else(|| path.strip_suffix("SKILL")).unwrap_or(path);
    path.trim_end_matches('/').to_owned()
}

/// Pages that stand at the top of the list, in this order, under these headings. All others follow under the last one.
const ORDER: &[(&str, &[&str])] = &[
    ("Start", &["", "skill", "mcp", "hosted-pages", "webhooks", "compatible-api"]),
    ("When something fails", &["troubleshooting", "errors", "simulator"]),
    ("Running it", &["single-sign-on"]),
    ("Inside", &["architecture", "add-a-connector"]),
];
/// The heading of the pages about why it is as it is.
const DECISIONS: &str = "Decisions";

/// All pages.
pub(super) struct Book {
    pages: Vec<Page>,
    by_path: BTreeMap<String, usize>,
    by_file: BTreeMap<String, usize>,
}

/// The book of this build.
pub(super) fn book() -> &'static Book {
    static BOOK: LazyLock<Book> = LazyLock::new(Book::read);
    &BOOK
}

impl Book {
    fn read() -> Self {
        let mut pages: Vec<Page> = FILES.iter().map(|(file, text)| Page::new(*file, *text)).collect();
        pages.push(Page::new("errors/README.md", catalogue::index_page()));
        pages.extend(
            ErrorCode::ALL
                .iter()
                .map(|code| Page::new(format!("errors/{}.md", code.as_str()), catalogue::page(*code))),
        );
        let index = |name: fn(&Page) -> String| {
            pages.iter().enumerate().map(|(at, page)| (name(page), at)).collect::<BTreeMap<_, _>>()
        };
        let (by_path, by_file) =
            (index(|page| page.path.clone()), index(|page| page.file.clone().into_owned()));
        Self { pages, by_path, by_file }
    }

    pub(super) fn pages(&self) -> &[Page] {
        &self.pages
    }

    /// The page at an address below `/docs/`.
    pub(super) fn at(&self, path: &str) -> Option<&Page> {
        self.by_path.get(path).and_then(|at| self.pages.get(*at))
    }

    /// The page of a file.
    pub(super) fn of_file(&self, file: &str) -> Option<&Page> {
        self.by_file.get(file).and_then(|at| self.pages.get(*at))
    }

    /// The pages to choose from, by heading. Errors have an index of their own.
    pub(super) fn contents(&self) -> Vec<(&'static str, Vec<&Page>)> {
        let mut contents: Vec<(&str, Vec<&Page>)> = ORDER
            .iter()
            .map(|(heading, paths)| (*heading, paths.iter().filter_map(|path| self.at(path)).collect()))
            .collect();
        let listed: Vec<&str> = ORDER.iter().flat_map(|(_, paths)| paths.iter().copied()).collect();
        let rest = self.pages.iter().filter(|page| page.code().is_none() && !listed.contains(&&*page.path));
        let (decisions, others): (Vec<&Page>, Vec<&Page>) =
            rest.partition(|page| page.path.starts_with("decisions/"));
        if let Some((_, last)) = contents.last_mut() {
            last.extend(others);
        }
        contents.push((DECISIONS, decisions));
        contents.retain(|(_, pages)| !pages.is_empty());
        contents
    }
}
