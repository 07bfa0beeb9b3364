//! The catalogue keeps its promises.

use std::collections::HashSet;

use super::*;

#[test]
fn codes_all_distinct_and_parse_back() {
    let texts: HashSet<_> = ErrorCode::ALL.iter().map(|c| c.as_str()).collect();
    assert_eq!(texts.len(), ErrorCode::ALL.len());
    for code in ErrorCode::ALL {
        assert_eq!(ErrorCode::parse(code.as_str()), Some(*code));
        assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
    }
}

#[test]
fn entries_all_say_what_to_do() {
    for code in ErrorCode::ALL {
        let entry = code.entry();
        assert!(!entry.remedies.is_empty(), "{} has no remedy", entry.code);
        assert!(entry.meaning.ends_with('.') && entry.cause.ends_with('.'), "{}", entry.code);
        let in_range = if code.is_finding() { 200..201 } else { 400..600 };
        assert!(in_range.contains(&entry.http_status), "{}", entry.code);
    }
}

/// Clients repeat UNAVAILABLE, tool calls too: no code that can follow a sent call may map to it.
#[test]
fn unavailable_only_before_anything_ran() {
    for code in ErrorCode::ALL {
        if code.entry().grpc_code == GrpcCode::Unavailable {
            assert_eq!(code.entry().retry, Retry::Safe, "{}", code.as_str());
        }
    }
}
