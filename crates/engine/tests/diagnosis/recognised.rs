//! `docs/recognised.md`: what the diagnosis recognises, each with the test that shows it.

use std::path::PathBuf;

use valetkey_domain::ErrorCode;

/// A row of the page: situation, code, file below `crates/`, function.
fn rows(page: &str) -> Vec<[String; 4]> {
    let rows = page.lines().filter(|line| line.starts_with("| ") && line.contains(".rs::"));
    rows.map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let &[situation, finding, test] = cells.as_slice() else { panic!("not three cells: {line}") };
        let code = finding.split('`').nth(1).unwrap();
        let (file, function) = test.trim_matches('`').split_once("::").unwrap();
        [situation, code, file, function].map(str::to_owned)
    })
    .collect()
}

/// The page promises nothing that no test shows: every row names a code of the catalogue, with the link to its page, and
/// a test that is there and speaks of the code. Tests of whole tables have their codes from the tables.
#[test]
fn recognised_situations_each_name_a_test_that_is_there() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = std::fs::read_to_string(root.join("docs/recognised.md")).unwrap();
    let rows = rows(&page);
    assert!(rows.len() >= 80, "{} rows", rows.len());
    let mut wrong = Vec::new();
    for [situation, name, file, function] in &rows {
        let Some(code) = ErrorCode::ALL.iter().find(|code| code.as_str() == name) else {
            wrong.push(format!("{situation}: {name} is no code"));
            continue;
        };
        if !page.contains(&format!("[`{name}`](errors/{name}.md)")) {
            wrong.push(format!("{situation}: {name} does not lead to its page"));
        }
        let source = std::fs::read_to_string(root.join("crates").join(file)).unwrap_or_default();
        let Some((_, test)) = source.split_once(&format!("fn {function}(")) else {
            wrong.push(format!("{situation}: {file} has no test {function}"));
            continue;
        };
        let test = test.split("\n}\n").next().unwrap_or_default();
        if !file.ends_with("/tables.rs") && !test.contains(&format!("{code:?}")) && !test.contains(name) {
            wrong.push(format!("{situation}: {function} does not speak of {name}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
