//! What is watched now, and what one event means for it.
//!
//! Guarantees:
//! - Events of a folder that is not watched any more say nothing: where it is now, if it is in the tree
//!   at all, it was named as wholly unknown.
//! - The order of one reading's events does not matter for what is named: fanotify merges events of one
//!   name into the earliest, so whatever is dropped is named as unknown as well.
//! - A folder that is seen at several places is named at each.

use std::collections::HashMap;

use rustix::fs::inotify::{self, ReadFlags};
use rustix::io::Errno;

use super::adding::Asked;
use super::changes::Changes;
use super::refused::Refused;
use super::table::{Place, Table};
use super::{Filter, Queue};

const APPEARED: ReadFlags = ReadFlags::CREATE.union(ReadFlags::MOVED_TO);
const LEFT: ReadFlags = ReadFlags::DELETE.union(ReadFlags::MOVED_FROM);
const GONE: ReadFlags = ReadFlags::DELETE_SELF.union(ReadFlags::MOVE_SELF);
const CONTENT: ReadFlags = ReadFlags::MODIFY.union(ReadFlags::CLOSE_WRITE);

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
    pub(super) table: Table,
    /// fanotify: a number for each folder whose events may come, watched now or before.
    numbers: HashMap<Box<[u8]>, u64>,
    next: u64,
    /// Where the root is, as the kernel says; asked when a folder seems to have two paths.
    pub(super) root: Option<Vec<u8>>,
    pub(super) refused: Refused,
    /// How often watches were dropped: one that was asked for before may be among them.
    pub(super) dropped: u64,
    /// The walk of everything that began last.
    pub(super) walk: u32,
    /// Events were lost during this walk or after it, the ends of watches perhaps among them.
    lost: Option<u32>,
}

impl State {
    /// The number of a folder whose events were asked for.
    pub(super) fn key_of(&mut self, asked: Asked) -> u64 {
        match asked {
            Asked::Number(number) => number,
            Asked::Handle(handle) => *self.numbers.entry(handle).or_insert_with(|| {
                self.next += 1;
                self.next
            }),
        }
    }

    /// The number of a folder that fanotify names by its handle.
    pub(super) fn number(&self, handle: &[u8]) -> Option<u64> {
        self.numbers.get(handle).copied()
    }

    /// The folder is deleted. A file system may give its handle again, to a folder that is another:
    /// that one gets a number of its own.
    pub(super) fn end_of(&mut self, handle: &[u8]) {
        self.numbers.remove(handle);
    }

    /// Events were lost.
    pub(super) fn lose(&mut self) {
        self.lost = Some(self.walk);
    }

    /// A walk of everything begins.
    pub(super) fn begin(&mut self) -> u32 {
        self.walk += 1;
        self.walk
    }

    /// A walk of everything came to its end: what it did not come to is not there, where no event
    /// says so.
    pub(super) fn complete(&mut self, queue: &Queue, walk: u32) {
        self.refused.settle(walk);
        let all = self.lost.is_some_and(|lost| walk > lost);
        let swept = self.table.sweep(all, |place| place.walk >= walk);
        self.end(queue, swept);
        if all {
            self.lost = None;
            self.numbers.retain(|_, key| self.table.get(*key).is_some());
        }
    }

    pub(super) fn forget(&mut self, queue: &Queue) {
        let keys = self.table.clear();
        self.end(queue, keys);
        if let Queue::Fanotify(group) = queue {
            // Events that wait still carry handles; without a number they say nothing.
            let _ = group.flush();
            self.numbers.clear();
        }
        self.dropped += 1;
        self.root = None;
        self.refused = Refused::default();
        self.lost = None;
    }

    /// Take one event into account.
    pub(super) fn take(
        &mut self,
        queue: &Queue,
        filter: &Filter,
        event: &Event<'_>,
        changes: &mut Changes,
    ) {
        let Some(watch) = self.table.get(event.key) else { return };
        changes.artifacts |= watch.artifacts;
        let linked = watch.linked;
        let places: Vec<Place> = watch.places().cloned().collect();
        let Some(name) = event.name else {
            return self.of_folder(queue, event, &places, changes);
        };
        for place in &places {
            let path = match &*place.path {
                b"" => name.to_vec(),
                folder => [folder, name].join(&b'/'),
            };
            let free = !linked && (place.free || filter.rules.is_mutable(&path, false));
            self.of_name(queue, filter, event, (&place.path, &path, free), changes);
        }
    }

    /// An event of a watched folder itself.
    fn of_folder(
        &mut self,
        queue: &Queue,
        event: &Event<'_>,
        places: &[Place],
        changes: &mut Changes,
    ) {
        let ends = event.mask.intersects(GONE | ReadFlags::IGNORED | ReadFlags::UNMOUNT);
        if event.mask.contains(ReadFlags::UNMOUNT) {
            changes.lost = true;
            let path = places.first().map(|place| &*place.path).unwrap_or_default();
            self.refused.note(path, Errno::NODEV, self.walk);
        }
        for Place { path, .. } in places {
            if path.is_empty() {
                changes.root_gone |= ends;
                changes.folder(b"", false);
                continue;
            }
            changes.folder(parent_of(path), false);
            if event.mask.contains(ReadFlags::MOVE_SELF) {
                self.drop_below(queue, path);
                // Its parent may be unwatched, and a scan may have found it where it is now.
                changes.folder(path, true);
            }
            changes.origins.note(path, event.pid);
        }
        if ends && self.table.remove(event.key) {
            self.end(queue, vec![event.key]);
        }
    }

    /// An event of a name in a watched folder; `at`: the folder, the name's path, and whether its
    /// content may change.
    fn of_name(
        &mut self,
        queue: &Queue,
        filter: &Filter,
        event: &Event<'_>,
        at: (&[u8], &[u8], bool),
        changes: &mut Changes,
    ) {
        let (folder, path, free) = at;
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
            self.refused.remove_below(path);
            // inotify keeps the order of events, so what appears here later is named later.
            let dropped = self.drop_below(queue, path);
            if dropped && matches!(queue, Queue::Fanotify(_)) {
                changes.folder(path, true);
            }
        }
        if filter.rules.ignores(path, is_folder) {
            return;
        }
        if free && !is_folder && CONTENT.contains(event.mask) {
            return;
        }
        changes.folder(folder, false);
        if is_folder && event.mask.intersects(APPEARED) {
            changes.folder(path, true);
        }
        changes.origins.note(path, event.pid);
    }

    /// Drop what is watched at a path and below it; say whether there was anything.
    fn drop_below(&mut self, queue: &Queue, path: &[u8]) -> bool {
        let places = self.table.at_and_below(path);
        let mut gone = Vec::new();
        for (path, key) in &places {
            if self.table.retain(*key, |place| place.path != *path) {
                gone.push(*key);
            }
        }
        self.end(queue, gone);
        !places.is_empty()
    }

    /// End the watches of folders that are not in the table any more.
    fn end(&mut self, queue: &Queue, keys: Vec<u64>) {
        if keys.is_empty() {
            return;
        }
        self.dropped += 1;
        // fanotify takes a mark away only from a folder that it is shown: it stays until the folder is
        // deleted or everything is forgotten, and its events have no watch.
        if let Queue::Inotify(queue) = queue {
            for key in keys {
                if let Ok(wd) = i32::try_from(key) {
                    // Already gone with its folder, as often as not.
                    let _ = inotify::remove_watch(queue, wd);
                }
            }
        }
    }
}

fn parent_of(path: &[u8]) -> &[u8] {
    memchr::memrchr(b'/', path).map_or(b"", |end| &path[..end])
}
