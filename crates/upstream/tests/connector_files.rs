//! Connector files: every quirk that providers are known for can be said, and what is wrong is refused by name.

#![expect(clippy::unwrap_used, reason = "test helpers")]

use std::{fs, path::Path};

use proptest::prelude::*;
use valetkey_upstream::connector::{Connectors, LoadError};

fn files(folder: &str) -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(folder);
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read_to_string(path).unwrap())
        })
        .collect();
    files.sort();
    assert!(!files.is_empty());
    files
}

/// What a comment at the top of a fixture says after `# <label>: `.
fn stated<'a>(text: &'a str, label: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix("# ")?.strip_prefix(label)?.strip_prefix(": "))
}

fn load(name: &str, text: &str) -> Result<Connectors, LoadError> {
    Connectors::from_files([(name.to_owned(), text.to_owned())])
}

#[test]
fn quirk_files_load_or_are_refused_as_stated() {
    for (name, text) in files("quirks") {
        match (stated(&text, "refused"), load(&name, &text)) {
            (None, Ok(connectors)) => assert_eq!(connectors.iter().count(), 1),
            (Some(place), Err(error)) => {
                assert_eq!((error.file.as_str(), error.place.as_str()), (name.as_str(), place));
                assert!(error.message.contains("cannot be carried out yet"), "{error}");
            }
            (None, Err(error)) => panic!("{error}"),
            (Some(place), Ok(_)) => panic!("{name} should be refused at {place}"),
        }
    }
}

#[test]
fn bad_files_are_refused_with_file_and_place() {
    for (name, text) in files("refused") {
        let Err(error) = load(&name, &text) else { panic!("{name} was not refused") };
        assert_eq!(error.file, name);
        let place = stated(&text, "place").unwrap_or_default();
        assert!(error.place.starts_with(place), "{error}");
        assert!(error.message.contains(stated(&text, "message").unwrap_or_default()), "{error}");
    }
}

#[test]
fn documented_example_loads() {
    let page = include_str!("../../../docs/add-a-connector.md");
    let (_, rest) = page.split_once("```yaml\nslug: memo").unwrap();
    let (file, _) = rest.split_once("```").unwrap();
    let connectors = load("memo.yaml", &format!("slug: memo{file}")).unwrap();
    assert_eq!(connectors.tool("memo_search_notes").unwrap().1.name, "memo_list_notes");
}

#[test]
fn names_taken_twice_are_refused() {
    let (name, text) = files("quirks").swap_remove(0);
    let twice = [(name.clone(), text.clone()), (name, text)];
    assert!(Connectors::from_files(twice).unwrap_err().message.contains("taken"));
}

#[test]
fn file_too_large_is_refused() {
    let error = load("big.yaml", &"#".repeat((1 << 20) + 1)).unwrap_err();
    assert!(error.message.contains("1 MiB"));
}

#[test]
fn file_of_nested_aliases_is_refused_quickly() {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let below = vec![format!("*a{}", level - 1); 10].join(", ");
        text.push_str(&format!("a{level}: &a{level} [{below}]\n"));
    }
    assert!(load("bomb.yaml", &text).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever stands in a file: an answer, never a panic.
    #[test]
    fn file_of_any_text_never_panics(text in "\\PC{0,400}") {
        let _ = load("x.yaml", &text);
    }

    /// A real file with a piece cut out, doubled or replaced.
    #[test]
    fn file_damaged_never_panics(pick in any::<prop::sample::Index>(), from in any::<prop::sample::Index>(), length in 0_usize..60, put in "\\PC{0,12}") {
        let quirks = files("quirks");
        let (name, text) = pick.get(&quirks);
        let mut chars: Vec<char> = text.chars().collect();
        let start = from.index(chars.len());
        let end = (start + length).min(chars.len());
        chars.splice(start..end, put.chars());
        let _ = load(name, &chars.into_iter().collect::<String>());
    }
}
