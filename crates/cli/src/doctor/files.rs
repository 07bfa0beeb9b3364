//! The folder that the database is in, the key file, and the room on the disk.

use std::{
    fs, io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use valetkey_domain::{
    ErrorCode,
    catalogue::RemedyAction,
    diagnosis::{Evidence, EvidenceKind, Finding, Verdict},
};

use super::Report;
use crate::{files, settings::Settings};

/// What is written to find out whether there is room: as much as a few commits.
const TRIAL: usize = 256 << 10;
/// Less room than this is none.
const NO_ROOM: u64 = 4 << 20;
/// Little room, in bytes; a large disk may be nearly full long before that.
const LITTLE_ROOM: u64 = 512 << 20;

pub(super) fn look(settings: &Settings, report: &mut Report) {
    let storage = &settings.storage;
    let folder = match storage.server {
        Some(_) => storage.data_dir.clone(),
        None => folder_of(&storage.database),
    };
    exposure(&folder, settings, report);
    if storage.server.is_some() {
        report.skipped("disk", "The database is on a server of its own: its disk cannot be seen from here.");
    } else if folder.is_dir() {
        room(&folder, report);
    } else {
        report.skipped("disk", format!("There is no folder {} yet.", folder.display()));
    }
}

fn folder_of(file: &Path) -> PathBuf {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new(".")).to_owned()
}

/// Who beside its owner may get at the files.
fn exposure(folder: &Path, settings: &Settings, report: &mut Report) {
    let key_file = settings.master_key.as_ref().and_then(|source| source.file.clone());
    let database = settings.storage.server.is_none().then(|| settings.storage.database.clone());
    let exposed: Vec<_> = [Some(folder.to_owned()), database, key_file]
        .into_iter()
        .flatten()
        .filter_map(|path| {
            let mode = fs::metadata(&path).ok()?.permissions().mode() & 0o777;
            (mode & 0o077 != 0).then_some((path, mode))
        })
        .collect();
    // Whoever may not enter the folder does not get at the file in it.
    let folder_is_closed = folder.is_dir() && exposed.iter().all(|(path, _)| path != folder);
    let exposed: Vec<_> =
        exposed.into_iter().filter(|(path, _)| !folder_is_closed || folder_of(path) != *folder).collect();
    let Some((first, _)) = exposed.first() else {
        report.ok("rights", EvidenceKind::Setting, "Only their owner gets at the server's files.");
        return;
    };
    let finding = Finding::new(ErrorCode::DataFolderExposed)
        .severity(Verdict::Degraded)
        .message(format!("Other users of this machine can get at {}.", first.display()))
        .evidences(exposed.iter().map(|(path, mode)| {
            Evidence::new(EvidenceKind::Setting, format!("{} has the mode {mode:03o}", path.display()))
        }));
    let finding = exposed.iter().fold(finding, |finding, (path, _)| {
        let mode = if path.is_dir() { "700" } else { "600" };
        finding.remedy(RemedyAction::ConfigureServer, format!("chmod {mode} {}", path.display()))
    });
    report.found("rights", finding);
}

fn room(folder: &Path, report: &mut Report) {
    let space = space(folder);
    match trial(folder) {
        Err(error) => report.found("disk", unwritable(folder, &error, space)),
        Ok(()) => match space.and_then(|space| nearly_full(folder, space)) {
            Some(finding) => report.found("disk", finding),
            None => {
                let free = space.map_or_else(String::new, |space| format!(", {} are free", size(space.free)));
                let detail = format!("{} can be written to{free}.", folder.display());
                report.ok("disk", EvidenceKind::Setting, detail);
            }
        },
    }
}

/// Free for this user, and all, in bytes.
#[derive(Debug, Clone, Copy)]
struct Space {
    free: u64,
    all: u64,
}

fn space(folder: &Path) -> Option<Space> {
    let found = rustix::fs::statvfs(folder).ok()?;
    Some(Space {
        free: found.f_bavail.saturating_mul(found.f_frsize),
        all: found.f_blocks.saturating_mul(found.f_frsize),
    })
}

/// Writes a little and takes it away again: quotas and limits are not seen otherwise.
fn trial(folder: &Path) -> io::Result<()> {
    let path = folder.join(format!(".valetkey-doctor-{}", std::process::id()));
    let written = files::write_private(&path, &vec![0; TRIAL]);
    // What could not be written is perhaps there in part, under its temporary name.
    let temporary = folder.join(format!(".valetkey-doctor-{0}.{0}.tmp", std::process::id()));
    for path in [path, temporary] {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    written
}

fn unwritable(folder: &Path, error: &io::Error, space: Option<Space>) -> Finding {
    let no_room = matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    );
    let code = if no_room { ErrorCode::DatabaseFull } else { ErrorCode::DataFolderUnwritable };
    let free = space.map(|space| format!("; {} of {} are free", size(space.free), size(space.all)));
    Finding::new(code).message(format!("{} cannot be written to: {error}.", folder.display())).evidence(
        Evidence::new(
            EvidenceKind::Probe,
            format!(
                "Writing {} to {}: {error}{}",
                size(TRIAL as u64),
                folder.display(),
                free.unwrap_or_default()
            ),
        ),
    )
}

fn nearly_full(folder: &Path, space: Space) -> Option<Finding> {
    let told = format!("{} of {} are free in {}", size(space.free), size(space.all), folder.display());
    let evidence = Evidence::new(EvidenceKind::Probe, told.clone());
    if space.free < NO_ROOM {
        return Some(Finding::new(ErrorCode::DatabaseFull).message(format!("{told}.")).evidence(evidence));
    }
    let little = space.free < LITTLE_ROOM.min(space.all / 10);
    little.then(|| {
        Finding::new(ErrorCode::DiskNearlyFull)
            .severity(Verdict::Degraded)
            .message(format!("{told}."))
            .evidence(evidence)
    })
}

fn size(bytes: u64) -> String {
    const UNITS: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    match UNITS.iter().find(|(_, unit)| bytes >= *unit) {
        Some((name, unit)) => format!("{} {name}", bytes / unit),
        None => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    #[test]
    fn disk_with_little_room_is_a_warning_and_without_any_a_finding() {
        let code = |free, all| {
            nearly_full(Path::new("/data"), Space { free, all })
                .map(|finding| (finding.code, finding.severity))
        };
        assert_eq!(code(100 * GIB, 1000 * GIB), None);
        assert_eq!(code(GIB, 1000 * GIB), None);
        assert_eq!(code(200 << 20, 1000 * GIB), Some((ErrorCode::DiskNearlyFull, Verdict::Degraded)));
        assert_eq!(code(1 << 20, 1000 * GIB), Some((ErrorCode::DatabaseFull, Verdict::Broken)));
        // A small volume is not nearly full for being small.
        assert_eq!(code(300 << 20, GIB), None);
    }
}
