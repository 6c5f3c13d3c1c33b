//! Opening entries relative to their folder's descriptor.
//!
//! Guarantees:
//! - One component at a time, never through a symbolic link, never across a mount point unless asked:
//!   by `openat2` where the kernel and its filters have it, else by `openat` and a comparison of mounts.
//! - No open blocks (`O_NONBLOCK`), takes a terminal (`O_NOCTTY`) or survives `exec` (`O_CLOEXEC`).
//!
//! It leaves to the caller not to open what is neither file nor folder, and to check the type after.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, ResolveFlags, Stat, StatxFlags, openat, openat2, statat, statx,
};
use rustix::io::Errno;

/// The type of an entry, as the folder says or the inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    File,
    Folder,
    Link,
    Fifo,
    Socket,
    CharacterDevice,
    BlockDevice,
    Unknown,
}

impl Type {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Folder => "folder",
            Self::Link => "link",
            Self::Fifo => "fifo",
            Self::Socket => "socket",
            Self::CharacterDevice => "character device",
            Self::BlockDevice => "block device",
            Self::Unknown => "unknown",
        }
    }

    pub(crate) fn of(stat: &Stat) -> Self {
        FileType::from_raw_mode(stat.st_mode).into()
    }
}

impl From<FileType> for Type {
    fn from(file_type: FileType) -> Self {
        match file_type {
            FileType::RegularFile => Self::File,
            FileType::Directory => Self::Folder,
            FileType::Symlink => Self::Link,
            FileType::Fifo => Self::Fifo,
            FileType::Socket => Self::Socket,
            FileType::CharacterDevice => Self::CharacterDevice,
            FileType::BlockDevice => Self::BlockDevice,
            FileType::Unknown => Self::Unknown,
        }
    }
}

/// Why an entry was not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Another file system begins here.
    Mount,
    /// The entry is gone.
    Gone,
    /// Another type has taken its place since the folder was listed.
    Replaced,
    Failed(Errno),
}

impl From<Errno> for Refusal {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::XDEV => Self::Mount,
            Errno::NOENT => Self::Gone,
            // A link (O_NOFOLLOW), a file for a folder, a socket or device without a driver.
            Errno::LOOP | Errno::NOTDIR | Errno::NXIO => Self::Replaced,
            _ => Self::Failed(errno),
        }
    }
}

const COMMON: OFlags = OFlags::RDONLY
    .union(OFlags::NOFOLLOW)
    .union(OFlags::NONBLOCK)
    .union(OFlags::CLOEXEC)
    .union(OFlags::NOCTTY);
/// A name of a listing has no slash and is not "..", so without links it cannot leave its folder.
/// `BENEATH` would add nothing but its price, an eighth of each open, and XDEV where an entry is renamed
/// in the middle of one, which then looks like a mount point.
const NO_LINKS: ResolveFlags = ResolveFlags::NO_SYMLINKS.union(ResolveFlags::NO_MAGICLINKS);

/// How this kernel keeps an open below the root.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opener {
    /// None: `openat2` does it. Otherwise what every entry must have in common with the root.
    compare: Option<Mount>,
}

/// The mount of a descriptor, as exactly as the kernel tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mount {
    Id(u64),
    Device(u32, u32),
}

impl Opener {
    /// Find out once, on the root, what the kernel and its filters allow.
    pub(crate) fn new(root: BorrowedFd<'_>) -> Result<Self, Errno> {
        let flags = COMMON | OFlags::DIRECTORY;
        match openat2(root, ".", flags, Mode::empty(), NO_LINKS | ResolveFlags::NO_XDEV) {
            Ok(_) => Ok(Self { compare: None }),
            Err(Errno::NOSYS | Errno::PERM | Errno::INVAL) => Self::without_openat2(root),
            Err(errno) => Err(errno),
        }
    }

    pub(crate) fn without_openat2(root: BorrowedFd<'_>) -> Result<Self, Errno> {
        Ok(Self { compare: Some(mount_of(root)?) })
    }

    /// Say whether `openat2` is used.
    pub(crate) fn resolves(self) -> bool {
        self.compare.is_none()
    }

    pub(crate) fn file(
        self,
        folder: &OwnedFd,
        name: &[u8],
        cross: bool,
    ) -> Result<OwnedFd, Refusal> {
        self.open(folder, name, COMMON, cross)
    }

    pub(crate) fn folder(
        self,
        folder: &OwnedFd,
        name: &[u8],
        cross: bool,
    ) -> Result<OwnedFd, Refusal> {
        self.open(folder, name, COMMON | OFlags::DIRECTORY, cross)
    }

    fn open(
        self,
        folder: &OwnedFd,
        name: &[u8],
        flags: OFlags,
        cross: bool,
    ) -> Result<OwnedFd, Refusal> {
        let Some(expected) = self.compare else {
            let resolve = if cross { NO_LINKS } else { NO_LINKS | ResolveFlags::NO_XDEV };
            return Ok(openat2(folder, name, flags, Mode::empty(), resolve)?);
        };
        let opened = openat(folder, name, flags, Mode::empty())?;
        if !cross && mount_of(opened.as_fd())? != expected {
            return Err(Refusal::Mount);
        }
        Ok(opened)
    }
}

fn mount_of(fd: BorrowedFd<'_>) -> Result<Mount, Errno> {
    let flags = AtFlags::EMPTY_PATH;
    match statx(fd, "", flags, StatxFlags::BASIC_STATS | StatxFlags::MNT_ID) {
        Ok(found) if found.stx_mask & StatxFlags::MNT_ID.bits() != 0 => {
            Ok(Mount::Id(found.stx_mnt_id))
        }
        Ok(found) => Ok(Mount::Device(found.stx_dev_major, found.stx_dev_minor)),
        Err(Errno::NOSYS) => {
            let device = rustix::fs::fstat(fd)?.st_dev;
            Ok(Mount::Device(rustix::fs::major(device), rustix::fs::minor(device)))
        }
        Err(errno) => Err(errno),
    }
}

/// What an entry is, without opening or following it.
pub(crate) fn stat_entry(folder: &OwnedFd, name: &[u8]) -> Result<Stat, Errno> {
    statat(folder, name, AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT)
}

#[cfg(test)]
mod tests {
    use super::{Opener, Refusal, Type, stat_entry};
    use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat, open};
    use std::os::fd::{AsFd as _, OwnedFd};

    fn folder(path: &std::path::Path) -> OwnedFd {
        open(path, OFlags::DIRECTORY | OFlags::RDONLY, Mode::empty()).unwrap()
    }

    /// What the kernel offers here, and what is done where it offers less.
    fn openers(root: &OwnedFd) -> [Opener; 2] {
        [Opener::new(root.as_fd()).unwrap(), Opener::without_openat2(root.as_fd()).unwrap()]
    }

    #[test]
    fn files_and_folders_are_opened_and_links_are_not() {
        let tree = tempfile::tempdir().unwrap();
        let at = |name| tree.path().join(name);
        std::fs::write(at("file"), b"").unwrap();
        std::fs::create_dir(at("folder")).unwrap();
        std::os::unix::fs::symlink("file", at("link")).unwrap();
        std::os::unix::fs::symlink("folder", at("link to folder")).unwrap();
        mknodat(CWD, at("fifo"), FileType::Fifo, Mode::from_raw_mode(0o644), 0).unwrap();
        let root = folder(tree.path());
        for opener in openers(&root) {
            for cross in [false, true] {
                assert!(opener.file(&root, b"file", cross).is_ok());
                assert!(opener.folder(&root, b"folder", cross).is_ok());
                let refused = |opened: Result<OwnedFd, Refusal>| opened.unwrap_err();
                assert_eq!(refused(opener.file(&root, b"link", cross)), Refusal::Replaced);
                let link = opener.folder(&root, b"link to folder", cross);
                assert_eq!(refused(link), Refusal::Replaced);
                assert_eq!(refused(opener.folder(&root, b"file", cross)), Refusal::Replaced);
                assert_eq!(refused(opener.file(&root, b"none", cross)), Refusal::Gone);
                // Not asked for by a scan, and yet it does not wait for a writer.
                assert!(opener.file(&root, b"fifo", cross).is_ok());
            }
        }
        assert_eq!(Type::of(&stat_entry(&root, b"link").unwrap()), Type::Link);
        assert_eq!(Type::of(&stat_entry(&root, b"fifo").unwrap()), Type::Fifo);
    }

    #[test]
    fn a_mount_point_is_crossed_only_when_asked() {
        let root = folder(std::path::Path::new("/"));
        for opener in openers(&root) {
            assert_eq!(opener.folder(&root, b"proc", false).unwrap_err(), Refusal::Mount);
            assert!(opener.folder(&root, b"proc", true).is_ok());
        }
    }
}
