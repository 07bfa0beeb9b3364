//! Lists: their filters are the query of the address, so that every list is an address that can be shared.

use url::form_urlencoded::Serializer;
use valetkey_domain::{Page, PageRequest};

use super::{
    form::Form,
    shell::{DONE, RECEIPT},
};

/// Rows of a page.
const ROWS: u32 = 25;
/// How many rows are counted: more are told as more than this, since counting all of a large list takes longer than
/// reading its page.
pub(super) const COUNTED: u32 = 10_000;

/// The filters of a list, as they stand in the address.
pub(super) struct Filters(Vec<(String, String)>);

impl Filters {
    /// Reads the filters of `query`; empty ones count as not given.
    pub(super) fn of(query: &str) -> Self {
        let pairs = url::form_urlencoded::parse(query.as_bytes());
        let given = pairs.filter(|(name, value)| !value.trim().is_empty() && name != DONE && name != RECEIPT);
        Self(given.map(|(name, value)| (name.into_owned(), value.trim().to_owned())).collect())
    }

    /// The value of a filter.
    pub(super) fn get(&self, name: &str) -> Option<String> {
        self.0.iter().find(|(found, _)| found == name).map(|(_, value)| value.clone())
    }

    /// The fields of a form that choose rows of a list; what belongs to the form itself is left out.
    pub(super) fn from_form(form: &Form) -> Self {
        let own = [super::form::TOKEN, "siblings", "sure"];
        let given = form.below("").filter(|(name, value)| !own.contains(name) && !value.is_empty());
        Self(given.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    /// Every filter with its value.
    pub(super) fn pairs(&self) -> &[(String, String)] {
        &self.0
    }

    /// Every value of a filter that may come several times.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// The query of the same filters without some of them and from the beginning; empty if none is left.
    pub(super) fn without(&self, names: &[&str]) -> String {
        let mut query = Serializer::new(String::new());
        for (name, value) in self.0.iter().filter(|(name, _)| name != "page" && !names.contains(&&**name)) {
            query.append_pair(name, value);
        }
        let query = query.finish();
        if query.is_empty() { query } else { format!("?{query}") }
    }

    /// The query of the same filters from the beginning of the list.
    pub(super) fn query(&self) -> String {
        self.without(&[])
    }

    /// The value of a filter, to show in its field.
    pub(super) fn text(&self, name: &str) -> &str {
        self.0.iter().find(|(found, _)| found == name).map_or("", |(_, value)| value.as_str())
    }

    /// Whether any filter is given, apart from the place in the list.
    pub(super) fn any(&self) -> bool {
        self.0.iter().any(|(name, _)| name != "page")
    }

    /// Which page is asked for.
    pub(super) fn request(&self) -> PageRequest {
        PageRequest::from_wire(ROWS, self.text("page"))
    }

    /// The same list at another place.
    fn at(&self, token: &str) -> String {
        let mut query = Serializer::new(String::new());
        for (name, value) in self.0.iter().filter(|(name, _)| name != "page") {
            query.append_pair(name, value);
        }
        format!("?{}", query.append_pair("page", token).finish())
    }
}

/// The way through a list.
pub(super) struct Steps {
    /// How many rows there are in all, as far as they were counted.
    pub(super) total: u64,
    /// Whether there are more than were counted.
    pub(super) cut: bool,
    pub(super) newer: Option<String>,
    pub(super) older: Option<String>,
}

impl Steps {
    pub(super) fn of<T>(page: &Page<T>, filters: &Filters) -> Self {
        Self {
            total: page.total.min(COUNTED.into()),
            cut: page.total > u64::from(COUNTED),
            newer: page.previous.as_deref().map(|token| filters.at(token)),
            older: page.next.as_deref().map(|token| filters.at(token)),
        }
    }

    /// The way through a list whose rows nobody has counted.
    pub(super) fn onward(next: Option<u64>, filters: &Filters) -> Self {
        let older = next.map(|number| filters.at(&number.to_string()));
        Self { total: 0, cut: false, newer: None, older }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_stay_in_the_address_of_the_next_page() {
        let filters = Filters::of("q=a+b&status=&page=~ca_1&connection=x%26y&done=saved");
        assert_eq!(filters.get("q").as_deref(), Some("a b"));
        assert_eq!(filters.get("status"), None);
        assert_eq!(filters.at("ca_2"), "?q=a+b&connection=x%26y&page=ca_2");
        assert!(filters.any() && !Filters::of("page=ca_1&done=deleted&grant=revoked").any());
        assert_eq!(filters.without(&["q"]), "?connection=x%26y");
        assert_eq!(filters.without(&["q", "connection"]), "");
    }
}
