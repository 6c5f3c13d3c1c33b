//! What one thread writes down while a tree is sealed.
//!
//! Guarantees: a million files are a few allocations: paths and digests lie one after the other. A
//! record whose file was refused may lack its digest; nothing is sealed then.

use crate::attributes::{Owner, Place};
use crate::path::PathList;

/// What is not as usual about a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Exception {
    AppendOnly(u64),
    Capability(Box<[u8]>),
    EmptyFolder,
    Mode(u16),
    Mutable(Place),
    Owner(Owner),
    Link(Box<[u8]>),
}

/// One thread's records.
#[derive(Debug, Default)]
pub(crate) struct Records {
    pub(crate) files: PathList,
    digests: Vec<u8>,
    exception_paths: PathList,
    exceptions: Vec<Exception>,
    pub(crate) total_bytes: u64,
}

impl Records {
    pub(crate) fn len(&self) -> usize {
        self.files.len()
    }

    /// Add a file, its digest to be set; return its index.
    pub(crate) fn file(&mut self, path: &[u8], digest_length: usize) -> usize {
        self.files.push(path);
        self.digests.resize(self.files.len() * digest_length, 0);
        self.files.len() - 1
    }

    pub(crate) fn set_digest(&mut self, index: usize, digest: &[u8]) {
        let start = index * digest.len();
        self.digests[start..start + digest.len()].copy_from_slice(digest);
    }

    pub(crate) fn digest(&self, index: usize, length: usize) -> &[u8] {
        &self.digests[index * length..(index + 1) * length]
    }

    pub(crate) fn except(&mut self, path: &[u8], exception: Exception) {
        self.exception_paths.push(path);
        self.exceptions.push(exception);
    }

    pub(crate) fn exceptions(&self) -> impl Iterator<Item = (&[u8], &Exception)> {
        self.exception_paths.iter().zip(&self.exceptions)
    }
}
