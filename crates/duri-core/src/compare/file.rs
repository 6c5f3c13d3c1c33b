//! One thread's part of a comparison: sealed files.
//!
//! Guarantees: a file counts as verified only when it was opened, is a regular file, has the sealed
//! mode, capability and (where asked) owner, did not change while it was read, and has the sealed
//! digest. Small files are read at once and hashed together later, see `hasher`.

use std::ops::Range;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rustix::fs::{Stat, fstat};
use rustix::io::Errno;

use super::worker::{Job, Task, Worker};
use crate::expected::{Expected, What};
use crate::finding::{Finding, Kind, hex};
use crate::folder::Folder;
use crate::hard_links::Name;
use crate::hasher::{Content, is_heavy, same};
use crate::open::{Refusal, Type, stat_entry};
use crate::pool::Queue;
use crate::scan::{capability_of, mode_of};

/// In a token, beside the index in the table: nothing was found about the file so far.
const CLEAN: u64 = 1 << 32;

impl Worker<'_> {
    pub(crate) fn files(&mut self, folder: &Arc<Folder>, jobs: &[Job], queue: &Queue<'_, Task>) {
        let alone = jobs.len() == 1;
        let mut heavy = Vec::new();
        for job in jobs {
            if self.shared.scan.stop.load(Ordering::Relaxed) {
                return;
            }
            if self.is_known(folder, *job) {
                continue;
            }
            match self.opened(folder, *job) {
                Some((_, stat)) if !alone && is_heavy(&stat) => heavy.push(*job),
                Some((fd, stat)) => self.file(folder, *job, &fd, stat),
                None => {
                    // What is in its place may be the very file once more, seen another way.
                    if let Some(memory) = &self.shared.memory {
                        memory.files.forget(job.sealed);
                    }
                }
            }
        }
        self.shared.scan.request.progress.add_files((jobs.len() - heavy.len()) as u64);
        self.hasher.publish();
        queue.push(
            heavy
                .into_iter()
                .map(|job| Task::Files { folder: Arc::clone(folder), jobs: vec![job] }),
        );
    }

    /// Say whether a file is the one that was verified before, as far as its identity tells.
    fn is_known(&mut self, folder: &Folder, Job { entry, sealed }: Job) -> bool {
        let Some(memory) = self.shared.memory.as_ref().filter(|memory| memory.trusted) else {
            return false;
        };
        let Ok(stat) = stat_entry(&folder.fd, folder.name(entry)) else {
            return false;
        };
        if Type::of(&stat) != Type::File || !memory.files.matches(sealed, &stat) {
            return false;
        }
        memory.files.set_verified(sealed);
        if let Some(name) = Name::of(&stat, Some(sealed.into())) {
            self.names.push(name);
            self.part.unchanged.push(sealed);
        }
        true
    }

    /// Open what must be a regular file; what it is instead is a finding.
    fn opened(&mut self, folder: &Folder, Job { entry, sealed }: Job) -> Option<(OwnedFd, Stat)> {
        let fd = match self.shared.scan.opener.file(&folder.fd, folder.name(entry), false) {
            Ok(fd) => fd,
            Err(refusal) => {
                self.not_opened(folder, entry, sealed, refusal);
                return None;
            }
        };
        match fstat(&fd) {
            Ok(stat) if Type::of(&stat) == Type::File => return Some((fd, stat)),
            Ok(stat) => self.replaced(folder.path(entry), What::File, Type::of(&stat)),
            Err(errno) => self.findings.push(Finding::of_errno(errno, folder.path(entry))),
        }
        None
    }

    fn file(&mut self, folder: &Folder, Job { entry, sealed }: Job, fd: &OwnedFd, stat: Stat) {
        let path = || folder.path(entry);
        let name = Name::of(&stat, Some(sealed.into()));
        if let Some(memory) = &self.shared.memory
            && name.is_some()
            && memory.files.matches(sealed, &stat)
        {
            self.part.unchanged.push(sealed);
        }
        self.names.extend(name);
        let judged = self.judge_file(fd, &stat, sealed);
        if let Err(errno) = self.content(fd, stat, sealed, judged) {
            self.findings.push(Finding::of_errno(errno, path()));
        }
    }

    fn not_opened(&mut self, folder: &Folder, entry: u32, sealed: u32, refusal: Refusal) {
        let path = folder.path(entry);
        match refusal {
            Refusal::Gone => self.missing(sealed..sealed + 1),
            Refusal::Mount => {
                let finding = Finding::new(Kind::MountPoint, path);
                self.findings.push(finding.actual("another file system"));
            }
            Refusal::Failed(errno) => self.findings.push(Finding::of_errno(errno, path)),
            Refusal::Replaced => match stat_entry(&folder.fd, folder.name(entry)) {
                Ok(stat) if Type::of(&stat) != Type::File => {
                    self.replaced(path, What::File, Type::of(&stat));
                }
                Err(Errno::NOENT) => self.missing(sealed..sealed + 1),
                _ => self.findings.push(Finding::new(Kind::Changing, path)),
            },
        }
    }

    /// Compare what is not content: mode, capability, owner; give what was found.
    fn judge_file(&mut self, fd: &OwnedFd, stat: &Stat, sealed: u32) -> Range<usize> {
        let before = self.findings.len();
        let expected = &self.shared.expected;
        let path = || expected.path(sealed).to_vec();
        let note = expected.note(sealed);
        let (mode, wanted) = (mode_of(stat), note.mode.unwrap_or(0o644));
        if mode != wanted {
            let finding = Finding::new(Kind::Mode, path()).expected(format!("{wanted:04o}"));
            self.findings.push(finding.actual(format!("{mode:04o}")));
        }
        match capability_of(fd) {
            Ok(value) => {
                let wanted = expected.capability(note);
                if value.as_deref() != wanted {
                    let text = |value: Option<&[u8]>| value.map_or("none".to_owned(), hex);
                    let finding = Finding::new(Kind::Capability, path()).expected(text(wanted));
                    self.findings.push(finding.actual(text(value.as_deref())));
                }
            }
            Err(errno) => self.findings.push(Finding::of_errno(errno, path())),
        }
        self.judge_owner(note, stat, &path);
        let found = before..self.findings.len();
        if let Some(memory) = &self.shared.memory {
            if found.is_empty() {
                memory.files.propose(sealed, stat, memory.settled_before);
            } else {
                memory.files.forget(sealed);
            }
        }
        found
    }

    /// Compare the content: now, or when the small files that wait are hashed together.
    fn content(
        &mut self,
        fd: &OwnedFd,
        mut stat: Stat,
        sealed: u32,
        judged: Range<usize>,
    ) -> Result<(), Errno> {
        let mut clean = judged.is_empty();
        let shared = self.shared;
        let expected = &shared.expected;
        let size = u64::try_from(stat.st_size).unwrap_or(0);
        let modified = |actual: String| {
            let finding = Finding::new(Kind::Modified, expected.path(sealed).to_vec());
            finding.expected(expected.hex(sealed)).actual(actual)
        };
        let content = if let Some(prefix) = expected.note(sealed).append_only {
            let Some(content) = self.hasher.read_prefix(fd, prefix)? else {
                let actual = format!("file of {size} bytes, shorter than the {prefix} sealed");
                self.findings.push(modified(actual));
                return Ok(());
            };
            content
        } else if let Some(actual) = shared.too_much(size) {
            self.findings.push(modified(actual));
            return Ok(());
        } else {
            if !self.hasher.has_room(size) {
                self.finish_files();
            }
            let token = |clean| u64::from(sealed) | if clean { CLEAN } else { 0 };
            let before = stat;
            let content = self.hasher.read(fd, &mut stat, token(clean))?;
            if !same(&before, &stat) {
                // It was read again, and may have changed in more than its content.
                self.findings.drain(judged);
                clean = self.judge_file(fd, &stat, sealed).is_empty();
                if content == Content::Later {
                    self.hasher.relabel(token(clean));
                }
            }
            content
        };
        match content {
            Content::Digest(digest) => {
                if expected.has_digest(sealed, digest.as_bytes()) {
                    if clean {
                        self.verified += 1;
                        shared.confirm(sealed);
                    }
                } else {
                    self.findings.push(modified(hex(digest.as_bytes())));
                }
            }
            Content::Changing => {
                let path = expected.path(sealed).to_vec();
                self.findings.push(Finding::new(Kind::Changing, path));
            }
            Content::Later | Content::Stopped => {}
        }
        Ok(())
    }

    /// Hash the small files that wait, and compare.
    pub(crate) fn finish_files(&mut self) {
        let Self { hasher, findings, verified, shared, .. } = self;
        let expected: &Expected<'_> = &shared.expected;
        hasher.finish(|token, digest| {
            let sealed = u32::try_from(token & (CLEAN - 1)).expect("an index of the table");
            if expected.has_digest(sealed, digest) {
                if token & CLEAN != 0 {
                    *verified += 1;
                    shared.confirm(sealed);
                }
            } else {
                let finding = Finding::new(Kind::Modified, expected.path(sealed).to_vec());
                findings.push(finding.expected(expected.hex(sealed)).actual(hex(digest)));
            }
        });
        hasher.publish();
    }
}
