//! Lists the pages of the documentation, so that adding a page is adding a file.

use std::{
    env,
    error::Error,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../../docs").canonicalize()?;
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut files = Vec::new();
    collect(&folder, &folder, &mut files)?;
    files.sort();
    let mut code = String::from("&[\n");
    for name in files {
        println!("cargo::rerun-if-changed={}", folder.join(&name).display());
        writeln!(code, "    ({name:?}, include_str!({:?})),", folder.join(&name))?;
    }
    code.push_str("]\n");
    fs::write(PathBuf::from(env::var("OUT_DIR")?).join("docs.rs"), code)?;
    Ok(())
}

/// The Markdown files below `folder`, named from `root` on. The pages of the errors are not read from files: the server
/// makes them from the catalogue.
fn collect(root: &Path, folder: &Path, files: &mut Vec<String>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            if path != root.join("errors") {
                collect(root, &path, files)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "md") {
            files.push(path.strip_prefix(root)?.to_string_lossy().replace('\\', "/"));
        }
    }
    Ok(())
}
