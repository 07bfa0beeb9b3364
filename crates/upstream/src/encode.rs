//! Percent-encoding of values that are not ours, so that none can leave its place in a URL.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Everything but RFC 3986's unreserved characters and the few that are harmless and common in ids and readable URLs.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b'@')
    .remove(b':')
    .remove(b'!');

/// RFC 3986's unreserved characters stay; a space becomes `%20`, which every parser reads, and not `+`.
pub(crate) const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A value as exactly one path segment.
///
/// # Errors
/// When it is empty, or `.` or `..`: URL parsers fold those away even when they are percent-encoded (WHATWG URL
/// §4.1), so such a value cannot stand as a segment at all.
pub(crate) fn path_segment(value: &str) -> Result<String, &'static str> {
    if value.is_empty() {
        return Err("is empty");
    }
    // Servers that decode `%2F` before they fold the path would climb on `a%2F..`.
    if value.split(['/', '\\']).any(|part| part == "." || part == "..") {
        return Err("may not hold \".\" or \"..\" as a part of a path");
    }
    if value.chars().any(char::is_control) {
        return Err("holds a control character");
    }
    Ok(utf8_percent_encode(value, SEGMENT).to_string())
}
