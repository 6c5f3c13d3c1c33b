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
use super::part::Looked;
use super::plan::Depth;
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

/// How far a folder is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// With everything in it.
    Whole,
    /// Itself, and nothing in it.
    Own,
    /// As the plan's node says.
    Part(u32),
}

/// What is known of a folder that is to be opened.
#[derive(Clone, Debug)]
pub(crate) struct Visit {
    /// Below it.
    pub(crate) sealed: Range<u32>,
    pub(crate) known: Known,
    pub(crate) step: Step,
    /// The folder it lies in was listed just now; otherwise that was only on the way.
    pub(crate) listed: bool,
}

/// A listed file and what it must be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Job {
    pub(crate) entry: u32,
    pub(crate) sealed: u32,
}

pub(crate) enum Task {
    Root,
    Folder { parent: Arc<Folder>, entry: u32, visit: Visit },
    Files { folder: Arc<Folder>, jobs: Vec<Job> },
    Mutable { parent: Arc<Folder>, entry: u32, step: Step, listed: bool },
}

pub(crate) struct Worker<'a> {
    pub(crate) shared: &'a Shared<'a>,
    pub(crate) hasher: Hasher<'a>,
    buffer: Vec<u8>,
    pub(crate) findings: Vec<Finding>,
    /// Names of files that have several.
    pub(crate) names: Vec<Name>,
    pub(crate) verified: usize,
    pub(crate) part: Looked,
    pub(crate) root_failed: Option<Errno>,
}

impl Work for Worker<'_> {
    type Task = Task;

    fn run(&mut self, task: Task, queue: &Queue<'_, Task>) {
        match task {
            Task::Root => self.root(queue),
            Task::Folder { parent, entry, visit } => self.folder(parent, entry, visit, queue),
            Task::Files { folder, jobs } => self.files(&folder, &jobs, queue),
            Task::Mutable { parent, entry, step, listed } => {
                self.mutable_folder(&parent, entry, step, listed, queue);
            }
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
            part: Looked::default(),
            root_failed: None,
        }
    }

    fn root(&mut self, queue: &Queue<'_, Task>) {
        let scan = &self.shared.scan;
        let sealed = 0..self.shared.expected.len();
        let depth = self.shared.partial.as_ref().map(|partial| partial.plan.depth(0));
        let step = match depth {
            None => Step::Whole,
            Some(Depth::Deep) => {
                self.replace_whole(b"", sealed.clone());
                Step::Whole
            }
            Some(_) => Step::Part(0),
        };
        let done = open_root(scan.request.root).and_then(|fd| {
            if depth == Some(Depth::Through) {
                self.through(fd, Box::default(), &sealed, 0, queue);
                return Ok(());
            }
            scan.announce(&fd, b"", false);
            let listing = Listing::read(&fd, &mut self.buffer, scan.keeps(b""))?;
            let root = Arc::new(Folder { fd, prefix: Box::default(), listing });
            self.entries(&root, sealed, step, queue);
            Ok(())
        });
        self.root_failed = done.err();
    }

    fn folder(&mut self, parent: Arc<Folder>, entry: u32, visit: Visit, queue: &Queue<'_, Task>) {
        let scan = &self.shared.scan;
        let prefix = parent.prefix_of(entry);
        let path = || without_slash(&prefix).to_vec();
        let fd = match scan.opener.folder(&parent.fd, parent.name(entry), false) {
            Ok(fd) => fd,
            Err(refusal) => {
                return self.folder_not_opened(&parent, entry, &prefix, visit, refusal);
            }
        };
        // Its descriptor is not needed any more, so a deep tree does not hold one for each level.
        drop(parent);
        let Visit { sealed, known, step, listed } = visit;
        let through = self.is_through(step);
        if let Known::Sealed(own) = known
            && (listed || !through)
        {
            match fstat(&fd) {
                Ok(stat) => self.judge_folder(own, &stat, &path),
                Err(errno) => self.findings.push(Finding::of_errno(errno, path())),
            }
        }
        match step {
            Step::Own => return,
            Step::Part(node) if through => return self.through(fd, prefix, &sealed, node, queue),
            Step::Part(_) | Step::Whole => {}
        }
        scan.announce(&fd, &prefix, false);
        let listing = match Listing::read(&fd, &mut self.buffer, scan.keeps(&prefix)) {
            Ok(listing) => listing,
            Err(errno) => {
                if step != Step::Whole {
                    self.replace_whole(&prefix, sealed);
                }
                return self.findings.push(Finding::of_errno(errno, path()));
            }
        };
        let folder = Arc::new(Folder { fd, prefix, listing });
        let visible = self.entries(&folder, sealed, step, queue);
        if !visible && known == Known::New {
            let path = without_slash(&folder.prefix).to_vec();
            self.findings.push(Finding::new(Kind::New, path).actual("folder"));
        }
    }

    fn folder_not_opened(
        &mut self,
        parent: &Folder,
        entry: u32,
        prefix: &[u8],
        visit: Visit,
        refusal: Refusal,
    ) {
        if !visit.listed {
            self.part.whole_needed = true;
            return;
        }
        let Visit { sealed, known, step, .. } = visit;
        if step != Step::Whole {
            self.replace_whole(prefix, sealed.clone());
        }
        let path = without_slash(prefix).to_vec();
        match refusal {
            Refusal::Failed(errno) => self.findings.push(Finding::of_errno(errno, path)),
            Refusal::Mount => {
                let finding = Finding::new(Kind::MountPoint, path);
                self.findings.push(finding.actual("another file system"));
            }
            Refusal::Gone => {
                if let Known::Sealed(own) = known {
                    self.missing(own.unwrap_or(sealed.start)..sealed.end);
                }
            }
            Refusal::Replaced => {
                let finding = Finding::new(Kind::Type, path).expected("folder");
                let actual = stat_entry(&parent.fd, parent.name(entry));
                let actual = actual.map_or("replaced while scanned", |stat| Type::of(&stat).name());
                self.findings.push(finding.actual(actual));
                self.missing(sealed);
            }
        }
    }

    fn is_through(&self, step: Step) -> bool {
        match (step, &self.shared.partial) {
            (Step::Part(node), Some(partial)) => partial.plan.depth(node) == Depth::Through,
            _ => false,
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

    fn mutable_folder(
        &mut self,
        parent: &Folder,
        entry: u32,
        step: Step,
        listed: bool,
        queue: &Queue<'_, Task>,
    ) {
        let scan = &self.shared.scan;
        let (buffer, findings) = (&mut self.buffer, &mut self.findings);
        let Some(folder) = free::open_folder(scan, parent, entry, buffer, findings) else {
            if !listed {
                self.part.whole_needed = true;
            } else if step != Step::Whole {
                self.replace_whole(&parent.prefix_of(entry), 0..0);
            }
            return;
        };
        let folder = Arc::new(folder);
        if let Step::Part(node) = step {
            return self.mutable_part(&folder, node, queue);
        }
        let (below, linked) = free::check_entries(scan, &folder, findings);
        self.mutable_linked(linked);
        queue.push(below.into_iter().map(|entry| {
            let parent = Arc::clone(&folder);
            Task::Mutable { parent, entry, step: Step::Whole, listed: true }
        }));
    }
}
