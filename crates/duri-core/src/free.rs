//! What may lie at and below a mutable path: regular files and folders, nothing executable.
//!
//! Guarantees: nothing but files and folders is opened; a file with any execute bit, setuid, setgid,
//! sticky or a file capability is a finding; so is everything that is neither file nor folder. Mount
//! points are crossed here, and only here. Content, plain modes and owners are free.

use std::sync::Arc;

use rustix::fs::fstat;

use crate::finding::{Finding, Kind};
use crate::folder::{Folder, without_slash};
use crate::hard_links::Name;
use crate::listing::Listing;
use crate::open::{Refusal, Type};
use crate::path::MAX_PATH;
use crate::scan::{Scan, capability_of, mode_of};

/// An execute bit for anybody, setuid, setgid, sticky.
const EXECUTABLE: u16 = 0o7111;

/// Check a mutable file; say whether it has other names.
pub(crate) fn check_file(
    scan: &Scan<'_>,
    folder: &Folder,
    entry: u32,
    findings: &mut Vec<Finding>,
) -> bool {
    let path = || folder.path(entry);
    let fd = match scan.opener.file(&folder.fd, folder.name(entry), true) {
        Ok(fd) => fd,
        // Gone since the folder was listed: what may change may go.
        Err(Refusal::Gone) => return false,
        Err(refusal) => {
            findings.push(refused(refusal, path()));
            return false;
        }
    };
    scan.request.progress.add_files(1);
    let stat = match fstat(&fd) {
        Ok(stat) => stat,
        Err(errno) => {
            findings.push(Finding::of_errno(errno, path()));
            return false;
        }
    };
    if Type::of(&stat) != Type::File {
        findings.push(misplaced(Type::of(&stat), path()));
        return false;
    }
    let mode = mode_of(&stat);
    if mode & EXECUTABLE != 0 {
        let finding = Finding::new(Kind::Executable, path());
        findings.push(finding.expected("no execute bit").actual(format!("{mode:04o}")));
    }
    match capability_of(&fd) {
        Ok(None) => {}
        Ok(Some(_)) => findings.push(
            Finding::new(Kind::Executable, path())
                .expected("no capability")
                .actual("a file capability"),
        ),
        Err(errno) => findings.push(Finding::of_errno(errno, path())),
    }
    let linked = Name::of(&stat, None).is_some();
    if linked && let Some(notice) = scan.request.notice {
        notice.linked(without_slash(&folder.prefix));
    }
    linked
}

/// Open and list a mutable folder; None when it is gone or a finding was made.
pub(crate) fn open_folder(
    scan: &Scan<'_>,
    parent: &Folder,
    entry: u32,
    buffer: &mut Vec<u8>,
    findings: &mut Vec<Finding>,
) -> Option<Folder> {
    let prefix = parent.prefix_of(entry);
    let path = || without_slash(&prefix).to_vec();
    if prefix.len() > MAX_PATH {
        let actual = format!("a path of {} bytes", prefix.len() - 1);
        findings.push(Finding::new(Kind::Unreadable, path()).actual(actual));
        return None;
    }
    let fd = match scan.opener.folder(&parent.fd, parent.name(entry), true) {
        Ok(fd) => fd,
        Err(Refusal::Gone) => return None,
        Err(refusal) => {
            findings.push(refused(refusal, path()));
            return None;
        }
    };
    scan.announce(&fd, &prefix, true);
    match Listing::read(&fd, buffer, scan.keeps(&prefix)) {
        Ok(listing) => Some(Folder { fd, prefix, listing }),
        Err(errno) => {
            findings.push(Finding::of_errno(errno, path()));
            None
        }
    }
}

/// Check what lies in a mutable folder; return the folders in it, for further tasks, and whether a
/// file has other names.
pub(crate) fn check_entries(
    scan: &Scan<'_>,
    folder: &Arc<Folder>,
    findings: &mut Vec<Finding>,
) -> (Vec<u32>, bool) {
    let (mut folders, mut linked) = (Vec::new(), false);
    for index in 0..folder.listing.len() {
        let entry = u32::try_from(index).expect("a listing below 4 GiB");
        let kind = folder.kind(entry);
        if scan.request.rules.has_ignore()
            && scan.ignores(&folder.path(entry), kind == Type::Folder)
        {
            continue;
        }
        match kind {
            Type::Folder => folders.push(entry),
            Type::File => linked |= check_file(scan, folder, entry, findings),
            _ => findings.push(misplaced(kind, folder.path(entry))),
        }
    }
    (folders, linked)
}

/// The finding for what is neither file nor folder in a mutable place.
pub(crate) fn misplaced(kind: Type, path: Vec<u8>) -> Finding {
    Finding::new(Kind::Type, path).expected("file or folder").actual(kind.name())
}

fn refused(refusal: Refusal, path: Vec<u8>) -> Finding {
    match refusal {
        Refusal::Failed(errno) => Finding::of_errno(errno, path),
        Refusal::Mount => Finding::new(Kind::MountPoint, path),
        Refusal::Gone | Refusal::Replaced => Finding::new(Kind::Type, path)
            .expected("file or folder")
            .actual("replaced while scanned"),
    }
}
