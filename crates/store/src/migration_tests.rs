//! The migrations of both databases: what is embedded is what is in the folders, and the names are the same.

use std::{fs, path::Path};

fn in_folder(database: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(database);
    let names = fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.map(|name| name.strip_suffix(".sql").unwrap().to_owned()).collect();
    names.sort();
    names
}

#[test]
fn migrations_embedded_are_the_ones_in_the_folders() {
    for (database, embedded) in
        [("sqlite", crate::sqlite::MIGRATIONS), ("postgres", crate::postgres::MIGRATIONS)]
    {
        let embedded: Vec<_> = embedded.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(in_folder(database), embedded, "{database}");
    }
}

#[test]
fn migrations_have_the_same_names_in_both_databases() {
    let names = |migrations: &[(&str, &str)]| -> Vec<String> {
        migrations.iter().map(|(name, _)| (*name).to_owned()).collect()
    };
    let sqlite = names(crate::sqlite::MIGRATIONS);
    assert_eq!(sqlite, names(crate::postgres::MIGRATIONS));
    for (number, name) in (1..).zip(sqlite) {
        assert!(name.starts_with(&format!("{number:04}_")), "{name}");
    }
}
