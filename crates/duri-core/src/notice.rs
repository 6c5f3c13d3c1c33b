//! Who is told of each folder before it is listed.
//!
//! Guarantees: a folder is told of after it is opened and before it is listed, so that whoever watches
//! it from then on misses no change between the listing and the first event.

use std::os::fd::BorrowedFd;

/// Someone who wants to know each folder of a scan, such as a watcher that asks for its events.
pub trait Notice: Sync {
    /// Take note of a folder that is about to be listed.
    ///
    /// Called from several threads. It cannot fail: what could not be done is for the implementer to
    /// count. `path` is relative to the root, without a slash at its end, and empty for the root; `free`
    /// says that its files' content may change freely.
    fn folder(&self, folder: BorrowedFd<'_>, path: &[u8], free: bool);

    /// A file that may change freely, directly in this folder, has other names: it may be sealed under
    /// one of them.
    fn linked(&self, _folder: &[u8]) {}

    /// A walk of everything begins; the number is for `complete`.
    fn begin(&self) -> u32 {
        0
    }

    /// A walk of everything came to its end: each folder that is there was told of since it began.
    fn complete(&self, _walk: u32) {}
}
