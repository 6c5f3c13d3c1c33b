//! One thread's part of a comparison: folders, and what in them is not a sealed file.
//!
//! Guarantees: a folder is opened below its parent's descriptor, joined with the entries sealed below
//! it, and hands each part to its own task. Files are left to `file`.

use std::ops::Range;
use std::sync::Arc;

use rustix::fs::{fstat, readlinkat};
use rustix::io::Errno;

use super::Shared;
use crate::expected::What;
use crate::finding::{Finding, Kind, printable};
use crate::folder::{Folder, without_slash};
use crate::free;
use crate::hard_links::Name;
use crate::hasher::Hasher;
use crate::join::{Group, Match, is_sealed, join, name_of};
use crate::listing::Listing;
use crate::open::{Refusal, Type, stat_entry};
use crate::path::MAX_PATH;
use crate::pool::{Queue, Work};
use crate::scan::{mode_of, open_root, owner_of};

/// Files of one task. Fewer are looked at by the thread that listed their folder.
const BATCH: usize = 64;

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
            Task::Files { folder, jobs } => self.files(&folder, &jobs),
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

    /// Join a folder's listing with what is sealed there; say whether the scan sees anything in it.
    fn entries(
        &mut self,
        folder: &Arc<Folder>,
        sealed: Range<u32>,
        queue: &Queue<'_, Task>,
    ) -> bool {
        let shared = self.shared;
        let mut visible = false;
        let mut jobs = Vec::new();
        let mut tasks = Vec::new();
        let prefix = folder.prefix.len();
        join(&folder.listing, &shared.expected, prefix, sealed.clone(), |found| match found {
            Match::Both(entry, group) => {
                visible = true;
                self.both(folder, entry, group, &mut jobs, &mut tasks);
            }
            Match::Listed(entry) => {
                visible |= self.unsealed(folder, entry, &sealed, &mut tasks);
            }
            Match::Sealed(group) => self.absent(folder, group),
        });
        let inline = jobs.len() <= BATCH;
        if !inline {
            tasks.extend(
                jobs.chunks(BATCH)
                    .map(|jobs| Task::Files { folder: Arc::clone(folder), jobs: jobs.to_vec() }),
            );
        }
        if !tasks.is_empty() {
            queue.push(tasks);
        }
        if inline {
            self.files(folder, &jobs);
        }
        visible
    }

    /// Handle a name that is listed and sealed.
    fn both(
        &mut self,
        folder: &Arc<Folder>,
        entry: u32,
        group: Group,
        jobs: &mut Vec<Job>,
        tasks: &mut Vec<Task>,
    ) {
        let sealed = group.entries;
        let first = sealed.start;
        let what = self.shared.expected.what(first);
        let parent = || Arc::clone(folder);
        if group.is_folder {
            if what == What::MutableFolder {
                tasks.push(Task::Mutable { parent: parent(), entry });
                return;
            }
            let length = folder.prefix.len() + folder.name(entry).len();
            let own = (self.shared.expected.path(first).len() == length).then_some(first);
            let sealed = first + u32::from(own.is_some())..sealed.end;
            tasks.push(Task::Folder { parent: parent(), entry, sealed, known: Known::Sealed(own) });
            return;
        }
        match (what, folder.kind(entry)) {
            (What::File, Type::File) => jobs.push(Job { entry, sealed: first }),
            (What::Link, Type::Link) => self.link(folder, entry, first),
            (What::MutableFile, Type::File) => {
                free::check_file(&self.shared.scan, folder, entry, &mut self.findings);
            }
            (what, kind) => self.replaced(folder.path(entry), what, kind),
        }
    }

    pub(crate) fn replaced(&mut self, path: Vec<u8>, what: What, kind: Type) {
        let finding = Finding::new(Kind::Type, path);
        self.findings.push(finding.expected(what.name()).actual(kind.name()));
    }

    fn link(&mut self, folder: &Folder, entry: u32, sealed: u32) {
        let expected = &self.shared.expected;
        let path = || folder.path(entry);
        match readlinkat(&folder.fd, folder.name(entry), Vec::new()) {
            Ok(target) => {
                let (wanted, actual) = (expected.target(sealed), target.as_bytes());
                if wanted != actual {
                    let finding = Finding::new(Kind::LinkTarget, path());
                    let finding = finding.expected(printable(wanted));
                    self.findings.push(finding.actual(printable(actual)));
                }
            }
            Err(Errno::NOENT) => return self.missing(sealed..sealed + 1),
            Err(Errno::INVAL) => {
                let finding = Finding::new(Kind::Type, path()).expected("link");
                return self.findings.push(finding.actual("replaced while scanned"));
            }
            Err(errno) => return self.findings.push(Finding::of_errno(errno, path())),
        }
        if self.shared.scan.request.rules.owners {
            match stat_entry(&folder.fd, folder.name(entry)) {
                Ok(stat) => self.judge_owner(expected.note(sealed), &stat, &path),
                Err(errno) => self.findings.push(Finding::of_errno(errno, path())),
            }
        }
    }

    /// Handle an entry that is not sealed as what it is; say whether the scan sees it.
    fn unsealed(
        &mut self,
        folder: &Arc<Folder>,
        entry: u32,
        sealed: &Range<u32>,
        tasks: &mut Vec<Task>,
    ) -> bool {
        let scan = &self.shared.scan;
        let (kind, path) = (folder.kind(entry), folder.path(entry));
        let is_folder = kind == Type::Folder;
        let (expected, prefix) = (&self.shared.expected, folder.prefix.len());
        let parent = Arc::clone(folder);
        if is_sealed(expected, prefix, sealed.clone(), folder.name(entry), !is_folder) {
            // `absent` reports the change of type.
            if is_folder {
                tasks.push(Task::Folder { parent, entry, sealed: 0..0, known: Known::Reported });
            }
            return true;
        }
        if scan.ignores(&path, is_folder) {
            return false;
        }
        if scan.request.rules.is_mutable(&path, is_folder) {
            match kind {
                Type::File => free::check_file(scan, folder, entry, &mut self.findings),
                Type::Folder => tasks.push(Task::Mutable { parent, entry }),
                _ => self.findings.push(free::misplaced(kind, path)),
            }
        } else if is_folder && path.len() < MAX_PATH {
            tasks.push(Task::Folder { parent, entry, sealed: 0..0, known: Known::New });
        } else {
            self.new_entry(folder, entry, path);
        }
        true
    }

    fn new_entry(&mut self, folder: &Folder, entry: u32, path: Vec<u8>) {
        let kind = folder.kind(entry);
        let mut actual = kind.name().to_owned();
        if kind == Type::File {
            match stat_entry(&folder.fd, folder.name(entry)) {
                Ok(stat) => {
                    actual = format!("file of {} bytes", stat.st_size);
                    self.names.extend(Name::of(&stat, None));
                }
                Err(Errno::NOENT) => return,
                Err(errno) => self.findings.push(Finding::of_errno(errno, path.clone())),
            }
        }
        self.findings.push(Finding::new(Kind::New, path).actual(actual));
    }

    /// Handle what is sealed and not listed as what it is.
    fn absent(&mut self, folder: &Folder, group: Group) {
        let expected = &self.shared.expected;
        let first = group.entries.start;
        let (name, _) = name_of(expected, first, folder.prefix.len());
        let other: Vec<u8> = if group.is_folder { name.to_vec() } else { [name, b"/"].concat() };
        let Some(instead) = folder.listing.find(&other) else {
            return self.missing(group.entries);
        };
        let path = [&folder.prefix, name].concat();
        let what = if group.is_folder { What::Folder } else { expected.what(first) };
        let own = group.is_folder && expected.path(first).len() == path.len();
        self.replaced(path, what, folder.listing.kind(instead));
        if group.is_folder {
            self.missing(first + u32::from(own)..group.entries.end);
        }
    }

    /// Report sealed entries as missing. A folder counts by what is in it, unless nothing is.
    pub(crate) fn missing(&mut self, sealed: Range<u32>) {
        let expected = &self.shared.expected;
        for at in sealed.clone() {
            let path = expected.path(at);
            let wanted = match expected.what(at) {
                What::File => expected.hex(at).to_owned(),
                What::Link => format!("link to {}", printable(expected.target(at))),
                What::Folder => {
                    let next = (at + 1 < sealed.end).then(|| expected.path(at + 1));
                    let rest = next.and_then(|next| next.strip_prefix(path));
                    if rest.is_some_and(|rest| rest.starts_with(b"/")) {
                        continue;
                    }
                    "folder".to_owned()
                }
                what @ (What::MutableFile | What::MutableFolder) => what.name().to_owned(),
            };
            let finding = Finding::new(Kind::Missing, path.to_vec()).expected(wanted);
            self.findings.push(finding);
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
