//! What the events read at once amount to.
//!
//! Guarantees: a folder is named once, as wholly unknown if any event calls for that; the memory is
//! bounded, and beyond the bound everything is called unknown.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use rustix::io::Errno;

use super::origin::{Origin, Origins};

/// Folders in one reading; more of them cost more than a scan of the whole tree.
const MAX_FOLDERS: usize = 1 << 16;
/// Bytes of their paths: deep trees have long ones.
const MAX_BYTES: usize = 8 << 20;

/// What changed since the last reading.
#[derive(Debug, Default)]
pub struct Changes {
    /// Folders to be listed again, by path; true where all below is unknown too.
    pub folders: BTreeMap<Vec<u8>, bool>,
    /// Something in or of the artifacts' folder changed.
    pub artifacts: bool,
    /// The root itself was deleted, moved or unmounted.
    pub root_gone: bool,
    /// Events were lost: everything is unknown.
    pub lost: bool,
    pub events: u64,
    /// Why the queue could not be read to its end; whoever reads it again may be told so for ever.
    pub failed: Option<Errno>,
    pub(super) origins: Origins,
    bytes: usize,
}

impl Changes {
    /// Who changed what, where the kernel tells.
    #[must_use]
    pub fn origins(&self) -> Vec<Origin> {
        self.origins.list()
    }

    pub(super) fn folder(&mut self, path: &[u8], deep: bool) {
        let (count, bytes) = (self.folders.len(), self.bytes + path.len());
        match self.folders.entry(path.to_vec()) {
            Entry::Occupied(mut known) => *known.get_mut() |= deep,
            Entry::Vacant(place) if count < MAX_FOLDERS && bytes <= MAX_BYTES => {
                place.insert(deep);
                self.bytes = bytes;
            }
            Entry::Vacant(_) => self.lost = true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Changes, MAX_BYTES, MAX_FOLDERS};

    #[test]
    fn a_folder_is_named_once_and_stays_deep() {
        let mut changes = Changes::default();
        for deep in [false, true, false] {
            changes.folder(b"a", deep);
        }
        assert_eq!(changes.folders.into_iter().collect::<Vec<_>>(), [(b"a".to_vec(), true)]);
    }

    #[test]
    fn more_folders_than_the_bound_are_everything() {
        let mut changes = Changes::default();
        for number in 0..MAX_FOLDERS {
            changes.folder(number.to_string().as_bytes(), false);
        }
        assert!(!changes.lost);
        changes.folder(b"0", true);
        assert!(!changes.lost);
        changes.folder(b"one more", false);
        assert!(changes.lost && changes.folders.len() == MAX_FOLDERS);
    }

    #[test]
    fn longer_paths_than_the_bound_are_everything() {
        let mut changes = Changes::default();
        let path = |number: usize| format!("{number:04096}").into_bytes();
        for number in 0..MAX_BYTES / 4096 {
            changes.folder(&path(number), false);
            // Known already, so it takes nothing.
            changes.folder(&path(number), true);
        }
        assert!(!changes.lost);
        changes.folder(b"a", false);
        assert!(changes.lost && changes.folders.len() == MAX_BYTES / 4096);
    }
}
