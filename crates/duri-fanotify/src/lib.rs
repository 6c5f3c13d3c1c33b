//! The three system calls of fanotify, and its events as values.
//!
//! Guarantees:
//! - `events` reads any bytes without panicking and never past what a record says of itself; an event
//!   of another version or a wrong length is told as one that is unreadable.
//! - The key that `key_of` gives for a folder is the one that the folder's events carry: the file
//!   system's identity, the handle's type and the handle.
//! - All unsafe code that talks to fanotify is here: `fanotify_init`, `fanotify_mark` and
//!   `name_to_handle_at`, which no safe crate in use binds.
//!
//! It leaves to others: which folder a key stands for, and what an event means.
//!
//! Source: fanotify(7), `fanotify_mark`(2), `name_to_handle_at`(2).

mod events;

use std::ffi::c_int;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};
use std::ptr;

use rustix::fs::fstatvfs;
use rustix::io::Errno;

pub use events::{Event, Unreadable, events};

/// A change of content, attributes or names, in a folder or of it; opening and reading are no change.
const MASK: u64 = libc::FAN_MODIFY
    | libc::FAN_ATTRIB
    | libc::FAN_CLOSE_WRITE
    | libc::FAN_CREATE
    | libc::FAN_DELETE
    | libc::FAN_MOVED_FROM
    | libc::FAN_MOVED_TO
    | libc::FAN_DELETE_SELF
    | libc::FAN_MOVE_SELF
    | libc::FAN_ONDIR
    | libc::FAN_EVENT_ON_CHILD;

/// linux/exportfs.h, `MAX_HANDLE_SZ`.
const MAX_HANDLE: usize = 128;

/// `struct file_handle` with room for the largest one.
#[repr(C)]
struct Handle {
    length: libc::c_uint,
    kind: c_int,
    bytes: [u8; MAX_HANDLE],
}

/// A group of marks and the queue of their events.
#[derive(Debug)]
pub struct Group(OwnedFd);

impl Group {
    /// Make a group without a limit of marks, which is what asks for `CAP_SYS_ADMIN`.
    ///
    /// A process without that right could watch as well, but would not be told who made a change,
    /// which is all that fanotify is used for.
    ///
    /// # Errors
    /// `EPERM` without the right, `EINVAL` before Linux 5.9, `ENOSYS` without fanotify.
    pub fn new() -> Result<Self, Errno> {
        let flags = libc::FAN_CLASS_NOTIF
            | libc::FAN_CLOEXEC
            | libc::FAN_NONBLOCK
            | libc::FAN_UNLIMITED_MARKS
            | libc::FAN_REPORT_DFID_NAME;
        // SAFETY: the call takes two numbers and touches no memory of ours.
        let fd = unsafe { libc::fanotify_init(flags, 0) };
        if fd < 0 {
            return Err(last_errno());
        }
        // SAFETY: the kernel has just made this descriptor, and nothing else owns it.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Ask for the events of a folder and of what is directly in it; twice is once.
    ///
    /// # Errors
    /// The kernel's: `EOPNOTSUPP`, `ENODEV` or `EXDEV` where the file system has no usable handles.
    pub fn mark(&self, folder: BorrowedFd<'_>) -> Result<(), Errno> {
        self.change(libc::FAN_MARK_ADD | libc::FAN_MARK_ONLYDIR, MASK, folder)
    }

    /// Remove every mark.
    ///
    /// # Errors
    /// The kernel's.
    pub fn flush(&self) -> Result<(), Errno> {
        // The folder is not looked at.
        self.change(libc::FAN_MARK_FLUSH, 0, self.0.as_fd())
    }

    fn change(&self, flags: u32, mask: u64, folder: BorrowedFd<'_>) -> Result<(), Errno> {
        let (group, folder) = (self.0.as_raw_fd(), folder.as_raw_fd());
        // SAFETY: both descriptors are open for the length of the call, and the path is a string that
        // ends with NUL, or null where there is nothing to resolve.
        let path = if mask == 0 { ptr::null() } else { c".".as_ptr() };
        // SAFETY: as above; the kernel writes nothing.
        let result = unsafe { libc::fanotify_mark(group, flags, mask, folder, path) };
        if result < 0 { Err(last_errno()) } else { Ok(()) }
    }
}

impl AsFd for Group {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// What the events of a folder carry in place of its path.
///
/// # Errors
/// `EOPNOTSUPP` where the file system has no handles.
pub fn key_of(folder: BorrowedFd<'_>) -> Result<Box<[u8]>, Errno> {
    let file_system = fstatvfs(folder)?.f_fsid;
    // What fanotify encodes; kernels before 6.5 do not know the flag and have one kind of handle only.
    let handle = match handle_of(folder, libc::AT_HANDLE_FID) {
        Err(Errno::INVAL) => handle_of(folder, 0),
        other => other,
    }?;
    let mut key = Vec::with_capacity(12 + MAX_HANDLE);
    // Two numbers of 32 bits, the lower one first, each in the machine's order.
    for half in [file_system & 0xffff_ffff, file_system >> 32] {
        key.extend_from_slice(&u32::try_from(half).unwrap_or_default().to_ne_bytes());
    }
    key.extend_from_slice(&handle.kind.to_ne_bytes());
    key.extend_from_slice(&handle.bytes[..(handle.length as usize).min(MAX_HANDLE)]);
    Ok(key.into_boxed_slice())
}

fn handle_of(folder: BorrowedFd<'_>, flags: c_int) -> Result<Handle, Errno> {
    #[allow(clippy::cast_possible_truncation, reason = "128")]
    let mut handle = Handle { length: MAX_HANDLE as u32, kind: 0, bytes: [0; MAX_HANDLE] };
    let mut mount: c_int = 0;
    let place = (&raw mut handle).cast::<libc::file_handle>();
    let flags = flags | libc::AT_EMPTY_PATH;
    // SAFETY: `place` points to a `struct file_handle` followed by as many bytes as its length says,
    // alive and borrowed by nobody else; `mount` is a number to write to; the path ends with NUL.
    let result = unsafe {
        libc::name_to_handle_at(folder.as_raw_fd(), c"".as_ptr(), place, &raw mut mount, flags)
    };
    if result < 0 { Err(last_errno()) } else { Ok(handle) }
}

fn last_errno() -> Errno {
    Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::os::fd::AsFd as _;

    use super::{Group, events, key_of};
    use rustix::io::Errno;

    #[test]
    fn an_event_carries_the_key_of_its_folder_and_the_process() {
        let group = match Group::new() {
            // Nobody but root may; the tests of the product cover being refused.
            Err(Errno::PERM) => return,
            other => other.unwrap(),
        };
        let place = tempfile::tempdir().unwrap();
        let folder = File::open(place.path()).unwrap();
        group.mark(folder.as_fd()).unwrap();
        let key = key_of(folder.as_fd()).unwrap();
        fs::write(place.path().join("name"), b"x").unwrap();
        let mut buffer = [0; 4096];
        let length = rustix::io::read(&group, &mut buffer[..]).unwrap();
        let found: Vec<_> = events(&buffer[..length]).collect();
        assert!(!found.is_empty());
        for event in found {
            let event = event.unwrap();
            assert_eq!((event.key.as_deref(), event.name), (Some(&key[..]), Some(&b"name"[..])));
            assert_eq!(event.pid, i32::try_from(std::process::id()).unwrap());
        }
        group.flush().unwrap();
        fs::write(place.path().join("other"), b"x").unwrap();
        assert_eq!(rustix::io::read(&group, &mut buffer[..]), Err(Errno::AGAIN));
    }
}
