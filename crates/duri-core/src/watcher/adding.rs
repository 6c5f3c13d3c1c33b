//! Asking for a folder's events.
//!
//! Guarantees: nothing that may wait for a file system is done while the watches are locked, so that
//! one that does not answer holds up the scan that came to it, and nobody else. A watch that is dropped
//! meanwhile is asked for again. A folder that is mounted at several places has all of them.

use std::os::fd::{AsRawFd as _, BorrowedFd, OwnedFd};
use std::sync::Arc;

use rustix::fs::inotify::{self, WatchFlags};
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, fstat, openat, openat2};
use rustix::io::Errno;

use super::table::Place;
use super::{Filter, Queue, Watcher};

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

/// How often a watch is asked for anew because others were dropped meanwhile; after that it is asked
/// for while none can be.
const PATIENCE: usize = 16;

/// Why a folder is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Seen by a scan, as one whose content is free or not.
    Scanned {
        free: bool,
    },
    Artifacts,
}

/// How the kernel names a folder in its events.
#[derive(Debug)]
pub(super) enum Asked {
    Number(u64),
    Handle(Box<[u8]>),
}

/// What is known of the places of a folder that seems to have several.
struct Checked {
    known: Vec<Arc<[u8]>>,
    still: Vec<Arc<[u8]>>,
    here: bool,
}

/// Watch a folder.
pub(super) fn add(
    watcher: &Watcher,
    folder: BorrowedFd<'_>,
    path: &[u8],
    role: Role,
) -> Result<(), Errno> {
    let root = (role != Role::Artifacts && path.is_empty()).then(|| place_of(folder)).flatten();
    let mut checked: Option<Checked> = None;
    let mut round = 0;
    loop {
        round += 1;
        let dropped = watcher.state().dropped;
        let mut asked = ask(&watcher.queue, folder);
        let mut state = watcher.state();
        if state.dropped != dropped {
            if round < PATIENCE {
                continue;
            }
            asked = ask(&watcher.queue, folder);
        }
        let key = match asked {
            Ok(asked) => state.key_of(asked),
            Err(errno) => {
                let walk = state.walk;
                state.refused.note(path, errno, walk);
                return Err(errno);
            }
        };
        state.refused.remove(path);
        let Role::Scanned { free } = role else {
            state.table.set_artifacts(key);
            return Ok(());
        };
        if root.is_some() {
            state.root.clone_from(&root);
        }
        let place = Place { path: path.into(), free, walk: state.walk };
        let watch = state.table.get(key);
        let known: Vec<Arc<[u8]>> = watch
            .into_iter()
            .flat_map(|watch| watch.places().map(|place| Arc::clone(&place.path)))
            .collect();
        if known.is_empty() || known.iter().any(|known| **known == *path) {
            state.table.add(key, place);
            return Ok(());
        }
        // A scan that was held up between opening a folder and this call may come with an old path,
        // after another scan has come with the new one.
        let answer = checked.take().filter(|checked| checked.known == known || round >= PATIENCE);
        let Some(Checked { still, here, .. }) = answer else {
            let root = state.root.clone();
            drop(state);
            let leads = |path: &[u8]| root.as_deref().is_some_and(|root| leads(root, path, folder));
            let still = known.iter().filter(|path| leads(path)).cloned().collect();
            checked = Some(Checked { known, still, here: leads(path) });
            continue;
        };
        if here || still.is_empty() {
            state.table.add(key, place);
        }
        state.table.retain(key, |place| {
            still.contains(&place.path) || *place.path == *path && (here || still.is_empty())
        });
        return Ok(());
    }
}

/// Ask the kernel for a folder's events.
fn ask(queue: &Queue, folder: BorrowedFd<'_>) -> Result<Asked, Errno> {
    match queue {
        Queue::Inotify(queue) => {
            let wd = inotify::add_watch(queue, proc_path(folder).as_str(), MASK)?;
            u64::try_from(wd).map(Asked::Number).map_err(|_| Errno::INVAL)
        }
        Queue::Fanotify(group) => {
            let key = duri_fanotify::key_of(folder)?;
            group.mark(folder)?;
            Ok(Asked::Handle(key))
        }
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

/// Say whether a path below the root leads to a folder.
fn leads(root: &[u8], path: &[u8], folder: BorrowedFd<'_>) -> bool {
    let path = [root.strip_suffix(b"/").unwrap_or(root), path].join(&b'/');
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let opened = match openat2(CWD, &*path, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS) {
        Err(Errno::NOSYS | Errno::PERM) => openat(CWD, &*path, flags, Mode::empty()),
        other => other,
    };
    let same = |opened: &OwnedFd| {
        let (there, here) = (fstat(opened)?, fstat(folder)?);
        Ok::<bool, Errno>((there.st_dev, there.st_ino) == (here.st_dev, here.st_ino))
    };
    opened.and_then(|opened| same(&opened)).unwrap_or(false)
}

/// Say whether a folder or one above it may change freely, asked from the top as a scan does.
pub(super) fn is_free(filter: &Filter, path: &[u8]) -> bool {
    let ends = memchr::memchr_iter(b'/', path).chain([path.len()]);
    ends.filter(|end| *end > 0).any(|end| filter.rules.is_mutable(&path[..end], true))
}
