//! The watched folders, by the number that events carry and by path.
//!
//! Guarantees: both sides always name the same watches; a path is kept once for both; a watch that
//! nobody needs any more is said to be none, and is not kept.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// Where a watched folder is seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Relative to the root.
    pub(super) path: Arc<[u8]>,
    /// In or below a folder whose content is free.
    pub(super) free: bool,
    /// The latest walk of everything that began before somebody came to it here.
    pub(super) walk: u32,
}

/// One watched folder.
#[derive(Clone, Debug, Default)]
pub(super) struct Watch {
    /// None where it is watched for the artifacts only.
    first: Option<Place>,
    /// A folder that is mounted at several places is one to the kernel.
    others: Box<[Place]>,
    pub(super) artifacts: bool,
    /// A file in it has other names, so what is written to it may be written to a sealed one.
    pub(super) linked: bool,
}

impl Watch {
    pub(super) fn places(&self) -> impl Iterator<Item = &Place> {
        self.first.iter().chain(&self.others)
    }

    fn is_needed(&self) -> bool {
        self.artifacts || self.first.is_some()
    }

    fn set(&mut self, places: Vec<Place>) {
        let mut places = places.into_iter();
        self.first = places.next();
        self.others = places.collect();
    }
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

    /// Say that a folder is watched for the artifacts.
    pub(super) fn set_artifacts(&mut self, key: u64) {
        self.watches.entry(key).or_default().artifacts = true;
    }

    /// Say that a file in the folder at a path has other names.
    pub(super) fn set_linked(&mut self, path: &[u8]) {
        for (_, key) in self.at(path) {
            if let Some(watch) = self.watches.get_mut(&key) {
                watch.linked = true;
            }
        }
    }

    /// Say that a folder is watched at a place too; one of the same path is replaced.
    pub(super) fn add(&mut self, key: u64, place: Place) {
        let watch = self.watches.entry(key).or_default();
        let mut places: Vec<Place> = watch.places().cloned().collect();
        if let Some(known) = places.iter_mut().find(|known| known.path == place.path) {
            (known.free, known.walk) = (place.free, place.walk);
        } else {
            self.paths.insert((Arc::clone(&place.path), key));
            places.push(place);
        }
        watch.set(places);
    }

    /// Keep some places of a folder; say whether it is watched for nothing any more.
    pub(super) fn retain(&mut self, key: u64, keep: impl Fn(&Place) -> bool) -> bool {
        let Some(watch) = self.watches.get_mut(&key) else { return false };
        let (kept, gone): (Vec<_>, Vec<_>) = watch.places().cloned().partition(keep);
        for place in gone {
            self.paths.remove(&(place.path, key));
        }
        watch.set(kept);
        let is_needed = watch.is_needed();
        if !is_needed {
            self.watches.remove(&key);
        }
        !is_needed
    }

    /// Forget a folder; say whether it was watched.
    pub(super) fn remove(&mut self, key: u64) -> bool {
        let watch = self.watches.remove(&key);
        for place in watch.iter().flat_map(Watch::places) {
            self.paths.remove(&(Arc::clone(&place.path), key));
        }
        watch.is_some()
    }

    /// The folders of which some, or all, places are to be kept as `keep` says; give those that
    /// nobody needs any more.
    pub(super) fn sweep(&mut self, all: bool, keep: impl Fn(&Place) -> bool) -> Vec<u64> {
        let is_old = |watch: &Watch| {
            (all || !watch.others.is_empty()) && watch.places().any(|place| !keep(place))
        };
        let old = self.watches.iter().filter(|(_, watch)| is_old(watch)).map(|(key, _)| *key);
        let old: Vec<u64> = old.collect();
        old.into_iter().filter(|key| self.retain(*key, &keep)).collect()
    }

    fn at(&self, path: &[u8]) -> Vec<(Arc<[u8]>, u64)> {
        let at = self.paths.range((Arc::<[u8]>::from(path), 0)..);
        at.take_while(|(found, _)| **found == *path).cloned().collect()
    }

    /// The places at a path and below it, and whose they are.
    pub(super) fn at_and_below(&self, path: &[u8]) -> Vec<(Arc<[u8]>, u64)> {
        let prefix = [path, b"/"].concat();
        let below = self.paths.range((Arc::<[u8]>::from(&*prefix), 0)..);
        let below = below.take_while(|(found, _)| found.starts_with(&prefix)).cloned();
        self.at(path).into_iter().chain(below).collect()
    }

    pub(super) fn clear(&mut self) -> Vec<u64> {
        self.paths.clear();
        self.watches.drain().map(|(key, _)| key).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Place, Table};

    fn place(path: &str, walk: u32) -> Place {
        Place { path: path.as_bytes().into(), free: false, walk }
    }

    fn keys(table: &Table, path: &str) -> Vec<u64> {
        let mut keys: Vec<u64> =
            table.at_and_below(path.as_bytes()).into_iter().map(|(_, key)| key).collect();
        keys.sort_unstable();
        keys
    }

    #[test]
    fn what_is_at_and_below_a_path_is_found_and_its_neighbours_are_not() {
        let mut table = Table::default();
        let paths = ["", "a", "a", "a/b", "a/b/c", "a-b", "a0", "ab", "a/", "b"];
        for (key, path) in (0..).zip(paths) {
            table.add(key, place(path, 0));
        }
        assert_eq!(keys(&table, "a"), [1, 2, 3, 4, 8]);
        assert_eq!(keys(&table, "none"), []);
    }

    #[test]
    fn a_folder_has_all_its_places_until_each_is_gone() {
        let mut table = Table::default();
        for (path, walk) in [("a", 0), ("b", 0), ("a", 1)] {
            table.add(1, place(path, walk));
        }
        let places = |table: &Table| table.get(1).map(|watch| watch.places().cloned().collect());
        assert_eq!(places(&table), Some(vec![place("a", 1), place("b", 0)]));
        assert!(!table.retain(1, |place| &*place.path != b"a"));
        assert_eq!((keys(&table, "a"), keys(&table, "b")), (vec![], vec![1]));
        assert!(table.retain(1, |place| &*place.path != b"b"));
        assert!(!table.retain(1, |_| false) && table.len() == 0);
        table.add(1, place("a", 0));
        assert!(table.remove(1) && !table.remove(1));
        assert_eq!((keys(&table, "a"), table.len()), (vec![], 0));
    }

    #[test]
    fn watches_that_a_walk_did_not_come_to_are_swept_and_others_are_not() {
        let mut table = Table::default();
        table.add(1, place("old", 1));
        table.add(2, place("new", 2));
        table.add(3, place("old, mounted twice", 1));
        table.add(3, place("new, mounted twice", 2));
        table.set_artifacts(4);
        table.add(5, place("old, with the artifacts", 1));
        table.set_artifacts(5);
        assert_eq!(table.sweep(false, |place| place.walk >= 2), []);
        assert_eq!((table.len(), table.get(3).map(|watch| watch.places().count())), (5, Some(1)));
        assert_eq!(table.sweep(true, |place| place.walk >= 2), [1]);
        assert_eq!((table.len(), table.sweep(true, |_| true)), (4, vec![]));
    }
}
