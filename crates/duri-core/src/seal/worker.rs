//! One thread's part of sealing.
//!
//! Guarantees: every entry that the rules do not leave out is recorded or refused. The order of the
//! questions is: left out, ignored, unsealable name, mutable, then by type.

use std::ops::Range;
use std::sync::Arc;

use rustix::fs::{Stat, fstat, readlinkat};
use rustix::io::Errno;

use super::record::{Exception, Records};
use crate::attributes::Place;
use crate::finding::{Finding, Kind, printable};
use crate::folder::{Folder, without_slash};
use crate::free;
use crate::hard_links::Name;
use crate::hasher::Hasher;
use crate::listing::Listing;
use crate::open::{Refusal, Type, stat_entry};
use crate::pool::{Queue, Work};
use crate::scan::{Scan, mode_of, open_root, owner_of, too_long};
use crate::twins::{self, Twin};

/// Files of one task. Fewer are read by the thread that listed their folder.
const BATCH: usize = 64;

pub(crate) enum Task {
    Root,
    Folder { parent: Arc<Folder>, entry: u32 },
    Files { folder: Arc<Folder>, files: Arc<[u32]>, range: Range<usize> },
    Mutable { parent: Arc<Folder>, entry: u32 },
}

pub(crate) struct Worker<'a> {
    pub(crate) scan: &'a Scan<'a>,
    pub(crate) hasher: Hasher<'a>,
    buffer: Vec<u8>,
    pub(crate) digest_length: usize,
    pub(crate) records: Records,
    pub(crate) findings: Vec<Finding>,
    pub(crate) names: Vec<Name>,
    pub(crate) root_failed: Option<Errno>,
}

impl Work for Worker<'_> {
    type Task = Task;

    fn run(&mut self, task: Task, queue: &Queue<'_, Task>) {
        match task {
            Task::Root => self.root(queue),
            Task::Folder { parent, entry } => self.folder(parent, entry, queue),
            Task::Files { folder, files, range } => self.files(&folder, &files[range], queue),
            Task::Mutable { parent, entry } => self.mutable_folder(&parent, entry, queue),
        }
    }

    fn rest(&mut self) {
        self.finish_files();
    }
}

impl<'a> Worker<'a> {
    pub(crate) fn new(scan: &'a Scan<'a>) -> Self {
        Self {
            scan,
            hasher: scan.hasher(),
            buffer: Vec::new(),
            digest_length: scan.request.algorithm.digest_length(),
            records: Records::default(),
            findings: Vec::new(),
            names: Vec::new(),
            root_failed: None,
        }
    }

    fn root(&mut self, queue: &Queue<'_, Task>) {
        let listed = open_root(self.scan.request.root).and_then(|fd| {
            let listing = Listing::read(&fd, &mut self.buffer, self.scan.keeps(b""))?;
            Ok(Folder { fd, prefix: Box::default(), listing })
        });
        match listed {
            Ok(root) => {
                self.entries(&Arc::new(root), queue);
            }
            Err(errno) => self.root_failed = Some(errno),
        }
    }

    fn folder(&mut self, parent: Arc<Folder>, entry: u32, queue: &Queue<'_, Task>) {
        let prefix = parent.prefix_of(entry);
        let path = || without_slash(&prefix).to_vec();
        let fd = match self.scan.opener.folder(&parent.fd, parent.name(entry), false) {
            Ok(fd) => fd,
            Err(refusal) => return self.findings.push(refused(refusal, path())),
        };
        // Its descriptor is not needed any more, so a deep tree does not hold one for each level.
        drop(parent);
        match fstat(&fd) {
            Ok(stat) => self.exceptions_of(without_slash(&prefix), &stat, 0o755),
            Err(errno) => return self.findings.push(Finding::of_errno(errno, path())),
        }
        let listing = match Listing::read(&fd, &mut self.buffer, self.scan.keeps(&prefix)) {
            Ok(listing) => listing,
            Err(errno) => return self.findings.push(Finding::of_errno(errno, path())),
        };
        let folder = Arc::new(Folder { fd, prefix, listing });
        if !self.entries(&folder, queue) {
            self.records.except(without_slash(&folder.prefix), Exception::EmptyFolder);
        }
    }

    /// Record a mode or owner that is not the usual one.
    pub(crate) fn exceptions_of(&mut self, path: &[u8], stat: &Stat, usual: u16) {
        let mode = mode_of(stat);
        if mode != usual {
            self.records.except(path, Exception::Mode(mode));
        }
        self.owner_of(path, stat);
    }

    fn owner_of(&mut self, path: &[u8], stat: &Stat) {
        let owner = owner_of(stat);
        if self.scan.request.rules.owners && owner != owner_of(&self.scan.root) {
            self.records.except(path, Exception::Owner(owner));
        }
    }

    /// Look at a folder's entries; say whether the scan sees any.
    fn entries(&mut self, folder: &Arc<Folder>, queue: &Queue<'_, Task>) -> bool {
        let mut visible: Vec<(u32, &str)> = Vec::new();
        let mut files = Vec::new();
        let mut tasks = Vec::new();
        let mut any = false;
        for entry in (0..).take(folder.listing.len()) {
            let (kind, path) = (folder.kind(entry), folder.path(entry));
            if self.scan.ignores(&path, kind == Type::Folder) {
                continue;
            }
            any = true;
            let Ok(name) = std::str::from_utf8(folder.name(entry)) else {
                self.findings.push(Finding::new(Kind::NameNotUtf8, path));
                continue;
            };
            visible.push((entry, name));
            if let Some(finding) = too_long(&path) {
                self.findings.push(finding);
                continue;
            }
            let parent = || Arc::clone(folder);
            if self.scan.request.rules.is_mutable(&path, kind == Type::Folder) {
                if self.mutable(folder, entry, &path) {
                    tasks.push(Task::Mutable { parent: parent(), entry });
                }
                continue;
            }
            match kind {
                Type::File => files.push(entry),
                Type::Folder => tasks.push(Task::Folder { parent: parent(), entry }),
                Type::Link => self.link(folder, entry, &path),
                _ => {
                    let finding = Finding::new(Kind::SpecialFile, path);
                    self.findings.push(finding.actual(kind.name()));
                }
            }
        }
        self.refuse_twins(folder, visible);
        self.share(folder, files, tasks, queue);
        any
    }

    /// Hand out what was found in a folder, and read its files here if they are few.
    fn share(
        &mut self,
        folder: &Arc<Folder>,
        files: Vec<u32>,
        mut tasks: Vec<Task>,
        queue: &Queue<'_, Task>,
    ) {
        if files.len() <= BATCH {
            if !tasks.is_empty() {
                queue.push(tasks);
            }
            return self.files(folder, &files, queue);
        }
        let files: Arc<[u32]> = files.into();
        tasks.extend((0..files.len()).step_by(BATCH).map(|start| Task::Files {
            folder: Arc::clone(folder),
            files: Arc::clone(&files),
            range: start..(start + BATCH).min(files.len()),
        }));
        queue.push(tasks);
    }

    fn refuse_twins(&mut self, folder: &Folder, names: Vec<(u32, &str)>) {
        let allowed = self.scan.request.rules.case_twins;
        let findings = &mut self.findings;
        twins::find(names.into_iter(), |earlier, later, twin| {
            let kind = match twin {
                Twin::Nfc => Kind::NameNfcTwin,
                Twin::Case if allowed => return,
                Twin::Case => Kind::NameCaseTwin,
            };
            let other = printable(&folder.path(earlier));
            findings.push(Finding::new(kind, folder.path(later)).actual(other));
        });
    }

    /// Record a mutable path; say whether it is a folder to check.
    fn mutable(&mut self, folder: &Folder, entry: u32, path: &[u8]) -> bool {
        let place = match folder.kind(entry) {
            Type::File => Place::File,
            Type::Folder => Place::Folder,
            kind => {
                self.findings.push(free::misplaced(kind, path.to_vec()));
                return false;
            }
        };
        self.records.except(path, Exception::Mutable(place));
        if place == Place::File {
            free::check_file(self.scan, folder, entry, &mut self.findings);
        }
        place == Place::Folder
    }

    fn mutable_folder(&mut self, parent: &Folder, entry: u32, queue: &Queue<'_, Task>) {
        let (buffer, findings) = (&mut self.buffer, &mut self.findings);
        if let Some(folder) = free::open_folder(self.scan, parent, entry, buffer, findings) {
            let folder = Arc::new(folder);
            let (below, _) = free::check_entries(self.scan, &folder, findings);
            queue.push(below.into_iter().map(|entry| {
                let parent = Arc::clone(&folder);
                Task::Mutable { parent, entry }
            }));
        }
    }

    fn link(&mut self, folder: &Folder, entry: u32, path: &[u8]) {
        match readlinkat(&folder.fd, folder.name(entry), Vec::new()) {
            Ok(target) if std::str::from_utf8(target.as_bytes()).is_ok() => {
                let target = target.into_bytes().into_boxed_slice();
                self.records.except(path, Exception::Link(target));
            }
            Ok(target) => {
                let finding = Finding::new(Kind::NameNotUtf8, path.to_vec());
                let actual = format!("link to {}", printable(target.as_bytes()));
                return self.findings.push(finding.actual(actual));
            }
            Err(Errno::NOENT | Errno::INVAL) => {
                return self.findings.push(Finding::new(Kind::Changing, path.to_vec()));
            }
            Err(errno) => return self.findings.push(Finding::of_errno(errno, path.to_vec())),
        }
        if self.scan.request.rules.owners {
            match stat_entry(&folder.fd, folder.name(entry)) {
                Ok(stat) => self.owner_of(path, &stat),
                Err(errno) => self.findings.push(Finding::of_errno(errno, path.to_vec())),
            }
        }
    }
}

/// Why an entry cannot be sealed.
pub(crate) fn refused(refusal: Refusal, path: Vec<u8>) -> Finding {
    match refusal {
        Refusal::Mount => Finding::new(Kind::MountPoint, path).actual("another file system"),
        Refusal::Gone => Finding::new(Kind::Changing, path).actual("gone while scanned"),
        Refusal::Replaced => Finding::new(Kind::Changing, path).actual("replaced while scanned"),
        Refusal::Failed(errno) => Finding::of_errno(errno, path),
    }
}
