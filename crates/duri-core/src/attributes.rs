//! `attributes` of `deployment_metadata.json`: what is not content, by exception so that it stays small.
//!
//! Guarantees: a value is what a scan of a tree can give: paths normal and sorted, no path twice in one
//! attribute, nothing empty that could be left out. Reading and writing are in `codec`; whether
//! the attributes fit the checksums beside them is asked by `expected`.

mod codec;

use crate::fingerprint::Fingerprint;
use crate::path::PathList;

/// Paths in ascending order, each with a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PathMap<V> {
    pub(crate) paths: PathList,
    pub(crate) values: Vec<V>,
}

impl<V> Default for PathMap<V> {
    fn default() -> Self {
        Self { paths: PathList::default(), values: Vec::new() }
    }
}

impl<V> PathMap<V> {
    pub(crate) fn push(&mut self, path: &[u8], value: V) {
        self.paths.push(path);
        self.values.push(value);
    }

    pub(crate) fn find(&self, path: &[u8]) -> Option<&V> {
        self.paths.find(path).map(|index| &self.values[index])
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], &V)> {
        self.paths.iter().zip(&self.values)
    }
}

/// What a mutable path must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    File,
    Folder,
}

impl Place {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Folder => "folder",
        }
    }
}

/// User and group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Owner {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

impl std::fmt::Display for Owner {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}:{}", self.uid, self.gid)
    }
}

/// The parsed attributes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    /// The size of the sealed prefix.
    pub(crate) append_only: PathMap<u64>,
    /// The value of `security.capability`.
    pub(crate) capabilities: PathMap<Box<[u8]>>,
    pub(crate) empty_directories: PathList,
    /// Files with another name outside the tree.
    pub(crate) hard_links: PathList,
    /// Files other than 0644 and folders other than 0755, by mode.
    pub(crate) modes: Vec<(u16, PathList)>,
    pub(crate) mutable: PathMap<Place>,
    /// Who owns what the root folder's owner does not; the root folder itself is ".".
    pub(crate) owners: Vec<(Owner, PathList)>,
    pub(crate) symlinks: PathMap<Box<[u8]>>,
    pub(crate) fingerprint: Fingerprint,
}

impl Attributes {
    /// A digest of the canonical value, taken once.
    pub(crate) fn fingerprint(&self) -> [u8; 32] {
        self.fingerprint.of(|| self.to_json())
    }
}
