//! Compiles `proto/` without `protoc`: Rust types and services, and the descriptor set that the server reads its
//! HTTP rules, limits and permissions from.

use std::{env, error::Error, fs, path::PathBuf};

const FILES: [&str; 5] = [
    "google/api/annotations.proto",
    "google/rpc/status.proto",
    "scalekit/v1/connected_accounts/connected_accounts.proto",
    "scalekit/v1/errdetails/errdetails.proto",
    "scalekit/v1/tools/tools.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../../proto");
    println!("cargo::rerun-if-changed={}", root.display());

    let mut compiler = protox::Compiler::new([&root])?;
    compiler.include_imports(true).open_files(FILES)?;
    // Not `file_descriptor_set().encode()`: that would lose the options, which prost-types does not know.
    fs::write(
        PathBuf::from(env::var("OUT_DIR")?).join("descriptors.bin"),
        compiler.encode_file_descriptor_set(),
    )?;

    let mut documented = protox::Compiler::new([&root])?;
    documented.include_imports(true).include_source_info(true).open_files(FILES)?;
    tonic_prost_build::configure()
        .build_transport(false)
        .generate_default_stubs(true)
        .emit_rerun_if_changed(false)
        .compile_fds(documented.file_descriptor_set())?;
    Ok(())
}
