//! One thread's part of a comparison: what a folder lists beside what is sealed there.
//!
//! Guarantees: every name on either side is compared, handed to a task, or reported, exactly once. A
//! name whose type changed is reported as that, and what was sealed below it as missing.

use std::ops::Range;
use std::sync::Arc;

use rustix::fs::readlinkat;
use rustix::io::Errno;

use super::worker::{Job, Known, Step, Task, Visit, Worker};
use crate::expected::What;
use crate::finding::{Finding, Kind, printable};
use crate::folder::Folder;
use crate::free;
use crate::hard_links::Name;
use crate::join::{Group, Match, find, join, name_of};
use crate::open::{Type, stat_entry};
use crate::path::MAX_PATH;
use crate::pool::Queue;

/// Files of one task. Fewer are looked at by the thread that listed their folder.
const BATCH: usize = 64;

/// What comes of a folder's entries.
struct Found {
    /// How far the folder is looked at.
    step: Step,
    jobs: Vec<Job>,
    tasks: Vec<Task>,
    /// Of the findings before: what lies below entries that are left as they were.
    left: Vec<Range<usize>>,
}

impl Worker<'_> {
    /// Join a folder's listing with what is sealed there; say whether the scan sees anything in it.
    pub(crate) fn entries(
        &mut self,
        folder: &Arc<Folder>,
        sealed: Range<u32>,
        step: Step,
        queue: &Queue<'_, Task>,
    ) -> bool {
        let shared = self.shared;
        let mut visible = false;
        let mut found = Found { step, jobs: Vec::new(), tasks: Vec::new(), left: Vec::new() };
        let prefix = folder.prefix.len();
        join(&folder.listing, &shared.expected, prefix, sealed.clone(), |one| match one {
            Match::Both(entry, group) => {
                visible = true;
                self.both(folder, entry, group, &mut found);
            }
            Match::Listed(entry) => {
                visible |= self.unsealed(folder, entry, &sealed, &mut found);
            }
            Match::Sealed(group) => {
                if step != Step::Whole {
                    self.replace_sealed(group.entries.clone());
                }
                self.absent(folder, group);
            }
        });
        let Found { jobs, mut tasks, left, .. } = found;
        if step != Step::Whole {
            self.replace_entries(&folder.prefix, &left);
        }
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
            self.files(folder, &jobs, queue);
        }
        visible
    }

    /// Handle a name that is listed and sealed.
    fn both(&mut self, folder: &Arc<Folder>, entry: u32, group: Group, found: &mut Found) {
        let shared = self.shared;
        let expected = &shared.expected;
        let first = group.entries.start;
        let what = expected.what(first);
        if group.is_folder {
            if what == What::MutableFolder {
                return self.enter_mutable(folder, entry, found);
            }
            let step = match found.step {
                Step::Part(node) => self.step_into(node, folder, entry, &group, &mut found.left),
                Step::Own | Step::Whole => Step::Whole,
            };
            let own = group.own(expected, folder.prefix.len() + folder.name(entry).len());
            let sealed = first + u32::from(own.is_some())..group.entries.end;
            let visit = Visit { sealed, known: Known::Sealed(own), step, listed: true };
            found.tasks.push(Task::Folder { parent: Arc::clone(folder), entry, visit });
            return;
        }
        if found.step != Step::Whole {
            self.replace_sealed(group.entries);
        }
        match (what, folder.kind(entry)) {
            (What::File, Type::File) => found.jobs.push(Job { entry, sealed: first }),
            (What::Link, Type::Link) => self.link(folder, entry, first),
            (What::MutableFile, Type::File) => {
                let linked = free::check_file(&shared.scan, folder, entry, &mut self.findings);
                self.mutable_linked(linked);
            }
            (what, kind) => self.replaced(folder.path(entry), what, kind),
        }
    }

    fn enter_mutable(&self, folder: &Arc<Folder>, entry: u32, found: &mut Found) {
        let step = match found.step {
            Step::Part(node) => self.step_into_mutable(node, folder, entry, &mut found.left),
            Step::Own | Step::Whole => Some(Step::Whole),
        };
        let parent = || Arc::clone(folder);
        let task = |step| Task::Mutable { parent: parent(), entry, step, listed: true };
        found.tasks.extend(step.map(task));
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
        found: &mut Found,
    ) -> bool {
        let scan = &self.shared.scan;
        let (kind, path) = (folder.kind(entry), folder.path(entry));
        let is_folder = kind == Type::Folder;
        let (expected, prefix) = (&self.shared.expected, folder.prefix.len());
        let task = |known| {
            let visit = Visit { sealed: 0..0, known, step: Step::Whole, listed: true };
            Task::Folder { parent: Arc::clone(folder), entry, visit }
        };
        if find(expected, prefix, sealed.clone(), folder.name(entry), !is_folder).is_some() {
            // `absent` reports the change of type.
            if is_folder {
                found.tasks.push(task(Known::Reported));
            }
            return true;
        }
        if scan.ignores(&path, is_folder) {
            return false;
        }
        if scan.request.rules.is_mutable(&path, is_folder) {
            match kind {
                Type::File => {
                    let linked = free::check_file(scan, folder, entry, &mut self.findings);
                    self.mutable_linked(linked);
                }
                Type::Folder => self.enter_mutable(folder, entry, found),
                _ => self.findings.push(free::misplaced(kind, path)),
            }
        } else if is_folder && path.len() < MAX_PATH {
            found.tasks.push(task(Known::New));
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
                What::File => expected.hex(at).into_owned(),
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
}
