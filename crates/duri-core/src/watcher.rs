//! Which folders below a root are to be looked at again, from the kernel's events.
//!
//! Guarantees:
//! - A folder that was watched before it was listed loses no change that the kernel tells of: each one
//!   names the folder, or the queue was lost and that is said.
//! - A stale path never hides a change. When a folder is moved, its watches and those below it are
//!   dropped, and where it appears it is named as wholly unknown; whoever walks it watches it anew.
//! - A kernel that refuses a watch (a limit, a right) is counted and never ends a scan.
//! - `read` does a bounded amount of work and never waits. Opening and reading cause no event.
//!
//! It leaves to others what no event tells: changes through a memory mapping, through another name of a
//! file that is outside the root or in an ignored folder, on a network file system by another machine,
//! what is mounted over a folder and what comes to light when that ends, below a folder that was not
//! watched, and while nobody watched. A file in a mutable folder that has other names may be a sealed
//! one: whoever writes to it is heard as soon as a scan has seen the names.
//!
//! Sources: inotify(7), fanotify(7).

mod adding;
mod changes;
mod origin;
mod reading;
mod refused;
mod state;
mod table;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

use duri_fanotify::Group;
use rustix::fs::inotify::{self, CreateFlags};
use rustix::io::Errno;

use crate::notice::Notice;
use crate::rules::Rules;

use adding::Role;
pub use changes::Changes;
pub use origin::Origin;
use state::State;

/// Where events come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Inotify,
    /// Tells which process made a change, and asks for `CAP_SYS_ADMIN`.
    Fanotify,
}

/// The kernel's queue.
#[derive(Debug)]
enum Queue {
    Inotify(OwnedFd),
    Fanotify(Group),
}

/// What is never asked about again: it stays the same as long as the watcher lives.
#[derive(Debug)]
struct Filter {
    rules: Rules,
    exclude: Option<Box<[u8]>>,
}

/// The watches below one root.
#[derive(Debug)]
pub struct Watcher {
    queue: Queue,
    filter: Filter,
    /// Never held while a file system is asked anything.
    state: Mutex<State>,
}

impl Watcher {
    /// Ask the kernel for a queue of events.
    ///
    /// `exclude` is the path of the artifacts' folder, relative to the root.
    ///
    /// # Errors
    /// The kernel's: `EPERM` without the right to fanotify, `EMFILE` beyond the limit of queues.
    pub fn new(source: Source, rules: Rules, exclude: Option<&[u8]>) -> Result<Self, Errno> {
        let queue = match source {
            Source::Inotify => {
                Queue::Inotify(inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?)
            }
            Source::Fanotify => Queue::Fanotify(Group::new()?),
        };
        let filter = Filter { rules, exclude: exclude.map(Into::into) };
        Ok(Self { queue, filter, state: Mutex::default() })
    }

    #[must_use]
    pub fn source(&self) -> Source {
        match self.queue {
            Queue::Inotify(_) => Source::Inotify,
            Queue::Fanotify(_) => Source::Fanotify,
        }
    }

    /// Watch a folder below the root, before it is listed; twice is once, and a folder
    /// that is mounted at several places has all of them.
    ///
    /// # Errors
    /// The kernel's, which is counted too.
    pub fn watch(&self, folder: BorrowedFd<'_>, path: &[u8]) -> Result<(), Errno> {
        let free = adding::is_free(&self.filter, path);
        adding::add(self, folder, path, Role::Scanned { free })
    }

    /// Watch a folder for the artifacts, wherever it lies; `path` names it among the refused.
    ///
    /// # Errors
    /// The kernel's, which is counted too.
    pub fn watch_artifacts(&self, folder: BorrowedFd<'_>, path: &[u8]) -> Result<(), Errno> {
        adding::add(self, folder, path, Role::Artifacts)
    }

    /// Take what waits, up to a bound; what is left makes the descriptor readable again.
    #[must_use]
    pub fn read(&self) -> Changes {
        reading::read(self)
    }

    /// Drop all watches; events that still wait say nothing any more.
    pub fn forget(&self) {
        self.state().forget(&self.queue);
    }

    /// How many folders are watched.
    #[must_use]
    pub fn watches(&self) -> usize {
        self.state().table.len()
    }

    /// How many folders could not be watched when it was last tried.
    #[must_use]
    pub fn refused(&self) -> usize {
        self.state().refused.count()
    }

    /// Why the last one could not.
    #[must_use]
    pub fn refusal(&self) -> Option<Errno> {
        self.state().refused.last()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in it is half done at a place that could panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsFd for Watcher {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.queue {
            Queue::Inotify(fd) => fd.as_fd(),
            Queue::Fanotify(group) => group.as_fd(),
        }
    }
}

impl Notice for Watcher {
    fn folder(&self, folder: BorrowedFd<'_>, path: &[u8], free: bool) {
        // Counted where it fails; scans see the folder all the same.
        let _ = adding::add(self, folder, path, Role::Scanned { free });
    }

    fn linked(&self, folder: &[u8]) {
        self.state().table.set_linked(folder);
    }

    fn begin(&self) -> u32 {
        self.state().begin()
    }

    fn complete(&self, walk: u32) {
        self.state().complete(&self.queue, walk);
    }
}
