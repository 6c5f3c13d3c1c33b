//! One thread's part of a comparison: its tasks, and folders.
//!
//! Guarantees: a folder is opened below its parent's descriptor, joined with the entries sealed below
//! it, and its descriptor is let go with its last task. What is in a folder is left to `entries`, the
//! sealed files to `file`.

use std::ops::Range;
use std::sync::Arc;

use rustix::fs::fstat;
use rustix::io::Errno;

use super::Shared;
use crate::finding::{Finding, Kind};
use crate::folder::{Folder, without_slash};
use crate::free;
use crate::hard_links::Name;
use crate::hasher::Hasher;
use crate::listing::Listing;
use crate::open::{Refusal, Type, stat_entry};
use crate::pool::{Queue, Work};
use crate::scan::{mode_of, open_root, owner_of};

/// How a folder is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// Sealed; with the entry that is about the folder itself, if there is one.
    Sealed(Option<u32>),
    New,
    /// New, and named by a finding already.
    Reported,
}

/// A listed file and what it must be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Job {
    pub(crate) entry: u32,
    pub(crate) sealed: u32,
}

pub(crate) enum Task {
    Root,
    Folder { parent: Arc<Folder>, entry: u32, sealed: Range<u32>, known: Known },
    Files { folder: Arc<Folder>, jobs: Vec<Job> },
    Mutable { parent: Arc<Folder>, entry: u32 },
}

pub(crate) struct Worker<'a> {
    pub(crate) shared: &'a Shared<'a>,
    pub(crate) hasher: Hasher<'a>,
    buffer: Vec<u8>,
    pub(crate) findings: Vec<Finding>,
    /// Names of files that have several.
    pub(crate) names: Vec<Name>,
    pub(crate) verified: usize,
    pub(crate) root_failed: Option<Errno>,
}

impl Work for Worker<'_> {
    type Task = Task;

    fn run(&mut self, task: Task, queue: &Queue<'_, Task>) {
        match task {
            Task::Root => self.root(queue),
            Task::Folder { parent, entry, sealed, known } => {
                self.folder(parent, entry, sealed, known, queue);
            }
            Task::Files { folder, jobs } => self.files(&folder, &jobs, queue),
            Task::Mutable { parent, entry } => self.mutable_folder(&parent, entry, queue),
        }
    }

    fn rest(&mut self) {
        self.finish_files();
    }
}

impl<'a> Worker<'a> {
    pub(crate) fn new(shared: &'a Shared<'a>) -> Self {
        Self {
            shared,
            hasher: shared.scan.hasher(),
            buffer: Vec::new(),
            findings: Vec::new(),
            names: Vec::new(),
            verified: 0,
            root_failed: None,
        }
    }

    fn root(&mut self, queue: &Queue<'_, Task>) {
        let scan = &self.shared.scan;
        let listed = open_root(scan.request.root).and_then(|fd| {
            let listing = Listing::read(&fd, &mut self.buffer, scan.keeps(b""))?;
            Ok(Folder { fd, prefix: Box::default(), listing })
        });
        match listed {
            Ok(root) => {
                self.entries(&Arc::new(root), 0..self.shared.expected.len(), queue);
            }
            Err(errno) => self.root_failed = Some(errno),
        }
    }

    fn folder(
        &mut self,
        parent: Arc<Folder>,
        entry: u32,
        sealed: Range<u32>,
        known: Known,
        queue: &Queue<'_, Task>,
    ) {
        let scan = &self.shared.scan;
        let prefix = parent.prefix_of(entry);
        let path = || without_slash(&prefix).to_vec();
        let fd = match scan.opener.folder(&parent.fd, parent.name(entry), false) {
            Ok(fd) => fd,
            Err(Refusal::Failed(errno)) => {
                return self.findings.push(Finding::of_errno(errno, path()));
            }
            Err(Refusal::Mount) => {
                let finding = Finding::new(Kind::MountPoint, path());
                return self.findings.push(finding.actual("another file system"));
            }
            Err(Refusal::Gone) => {
                if let Known::Sealed(own) = known {
                    self.missing(own.unwrap_or(sealed.start)..sealed.end);
                }
                return;
            }
            Err(Refusal::Replaced) => {
                let finding = Finding::new(Kind::Type, path()).expected("folder");
                let actual = stat_entry(&parent.fd, parent.name(entry));
                let actual = actual.map_or("replaced while scanned", |stat| Type::of(&stat).name());
                self.findings.push(finding.actual(actual));
                return self.missing(sealed);
            }
        };
        // Its descriptor is not needed any more, so a deep tree does not hold one for each level.
        drop(parent);
        if let Known::Sealed(own) = known {
            match fstat(&fd) {
                Ok(stat) => self.judge_folder(own, &stat, &path),
                Err(errno) => self.findings.push(Finding::of_errno(errno, path())),
            }
        }
        let listing = match Listing::read(&fd, &mut self.buffer, scan.keeps(&prefix)) {
            Ok(listing) => listing,
            Err(errno) => return self.findings.push(Finding::of_errno(errno, path())),
        };
        let folder = Arc::new(Folder { fd, prefix, listing });
        let visible = self.entries(&folder, sealed, queue);
        if !visible && known == Known::New {
            let path = without_slash(&folder.prefix).to_vec();
            self.findings.push(Finding::new(Kind::New, path).actual("folder"));
        }
    }

    fn judge_folder(
        &mut self,
        own: Option<u32>,
        stat: &rustix::fs::Stat,
        path: &dyn Fn() -> Vec<u8>,
    ) {
        let note = own.map(|own| self.shared.expected.note(own)).unwrap_or_default();
        let (mode, sealed) = (mode_of(stat), note.mode.unwrap_or(0o755));
        if mode != sealed {
            let finding = Finding::new(Kind::Mode, path());
            let finding = finding.expected(format!("{sealed:04o}"));
            self.findings.push(finding.actual(format!("{mode:04o}")));
        }
        self.judge_owner(note, stat, path);
    }

    /// Compare an owner, where the policy asks for it.
    pub(crate) fn judge_owner(
        &mut self,
        note: crate::expected::Note,
        stat: &rustix::fs::Stat,
        path: &dyn Fn() -> Vec<u8>,
    ) {
        if !self.shared.scan.request.rules.owners {
            return;
        }
        let actual = owner_of(stat);
        if let Some(sealed) = note.owner.or(self.shared.expected.owner)
            && sealed != actual
        {
            let finding = Finding::new(Kind::Owner, path());
            self.findings.push(finding.expected(sealed.to_string()).actual(actual.to_string()));
        }
    }

    fn mutable_folder(&mut self, parent: &Folder, entry: u32, queue: &Queue<'_, Task>) {
        let scan = &self.shared.scan;
        let (buffer, findings) = (&mut self.buffer, &mut self.findings);
        if let Some(folder) = free::open_folder(scan, parent, entry, buffer, findings) {
            let folder = Arc::new(folder);
            let below = free::check_entries(scan, &folder, findings);
            queue.push(below.into_iter().map(|entry| {
                let parent = Arc::clone(&folder);
                Task::Mutable { parent, entry }
            }));
        }
    }
}
