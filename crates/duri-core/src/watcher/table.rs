//! The watched folders, by the number that events carry and by path.
//!
//! Guarantees: both sides always name the same watches; a path is kept once for both.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// One watched folder.
#[derive(Clone, Debug, Default)]
pub(super) struct Watch {
    /// Relative to the root; None where it is watched for the artifacts only.
    pub(super) path: Option<Arc<[u8]>>,
    pub(super) artifacts: bool,
    /// In or below a folder whose content is free.
    pub(super) free: bool,
}

#[derive(Debug, Default)]
pub(super) struct Table {
    watches: HashMap<u64, Watch>,
    /// Two folders may have one path for a moment: the one that was there, and its successor.
    paths: BTreeSet<(Arc<[u8]>, u64)>,
}

impl Table {
    pub(super) fn get(&self, key: u64) -> Option<&Watch> {
        self.watches.get(&key)
    }

    pub(super) fn len(&self) -> usize {
        self.watches.len()
    }

    pub(super) fn set(&mut self, key: u64, watch: Watch) {
        self.remove(key);
        if let Some(path) = &watch.path {
            self.paths.insert((Arc::clone(path), key));
        }
        self.watches.insert(key, watch);
    }

    pub(super) fn remove(&mut self, key: u64) -> Option<Watch> {
        let watch = self.watches.remove(&key)?;
        if let Some(path) = &watch.path {
            self.paths.remove(&(Arc::clone(path), key));
        }
        Some(watch)
    }

    /// The watches at a path and below it.
    pub(super) fn at_and_below(&self, path: &[u8]) -> Vec<u64> {
        let from = |path: &[u8]| (Arc::<[u8]>::from(path), 0);
        let at = self.paths.range(from(path)..).take_while(|(found, _)| **found == *path);
        let prefix = [path, b"/"].concat();
        let below = self.paths.range(from(&prefix)..);
        let below = below.take_while(|(found, _)| found.starts_with(&prefix));
        at.chain(below).map(|(_, key)| *key).collect()
    }

    pub(super) fn clear(&mut self) -> Vec<u64> {
        self.paths.clear();
        self.watches.drain().map(|(key, _)| key).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Table, Watch};

    fn watch(path: &str) -> Watch {
        Watch { path: Some(path.as_bytes().into()), ..Watch::default() }
    }

    #[test]
    fn what_is_at_and_below_a_path_is_found_and_its_neighbours_are_not() {
        let mut table = Table::default();
        let paths = ["", "a", "a", "a/b", "a/b/c", "a-b", "a0", "ab", "a/", "b"];
        for (key, path) in (0..).zip(paths) {
            table.set(key, watch(path));
        }
        let mut found = table.at_and_below(b"a");
        found.sort_unstable();
        assert_eq!(found, [1, 2, 3, 4, 8]);
        assert_eq!(table.at_and_below(b"none"), []);
    }

    #[test]
    fn a_new_path_replaces_the_old_one() {
        let mut table = Table::default();
        table.set(1, watch("a"));
        table.set(1, watch("b"));
        assert_eq!((table.at_and_below(b"a"), table.at_and_below(b"b")), (vec![], vec![1]));
        assert!(table.remove(1).is_some() && table.remove(1).is_none());
        assert_eq!((table.at_and_below(b"b"), table.len()), (vec![], 0));
    }
}
