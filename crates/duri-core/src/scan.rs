//! What every scan is given, and how one fails as a whole.
//!
//! Guarantees: a scan opens the root anew from the caller's descriptor, so the caller's place in it is
//! left alone, and never names it. An error here means that there is no answer at all; what is
//! wrong with a single entry is a finding.

use std::num::NonZeroU64;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::sync::atomic::AtomicBool;

use rustix::fs::{Mode, OFlags, Stat, fstat, openat};
use rustix::io::Errno;

use crate::algorithm::Algorithm;
use crate::attributes::Owner;
use crate::control::Progress;
use crate::finding::{Finding, Kind};
use crate::folder::without_slash;
use crate::format::FormatError;
use crate::hasher::Hasher;
use crate::notice::Notice;
use crate::open::Opener;
use crate::path::MAX_PATH;
use crate::pool::{self, Work};
use crate::rules::Rules;
use crate::throttle::Throttle;

/// A capability's value is at most 24 bytes (linux/capability.h).
const MAX_CAPABILITY: usize = 64;

/// What to scan, and how.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The root folder, open for reading or as a place (`O_PATH`).
    pub root: BorrowedFd<'a>,
    pub rules: &'a Rules,
    pub algorithm: Algorithm,
    /// A path that is left out without being opened: the artifacts' folder.
    pub exclude: Option<&'a [u8]>,
    /// The most threads to use, one at least.
    pub threads: usize,
    pub progress: &'a Progress,
    /// Who is told of each folder before it is listed.
    pub notice: Option<&'a dyn Notice>,
    /// The most bytes to read in a second, all threads together.
    pub bytes_per_second: Option<NonZeroU64>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScanError {
    /// `Progress::cancel` was called.
    Cancelled,
    /// `tick` said to stop.
    Interrupted,
    /// Another comparison uses the memory.
    Busy,
    /// The parts to look at are none: a path that is not one below the root, or no memory.
    Part(String),
    /// The root itself cannot be read.
    Root(Errno),
    /// Not one thread could be started.
    Threads(Errno),
    /// The attributes and the checksums are not of one release.
    Format(FormatError),
}

impl std::fmt::Display for ScanError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Cancelled => formatter.write_str("the scan was cancelled"),
            Self::Interrupted => formatter.write_str("the scan was interrupted"),
            Self::Busy => formatter.write_str("another comparison uses this memory"),
            Self::Part(reason) => formatter.write_str(reason),
            Self::Root(errno) => write!(formatter, "the root cannot be read: {errno}"),
            Self::Threads(errno) => write!(formatter, "no thread can be started: {errno}"),
            Self::Format(error) => error.fmt(formatter),
        }
    }
}

impl std::error::Error for ScanError {}

impl From<Errno> for ScanError {
    fn from(errno: Errno) -> Self {
        Self::Root(errno)
    }
}

impl From<FormatError> for ScanError {
    fn from(error: FormatError) -> Self {
        Self::Format(error)
    }
}

/// A request with its root opened.
pub(crate) struct Scan<'a> {
    pub(crate) request: Request<'a>,
    pub(crate) opener: Opener,
    pub(crate) root: Stat,
    pub(crate) stop: &'a AtomicBool,
    throttle: Option<Throttle>,
}

impl<'a> Scan<'a> {
    pub(crate) fn new(request: Request<'a>, stop: &'a AtomicBool) -> Result<Self, Errno> {
        let root = open_root(request.root)?;
        let stat = fstat(&root)?;
        let throttle = request.bytes_per_second.map(Throttle::new);
        Ok(Self { request, opener: Opener::new(request.root)?, root: stat, stop, throttle })
    }

    pub(crate) fn hasher(&self) -> Hasher<'_> {
        let throttle = self.throttle.as_ref();
        Hasher::new(self.request.algorithm, self.request.progress, self.stop, throttle)
    }

    /// Tell of a folder that is about to be listed.
    pub(crate) fn announce(&self, folder: &OwnedFd, prefix: &[u8], free: bool) {
        if let Some(notice) = self.request.notice {
            notice.folder(folder.as_fd(), without_slash(prefix), free);
        }
    }

    /// Run a walk from its first task, with one worker a thread.
    pub(crate) fn run<W: Work>(
        &self,
        first: W::Task,
        worker: impl Fn() -> W,
        tick: &mut dyn FnMut() -> bool,
    ) -> Result<Vec<W>, ScanError> {
        let mut interrupted = false;
        let progress = self.request.progress;
        let mut go_on = || {
            interrupted = interrupted || !tick();
            !interrupted && !progress.is_cancelled()
        };
        // Threads that wait for a throttle look like ones that wait for a disk; more would wait too.
        let threads = match self.throttle {
            Some(_) => self.request.threads.min(pool::processors()),
            None => self.request.threads,
        };
        let workers =
            pool::run(threads, first, self.stop, worker, &mut go_on).map_err(|error| {
                ScanError::Threads(Errno::from_io_error(&error).unwrap_or(Errno::AGAIN))
            })?;
        if interrupted {
            return Err(ScanError::Interrupted);
        }
        if progress.is_cancelled() {
            return Err(ScanError::Cancelled);
        }
        Ok(workers)
    }

    /// What in a folder is part of the scan, by name.
    pub(crate) fn keeps(&self, prefix: &[u8]) -> impl Fn(&[u8]) -> bool {
        let excluded = self.request.exclude.and_then(|path| path.strip_prefix(prefix));
        move |name| excluded != Some(name)
    }

    /// Say whether the scan ignores an entry.
    pub(crate) fn ignores(&self, path: &[u8], is_folder: bool) -> bool {
        self.request.rules.ignores(path, is_folder)
    }
}

/// Open the root for listing, at its beginning whatever the caller's descriptor has read.
pub(crate) fn open_root(root: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOCTTY;
    openat(root, ".", flags, Mode::empty())
}

pub(crate) fn owner_of(stat: &Stat) -> Owner {
    Owner { uid: stat.st_uid, gid: stat.st_gid }
}

/// The permission bits with setuid, setgid and sticky.
#[allow(clippy::cast_possible_truncation, reason = "the mask leaves twelve bits")]
pub(crate) fn mode_of(stat: &Stat) -> u16 {
    (stat.st_mode & 0o7777) as u16
}

/// Read a file's capabilities: None when it has none.
///
/// Asking first whether a file has any attribute at all takes a third of the time of asking for this
/// one, and nearly no file has.
pub(crate) fn capability_of(fd: &OwnedFd) -> Result<Option<Box<[u8]>>, Errno> {
    // One byte holds no name, so only a file without any gives Ok; an empty buffer would say nothing.
    let mut names = [0_u8; 1];
    if rustix::fs::flistxattr(fd, &mut names[..]) == Ok(0) {
        return Ok(None);
    }
    let mut value = [0_u8; MAX_CAPABILITY];
    match rustix::fs::fgetxattr(fd, c"security.capability", &mut value[..]) {
        Ok(0) | Err(Errno::NODATA | Errno::NOTSUP) => Ok(None),
        Ok(length) => Ok(Some(value[..length].into())),
        Err(errno) => Err(errno),
    }
}

/// Refuse a path that no system call takes in one piece.
pub(crate) fn too_long(path: &[u8]) -> Option<Finding> {
    (path.len() > MAX_PATH).then(|| {
        let actual = format!("a path of {} bytes", path.len());
        Finding::new(Kind::PathTooLong, path.to_vec())
            .expected(format!("at most {MAX_PATH} bytes"))
            .actual(actual)
    })
}
