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

#[test]
fn sections_all_begin_in_order_and_hold_every_code() {
    assert!(SECTIONS.is_sorted_by_key(|section| section.first));
    for code in ErrorCode::ALL {
        assert!(!code.section().is_empty(), "{}", code.as_str());
    }
    for section in SECTIONS {
        assert_eq!(section.first.section(), section.title);
    }
}

#[test]
fn related_codes_never_the_code_itself_and_never_none() {
    for code in ErrorCode::ALL {
        let related = code.related();
        assert!(!related.is_empty() && !related.contains(code), "{}", code.as_str());
    }
}

/// Texts stand in tables, JSON and terminals: one line, no table bars.
#[test]
fn entries_all_fit_where_they_are_shown() {
    for code in ErrorCode::ALL {
        let entry = code.entry();
        let texts = entry.remedies.iter().map(|(_, text)| *text).chain([entry.meaning, entry.cause]);
        for text in texts {
            assert!(!text.contains(['|', '\n', '<']) && text.len() < 400, "{}: {text}", entry.code);
        }
    }
}

/// What nobody but the operator or an administrator can mend is not to be tried again and again, and the other way
/// round: whoever waits for nobody may repeat.
#[test]
fn actors_and_retries_agree() {
    for code in ErrorCode::ALL.iter().filter(|code| !code.is_finding()) {
        let entry = code.entry();
        if entry.actor == Actor::Nobody {
            assert_ne!(entry.retry, Retry::Never, "{}: nobody acts, and it never passes", entry.code);
        }
        if matches!(entry.actor, Actor::EndUser | Actor::ProviderAdmin) {
            assert_eq!(entry.retry, Retry::Never, "{}: a person has to act first", entry.code);
        }
    }
}

/// The text of a file of the repository.
fn repository(path: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The pages in the repository are the ones that the catalogue gives. `UPDATE_GOLDEN=1` writes them.
#[test]
fn pages_in_the_repository_generated_from_the_catalogue() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors");
    let mut wanted: std::collections::BTreeMap<String, String> =
        ErrorCode::ALL.iter().map(|code| (format!("{}.md", code.as_str()), page(*code))).collect();
    wanted.insert("README.md".into(), index_page());
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    if update {
        std::fs::create_dir_all(&folder).unwrap();
    }
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if update && !wanted.contains_key(&name) {
            std::fs::remove_file(&path).unwrap();
        } else {
            assert!(wanted.contains_key(&name), "docs/errors/{name} belongs to no code");
        }
    }
    for (name, text) in wanted {
        if update {
            std::fs::write(folder.join(&name), text).unwrap();
        } else {
            let found = repository(&format!("docs/errors/{name}"));
            assert!(
                found == text,
                "docs/errors/{name} is not what the catalogue gives: run with UPDATE_GOLDEN=1"
            );
        }
    }
}

/// Every class that the pages name is one of the SDKs', and the SDKs choose it for the same codes.
#[test]
fn classes_are_those_of_the_sdks() {
    let python = repository("sdk/python/src/valetkey/errors.py");
    let javascript = repository("sdk/javascript/src/errors.ts");
    let go = repository("sdk/go/classes.go");
    for code in ErrorCode::ALL {
        let Some(class) = code.sdk_class() else { continue };
        let name = class.error();
        assert!(python.contains(&format!("class {name}(")), "Python lacks {name}");
        assert!(javascript.contains(&format!("export class {name} extends")), "JavaScript lacks {name}");
        assert!(
            go.contains(&format!("{name} struct")) || go.contains(&format!("{name}: ")),
            "Go lacks {name}"
        );
        repository(&format!("sdk/java/src/main/java/io/github/valetkey/{}.java", class.exception()));
        // By its code in Python's table, or not at all there and then by the status or the prefix.
        let by_code = python.split(&format!("\"{}\": ", code.as_str())).nth(1);
        if let Some(by_code) = by_code {
            assert!(
                by_code.starts_with(&format!("{name},")),
                "Python takes {} for another class",
                code.as_str()
            );
        }
        let by_code = repository("sdk/javascript/src/error-answers.ts");
        if let Some(by_code) = by_code.split(&format!("  {}: errors.", code.as_str())).nth(1) {
            assert!(
                by_code.starts_with(&format!("{name},")),
                "JavaScript takes {} for another",
                code.as_str()
            );
        }
    }
}

/// Who has to wait is told how long, wherever it is known.
#[test]
fn remedy_that_says_wait_names_the_seconds() {
    for (code, millis, wait) in [
        (ErrorCode::UpstreamRateLimited, 29_001, "Wait 30 seconds;"),
        (ErrorCode::RenewalsPaused, 1000, "Wait 1 second;"),
        (ErrorCode::RefreshTooEarly, 1, "Wait 1 second;"),
        (ErrorCode::Overloaded, 2000, "Wait 2 seconds and"),
    ] {
        let remedies = crate::Error::new(code).retry_after_ms(millis).remedies();
        assert!(remedies[0].text.starts_with(wait), "{}", remedies[0].text);
    }
    let unknown = crate::Error::new(ErrorCode::UpstreamRateLimited).remedies();
    assert!(unknown[0].text.contains("retry_after_ms"), "{}", unknown[0].text);
}
