//! Bounded pages over time-ordered ids.

/// The largest page any list gives.
pub const MAX_PAGE_SIZE: u32 = 100;
/// The page size when the caller names none (or 0, as the official SDKs do).
pub const DEFAULT_PAGE_SIZE: u32 = 20;

/// Which page is wanted. The cursor is opaque to callers; here it is the last id of the page before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    /// 1 to [`MAX_PAGE_SIZE`].
    pub size: u32,
    /// Where to go on.
    pub cursor: Option<Cursor>,
}

/// A place in a list, from which to walk on or back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cursor {
    /// Rows after this id (older ones: lists show the newest first).
    After(String),
    /// Rows before this id (newer ones).
    Before(String),
}

impl Default for PageRequest {
    fn default() -> Self {
        Self { size: DEFAULT_PAGE_SIZE, cursor: None }
    }
}

impl PageRequest {
    /// Reads a page request from the wire. Size 0 means the default; larger sizes are cut to [`MAX_PAGE_SIZE`]. The
    /// token is the text of an id with an optional leading `~` for "before".
    #[must_use]
    pub fn from_wire(size: u32, token: &str) -> Self {
        let size = if size == 0 { DEFAULT_PAGE_SIZE } else { size.min(MAX_PAGE_SIZE) };
        let cursor = match token.strip_prefix('~') {
            Some(id) => Some(Cursor::Before(id.to_owned())),
            None if token.is_empty() => None,
            None => Some(Cursor::After(token.to_owned())),
        };
        Self { size, cursor }
    }
}

/// One page of a list, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// The token of the next page, if there is one.
    pub next: Option<String>,
    /// The token of the page before, if there is one.
    pub previous: Option<String>,
    /// How many rows match in all.
    pub total: u64,
}

impl<T> Page<T> {
    /// The same page with every row turned into something else.
    pub fn map<U>(self, f: impl FnMut(T) -> U) -> Page<U> {
        Page {
            items: self.items.into_iter().map(f).collect(),
            next: self.next,
            previous: self.previous,
            total: self.total,
        }
    }
}
