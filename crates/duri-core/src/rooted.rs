//! Opening a folder inside another root, such as that of a process in its own mount namespace.
//!
//! Guarantees: nothing outside `root` is ever opened. The kernel resolves the path as if `root` were
//! "/": absolute links and ".." stay inside, links made by the kernel (`/proc/<pid>/fd/…`) are refused.
//!
//! Source: openat2(2), `RESOLVE_IN_ROOT` and `RESOLVE_NO_MAGICLINKS`.

use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};
use rustix::io::Errno;

/// The kernel gives up with `EAGAIN` when something is renamed while it resolves "..".
const ATTEMPTS: usize = 32;

/// Open a folder for listing, with `root` as "/".
///
/// # Errors
/// The kernel's: `ELOOP` for a link made by the kernel, `EAGAIN` when renames never rest, `ENOSYS`
/// before Linux 5.6.
pub fn open_in_root(root: BorrowedFd<'_>, path: &Path) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOCTTY;
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    let open = || openat2(root, path, flags, Mode::empty(), resolve);
    let mut opened = open();
    for _ in 1..ATTEMPTS {
        match opened {
            Err(Errno::AGAIN | Errno::INTR) => opened = open(),
            done => return done,
        }
    }
    opened
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd as _;
    use std::os::unix::fs::{MetadataExt as _, symlink};
    use std::path::Path;

    use super::open_in_root;
    use rustix::io::Errno;

    #[test]
    fn links_and_dots_stay_inside() {
        let place = tempfile::tempdir().unwrap();
        let inside = place.path().join("root/inside");
        std::fs::create_dir_all(&inside).unwrap();
        symlink("/inside", place.path().join("root/absolute")).unwrap();
        symlink("/proc/self/fd", place.path().join("root/none")).unwrap();
        let root = std::fs::File::open(place.path().join("root")).unwrap();
        let inode = std::fs::metadata(&inside).unwrap().ino();
        for path in ["inside", "/inside", "absolute", "../../inside", "inside/../../../inside"] {
            let opened = open_in_root(root.as_fd(), Path::new(path)).unwrap();
            assert_eq!(std::fs::File::from(opened).metadata().unwrap().ino(), inode, "{path}");
        }
        for (path, errno) in [("none", Errno::NOENT), ("", Errno::NOENT), ("/etc", Errno::NOENT)] {
            assert_eq!(open_in_root(root.as_fd(), Path::new(path)).unwrap_err(), errno, "{path}");
        }
    }
}
