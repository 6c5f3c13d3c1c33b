//! An open folder and what is in it, shared by the tasks that look at its entries.

use std::os::fd::OwnedFd;

use crate::listing::Listing;
use crate::open::Type;

/// An open folder.
#[derive(Debug)]
pub(crate) struct Folder {
    pub(crate) fd: OwnedFd,
    /// The path below the root with "/" at the end; empty for the root.
    pub(crate) prefix: Box<[u8]>,
    pub(crate) listing: Listing,
}

impl Folder {
    pub(crate) fn entries(&self) -> u32 {
        u32::try_from(self.listing.len()).expect("a listing below 4 GiB")
    }

    pub(crate) fn name(&self, entry: u32) -> &[u8] {
        self.listing.name(entry as usize)
    }

    pub(crate) fn kind(&self, entry: u32) -> Type {
        self.listing.kind(entry as usize)
    }

    /// The path of an entry, relative to the root.
    pub(crate) fn path(&self, entry: u32) -> Vec<u8> {
        [&self.prefix, self.name(entry)].concat()
    }

    /// What the paths of everything below a folder begin with.
    pub(crate) fn prefix_of(&self, entry: u32) -> Box<[u8]> {
        [&self.prefix, self.listing.key(entry as usize)].concat().into_boxed_slice()
    }
}

/// The path of the folder that `prefix` is the prefix of.
pub(crate) fn without_slash(prefix: &[u8]) -> &[u8] {
    prefix.strip_suffix(b"/").unwrap_or(prefix)
}
