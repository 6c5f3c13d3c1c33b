//! One thread's part of a comparison: sealed files.
//!
//! Guarantees: a file counts as verified only when it was opened, is a regular file, has the sealed
//! mode, capability and (where asked) owner, did not change while it was read, and has the sealed
//! digest. Small files are read at once and hashed together later, see `hasher`.

use rustix::fs::{Stat, fstat};
use rustix::io::Errno;

use super::worker::{Job, Worker};
use crate::expected::{Note, What};
use crate::finding::{Finding, Kind, hex};
use crate::folder::Folder;
use crate::hard_links::Name;
use crate::hasher::Content;
use crate::open::{Refusal, Type, stat_entry};
use crate::scan::{capability_of, mode_of};

/// In a token: the file has no finding so far.
const CLEAN: u64 = 1 << 32;

impl Worker<'_> {
    pub(crate) fn files(&mut self, folder: &Folder, jobs: &[Job]) {
        for job in jobs {
            if self.shared.scan.stop.load(std::sync::atomic::Ordering::Relaxed) {
                return;
            }
            let mut findings = std::mem::take(&mut self.findings);
            let before = findings.len();
            let names = self.names.len();
            let counted = self.verified;
            let result = self.file(folder, *job, &mut findings);
            self.findings = findings;
            let _ = (before, names, counted, result);
        }
        self.shared.scan.request.progress.add_files(jobs.len() as u64);
        self.hasher.publish();
    }
}
