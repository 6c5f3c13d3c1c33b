//! What is watched now, and what one event means for it.
//!
//! Guarantees:
//! - Events of a folder that is not watched any more say nothing: where it is now, if it is in the tree
//!   at all, it was named as wholly unknown.
//! - The order of one reading's events does not matter for what is named: fanotify merges events of one
//!   name into the earliest, so whatever is dropped is named as unknown as well.

use std::collections::{BTreeSet, HashMap};
use std::os::fd::{AsRawFd as _, BorrowedFd};

use rustix::fs::inotify::{self, ReadFlags, WatchFlags};
use rustix::io::Errno;

use super::changes::Changes;
use super::table::{Table, Watch};
use super::{Filter, Queue};

/// As in `duri_fanotify`. Not `EXCL_UNLINK`: an unlinked name may be open for writing while another
/// name of the file is still in the tree.
const MASK: WatchFlags = WatchFlags::MODIFY
    .union(WatchFlags::ATTRIB)
    .union(WatchFlags::CLOSE_WRITE)
    .union(WatchFlags::CREATE)
    .union(WatchFlags::DELETE)
    .union(WatchFlags::MOVED_FROM)
    .union(WatchFlags::MOVED_TO)
    .union(WatchFlags::DELETE_SELF)
    .union(WatchFlags::MOVE_SELF)
    .union(WatchFlags::ONLYDIR);

const APPEARED: ReadFlags = ReadFlags::CREATE.union(ReadFlags::MOVED_TO);
const LEFT: ReadFlags = ReadFlags::DELETE.union(ReadFlags::MOVED_FROM);
const GONE: ReadFlags = ReadFlags::DELETE_SELF.union(ReadFlags::MOVE_SELF);
const CONTENT: ReadFlags = ReadFlags::MODIFY.union(ReadFlags::CLOSE_WRITE);

/// Why a folder is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Scanned,
    Artifacts,
}

/// One event of a watched folder, from either source: fanotify's numbers are those of inotify.
#[derive(Debug)]
pub(super) struct Event<'a> {
    pub(super) key: u64,
    pub(super) mask: ReadFlags,
    /// None for the folder itself.
    pub(super) name: Option<&'a [u8]>,
    pub(super) pid: i32,
}

#[derive(Debug, Default)]
pub(super) struct State {
    table: Table,
    /// fanotify: a number for each folder whose events may come, watched now or before.
    numbers: HashMap<Box<[u8]>, u64>,
    next: u64,
    /// Where the root is, as the kernel says; asked when a folder seems to have two paths.
    root: Option<Vec<u8>>,
    refused: BTreeSet<Box<[u8]>>,
    refusal: Option<Errno>,
}

impl State {
    pub(super) fn add(
        &mut self,
        queue: &Queue,
        filter: &Filter,
        folder: BorrowedFd<'_>,
        path: &[u8],
        role: Role,
    ) -> Result<(), Errno> {
        let key = match self.ask(queue, folder) {
            Ok(key) => key,
            Err(errno) => {
                self.refused.insert(path.into());
                self.refusal = Some(errno);
                return Err(errno);
            }
        };
        self.refused.remove(path);
        let mut watch = self.table.get(key).cloned().unwrap_or_default();
        if role == Role::Artifacts {
            watch.artifacts = true;
        } else {
            if path.is_empty() {
                self.root = place_of(folder);
            }
            if watch.path.as_deref().is_some_and(|known| self.is_at(folder, known, path)) {
                return Ok(());
            }
            watch.path = Some(path.into());
            watch.free = is_free(filter, path);
        }
        self.table.set(key, watch);
        Ok(())
    }

    /// Ask the kernel for a folder's events; give the number that they will carry.
    fn ask(&mut self, queue: &Queue, folder: BorrowedFd<'_>) -> Result<u64, Errno> {
        match queue {
            Queue::Inotify(queue) => {
                let place = proc_path(folder);
                let wd = inotify::add_watch(queue, place.as_str(), MASK)?;
                u64::try_from(wd).map_err(|_| Errno::INVAL)
            }
            Queue::Fanotify(group) => {
                let key = duri_fanotify::key_of(folder)?;
                group.mark(folder)?;
                let next = &mut self.next;
                Ok(*self.numbers.entry(key).or_insert_with(|| {
                    *next += 1;
                    *next
                }))
            }
        }
    }

    /// Say whether a folder that is watched is still where it is known to be.
    ///
    /// A scan that was held up between opening a folder and this call may come with an old path, after
    /// another scan has come with the new one.
    fn is_at(&self, folder: BorrowedFd<'_>, known: &[u8], path: &[u8]) -> bool {
        known == path
            || self.root.as_ref().is_some_and(|root| {
                place_of(folder)
                    == Some([root.strip_suffix(b"/").unwrap_or(root), known].join(&b'/'))
            })
    }

    /// The number of a folder that fanotify names by its handle.
    pub(super) fn number(&self, handle: &[u8]) -> Option<u64> {
        self.numbers.get(handle).copied()
    }

    /// The folder is deleted: its handle is not given again.
    pub(super) fn end_of(&mut self, handle: &[u8]) {
        self.numbers.remove(handle);
    }

    pub(super) fn watches(&self) -> usize {
        self.table.len()
    }

    pub(super) fn refused(&self) -> usize {
        self.refused.len()
    }

    pub(super) fn refusal(&self) -> Option<Errno> {
        self.refusal
    }

    pub(super) fn forget(&mut self, queue: &Queue) {
        let keys = self.table.clear();
        match queue {
            Queue::Inotify(queue) => {
                for key in keys {
                    remove(queue, key);
                }
            }
            Queue::Fanotify(group) => {
                // Events that wait still carry handles; without a number they say nothing.
                let _ = group.flush();
                self.numbers.clear();
            }
        }
        self.root = None;
        self.refused.clear();
        self.refusal = None;
    }

    /// Take one event into account.
    pub(super) fn take(
        &mut self,
        queue: &Queue,
        filter: &Filter,
        event: &Event<'_>,
        changes: &mut Changes,
    ) {
        let Some(watch) = self.table.get(event.key).cloned() else { return };
        changes.artifacts |= watch.artifacts;
        match (&watch.path, event.name) {
            (path, None) => self.of_folder(queue, event, path.as_deref(), changes),
            (Some(path), Some(name)) => {
                let name = if path.is_empty() { name.to_vec() } else { [path, name].join(&b'/') };
                self.of_name(queue, filter, event, &watch, &name, changes);
            }
            (None, Some(_)) => {}
        }
    }

    /// An event of a watched folder itself.
    fn of_folder(
        &mut self,
        queue: &Queue,
        event: &Event<'_>,
        path: Option<&[u8]>,
        changes: &mut Changes,
    ) {
        let ends = event.mask.intersects(GONE | ReadFlags::IGNORED | ReadFlags::UNMOUNT);
        if event.mask.contains(ReadFlags::UNMOUNT) {
            changes.lost = true;
            self.refused.insert(path.unwrap_or_default().into());
            self.refusal = Some(Errno::NODEV);
        }
        match path {
            Some(b"") => {
                changes.root_gone |= ends;
                changes.folder(b"", false);
            }
            Some(path) => {
                changes.folder(parent_of(path), false);
                if event.mask.contains(ReadFlags::MOVE_SELF) {
                    self.drop_below(queue, path);
                    // Its parent may be unwatched, and a scan may have found it where it is now.
                    changes.folder(path, true);
                }
                changes.origins.note(path, event.pid);
            }
            None => {}
        }
        if ends {
            self.drop_one(queue, event.key);
        }
    }

    /// An event of a name in a watched folder.
    fn of_name(
        &mut self,
        queue: &Queue,
        filter: &Filter,
        event: &Event<'_>,
        watch: &Watch,
        path: &[u8],
        changes: &mut Changes,
    ) {
        let is_folder = event.mask.contains(ReadFlags::ISDIR);
        let renames = event.mask.intersects(APPEARED | LEFT);
        if let Some(rest) = filter.exclude.as_deref().and_then(|exclude| exclude.strip_prefix(path))
        {
            if rest.is_empty() {
                changes.artifacts = true;
                return;
            }
            changes.artifacts |= rest.starts_with(b"/") && renames;
        }
        if is_folder && event.mask.intersects(LEFT) {
            self.refused.remove(path);
            // inotify keeps the order of events, so what appears here later is named later.
            let dropped = self.drop_below(queue, path);
            if dropped && matches!(queue, Queue::Fanotify(_)) {
                changes.folder(path, true);
            }
        }
        if filter.rules.ignores(path, is_folder) {
            return;
        }
        if !is_folder
            && CONTENT.contains(event.mask)
            && (watch.free || filter.rules.is_mutable(path, false))
        {
            return;
        }
        changes.folder(watch.path.as_deref().unwrap_or_default(), false);
        if is_folder && event.mask.intersects(APPEARED) {
            changes.folder(path, true);
        }
        changes.origins.note(path, event.pid);
    }

    /// Drop the watches at a path and below it; say whether there were any.
    fn drop_below(&mut self, queue: &Queue, path: &[u8]) -> bool {
        let keys = self.table.at_and_below(path);
        for key in &keys {
            self.drop_one(queue, *key);
        }
        !keys.is_empty()
    }

    fn drop_one(&mut self, queue: &Queue, key: u64) {
        // fanotify takes a mark away only from a folder that it is shown: it stays until the folder is
        // deleted or everything is forgotten, and its events have no watch.
        if self.table.remove(key).is_some()
            && let Queue::Inotify(queue) = queue
        {
            remove(queue, key);
        }
    }
}

fn remove(queue: &std::os::fd::OwnedFd, key: u64) {
    if let Ok(wd) = i32::try_from(key) {
        // Already gone with its folder, as often as not.
        let _ = inotify::remove_watch(queue, wd);
    }
}

fn proc_path(folder: BorrowedFd<'_>) -> String {
    format!("/proc/self/fd/{}", folder.as_raw_fd())
}

/// Where a folder is now, as the kernel says; None where it cannot be said.
fn place_of(folder: BorrowedFd<'_>) -> Option<Vec<u8>> {
    let place = rustix::fs::readlink(proc_path(folder).as_str(), Vec::new()).ok()?;
    Some(place.into_bytes())
}

fn parent_of(path: &[u8]) -> &[u8] {
    memchr::memrchr(b'/', path).map_or(b"", |end| &path[..end])
}

/// Say whether a folder or one above it may change freely, asked from the top as a scan does.
fn is_free(filter: &Filter, path: &[u8]) -> bool {
    let ends = memchr::memchr_iter(b'/', path).chain([path.len()]);
    ends.filter(|end| *end > 0).any(|end| filter.rules.is_mutable(&path[..end], true))
}
