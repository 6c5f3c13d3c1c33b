//! One thread's part of a comparison of parts: which folders it enters, and what it thereby replaces.
//!
//! Guarantees: what is looked at is what a comparison of the whole would find there, and every finding
//! of the comparison before that it could make again or not is replaced: about the folder, its entries,
//! and everything below those that are not left as they were. What cannot be known from the part alone
//! asks for a comparison of the whole.
//!
//! A folder that was moved away and another that was moved in under its name look alike from above:
//! whoever names the parts names what appeared as deep.

use std::ops::Range;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use super::kept::{Kept, without};
use super::plan::{Depth, Plan};
use super::worker::{Known, Step, Task, Visit, Worker};
use crate::expected::What;
use crate::finding::{Finding, Kind};
use crate::folder::{Folder, without_slash};
use crate::free;
use crate::join::{Group, find};
use crate::listing::Listing;
use crate::open::{Type, stat_entry};
use crate::path::MAX_PATH;
use crate::pool::Queue;

/// What a folder may have that was open to the comparison before.
const OPENED: &[Kind] = &[Kind::Mode, Kind::Owner];

/// What a comparison of parts is given.
pub(crate) struct Partial<'a> {
    pub(crate) plan: Plan,
    pub(crate) before: Kept<'a>,
}

/// What a thread's parts replace.
#[derive(Debug, Default)]
pub(crate) struct Looked {
    /// Of the findings before.
    pub(crate) findings: Vec<Range<usize>>,
    /// Of the table.
    pub(crate) sealed: Vec<Range<u32>>,
    /// Files with several names that are what they were.
    pub(crate) unchanged: Vec<u32>,
    /// The parts do not tell.
    pub(crate) whole_needed: bool,
}

impl Looked {
    pub(crate) fn add(&mut self, other: Self) {
        self.findings.extend(other.findings);
        self.sealed.extend(other.sealed);
        self.unchanged.extend(other.unchanged);
        self.whole_needed |= other.whole_needed;
    }
}

impl<'a> Worker<'a> {
    fn partial(&self) -> &'a Partial<'a> {
        self.shared.partial.as_ref().expect("only parts have such steps")
    }

    /// Look anew at sealed entries.
    pub(crate) fn replace_sealed(&mut self, sealed: Range<u32>) {
        if let Some(memory) = &self.shared.memory {
            memory.files.reset(sealed.clone());
        }
        match self.part.sealed.last_mut() {
            Some(last) if last.end == sealed.start => last.end = sealed.end,
            _ => self.part.sealed.push(sealed),
        }
    }

    /// Look anew at a folder and everything below it.
    pub(crate) fn replace_whole(&mut self, prefix: &[u8], sealed: Range<u32>) {
        let before = self.partial().before;
        self.part.findings.push(before.below(prefix));
        if !prefix.is_empty() {
            self.part.findings.push(before.at(without_slash(prefix)));
        }
        self.replace_sealed(sealed);
    }

    /// Look anew at a folder and its entries, but for what lies below some of them.
    pub(crate) fn replace_entries(&mut self, prefix: &[u8], left: &[Range<usize>]) {
        let before = self.partial().before;
        self.part.findings.extend(without(before.below(prefix), left));
        if !prefix.is_empty() {
            self.part.findings.push(before.at(without_slash(prefix)));
        }
    }

    /// Say how to go into a folder that is listed and sealed as one, in a folder that is looked at.
    pub(crate) fn step_into(
        &mut self,
        node: u32,
        folder: &Folder,
        entry: u32,
        group: &Group,
        left: &mut Vec<Range<usize>>,
    ) -> Step {
        let Partial { plan, before } = self.partial();
        let child = plan.child(node, folder.name(entry));
        let deep = child.is_some_and(|child| plan.depth(child) == Depth::Deep);
        if deep || !self.was_open(&folder.path(entry), group.entries.clone()) {
            self.replace_sealed(group.entries.clone());
            return Step::Whole;
        }
        left.push(before.below(&folder.prefix_of(entry)));
        child.map_or(Step::Own, Step::Part)
    }

    /// Say how to go into a mutable folder in one that is looked at; None: not at all.
    pub(crate) fn step_into_mutable(
        &self,
        node: u32,
        folder: &Folder,
        entry: u32,
        left: &mut Vec<Range<usize>>,
    ) -> Option<Step> {
        let Partial { plan, before } = self.partial();
        let child = plan.child(node, folder.name(entry));
        let deep = child.is_some_and(|child| plan.depth(child) == Depth::Deep);
        if deep || !before.only(&folder.path(entry), &[]) {
            return Some(Step::Whole);
        }
        left.push(before.below(&folder.prefix_of(entry)));
        child.map(Step::Part)
    }

    /// Say whether the comparison before went into a sealed folder.
    fn was_open(&self, path: &[u8], sealed: Range<u32>) -> bool {
        let (before, expected) = (self.partial().before, &self.shared.expected);
        // Where the folder was not there, what is sealed below it is missing, from first to last.
        let is_missing = |at: u32| before.has(expected.path(at), Kind::Missing);
        let mut leaves = sealed.clone().filter(|at| expected.what(*at) != What::Folder);
        let first = leaves.next().unwrap_or(sealed.end - 1);
        before.only(path, OPENED) && !(is_missing(first) && is_missing(sealed.end - 1))
    }

    /// Say whether the comparison before found a folder where a leaf is sealed.
    fn was_replaced(&self, path: &[u8]) -> bool {
        let Kept(findings) = self.partial().before;
        let is_folder = |finding: &Finding| {
            finding.kind == Kind::Type && finding.actual.as_deref() == Some(Type::Folder.name())
        };
        findings[self.partial().before.at(path)].iter().any(is_folder)
    }

    /// Go on to the folders of the plan that lie in one that is itself only on the way.
    pub(crate) fn through(
        &mut self,
        fd: OwnedFd,
        prefix: Box<[u8]>,
        sealed: &Range<u32>,
        node: u32,
        queue: &Queue<'_, Task>,
    ) {
        let (scan, plan) = (&self.shared.scan, &self.partial().plan);
        let names = plan.names(node).filter(|name| scan.keeps(&prefix)(name));
        let names: Vec<&[u8]> = names.collect();
        let is_folder =
            |name: &&[u8]| stat_entry(&fd, name).is_ok_and(|stat| Type::of(&stat) == Type::Folder);
        if !names.iter().all(is_folder) {
            self.part.whole_needed = true;
            return;
        }
        let Ok(listing) = Listing::of_folders(names) else {
            self.part.whole_needed = true;
            return;
        };
        let folder = Arc::new(Folder { fd, prefix, listing });
        let mut tasks = Vec::new();
        for entry in 0..folder.entries() {
            tasks.extend(self.on_the_way(&folder, entry, sealed, node));
        }
        queue.push(tasks);
    }

    fn on_the_way(
        &mut self,
        folder: &Arc<Folder>,
        entry: u32,
        sealed: &Range<u32>,
        node: u32,
    ) -> Option<Task> {
        let (scan, expected) = (&self.shared.scan, &self.shared.expected);
        let (path, name, parent) = (folder.path(entry), folder.name(entry), Arc::clone(folder));
        let child = self.partial().plan.child(node, name)?;
        let depth = self.partial().plan.depth(child);
        let within =
            |is_folder| find(expected, folder.prefix.len(), sealed.clone(), name, is_folder);
        // Whoever could not enter it before knows nothing of what lies below it.
        let (known, group, was_open) = if let Some(group) = within(true) {
            if expected.what(group.entries.start) == What::MutableFolder {
                return self.on_the_way_mutable(parent, entry, child);
            }
            let was_open = self.was_open(&path, group.entries.clone());
            (Known::Sealed(group.own(expected, path.len())), group.entries, was_open)
        } else if let Some(leaf) = within(false) {
            if !self.was_replaced(&path) {
                self.part.whole_needed = true;
                return None;
            }
            let was_open = self.partial().before.only(&path, &[Kind::Type]);
            if depth != Depth::Through {
                self.replace_sealed(leaf.entries.clone());
                self.replaced(path, expected.what(leaf.entries.start), Type::Folder);
            }
            (Known::Reported, 0..0, was_open)
        } else if scan.ignores(&path, true) {
            return None;
        } else if scan.request.rules.is_mutable(&path, true) {
            return self.on_the_way_mutable(parent, entry, child);
        } else if path.len() < MAX_PATH {
            (Known::New, 0..0, self.partial().before.only(&path, &[]))
        } else {
            self.part.whole_needed = true;
            return None;
        };
        if depth == Depth::Through && !was_open {
            self.part.whole_needed = true;
            return None;
        }
        let step = if depth == Depth::Deep || !was_open {
            self.replace_whole(&folder.prefix_of(entry), group.clone());
            Step::Whole
        } else {
            Step::Part(child)
        };
        let own = matches!(known, Known::Sealed(Some(_)));
        let sealed = group.start + u32::from(own)..group.end;
        Some(Task::Folder { parent, entry, visit: Visit { sealed, known, step, listed: false } })
    }

    fn on_the_way_mutable(&mut self, parent: Arc<Folder>, entry: u32, child: u32) -> Option<Task> {
        let depth = self.partial().plan.depth(child);
        // Whatever is found at a mutable folder says that it could not be entered.
        let was_open = self.partial().before.only(&parent.path(entry), &[]);
        if depth == Depth::Through && !was_open {
            self.part.whole_needed = true;
            return None;
        }
        let step = if depth == Depth::Deep || !was_open {
            self.replace_whole(&parent.prefix_of(entry), 0..0);
            Step::Whole
        } else {
            Step::Part(child)
        };
        Some(Task::Mutable { parent, entry, step, listed: false })
    }

    /// Who writes to a mutable file changes sealed ones that are the same file.
    pub(crate) fn mutable_linked(&mut self, linked: bool) {
        self.part.whole_needed |= linked && self.shared.partial.is_some();
    }

    /// Look at a mutable folder, or go on to those of the plan that lie in it.
    pub(crate) fn mutable_part(
        &mut self,
        folder: &Arc<Folder>,
        node: u32,
        queue: &Queue<'_, Task>,
    ) {
        let scan = &self.shared.scan;
        let plan = &self.partial().plan;
        let mut tasks = Vec::new();
        if plan.depth(node) == Depth::Through {
            for name in plan.names(node) {
                let path = [&folder.prefix, name].concat();
                if !scan.keeps(&folder.prefix)(name) || scan.ignores(&path, true) {
                    continue;
                }
                let found = folder.listing.find(&[name, b"/"].concat());
                let (Some(entry), Some(child)) = (found, plan.child(node, name)) else {
                    self.part.whole_needed = true;
                    return;
                };
                let entry = u32::try_from(entry).expect("a listing below 4 GiB");
                tasks.extend(self.on_the_way_mutable(Arc::clone(folder), entry, child));
            }
            return queue.push(tasks);
        }
        let mut left = Vec::new();
        let (below, linked) = free::check_entries(scan, folder, &mut self.findings);
        self.mutable_linked(linked);
        for entry in below {
            if let Some(step) = self.step_into_mutable(node, folder, entry, &mut left) {
                tasks.push(Task::Mutable { parent: Arc::clone(folder), entry, step, listed: true });
            }
        }
        self.replace_entries(&folder.prefix, &left);
        queue.push(tasks);
    }
}
