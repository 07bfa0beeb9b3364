//! A server of a test's own, to stop and start.

use std::{path::PathBuf, process::Command};

/// A server of the test's own.
pub(crate) struct Server {
    folder: tempfile::TempDir,
    pub(crate) url: String,
}

impl Server {
    fn script(command: &str, folder: &std::path::Path) -> String {
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../scripts/postgres.sh");
        let output = Command::new(script).arg(command).arg(folder).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "scripts/postgres.sh {command}: {said}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    pub(crate) fn start() -> Self {
        let folder = tempfile::Builder::new()
            .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .tempdir()
            .unwrap();
        let url = Self::script("start", &folder.path().join("server"));
        Self { folder, url }
    }

    pub(crate) fn run(&self, command: &str) {
        Self::script(command, &self.folder.path().join("server"));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.run("stop");
    }
}
