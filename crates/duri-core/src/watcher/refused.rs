//! The folders that could not be watched when it was last tried.
//!
//! Guarantees: bounded, and beyond the bound counted; a folder that left, or that a walk of everything
//! did not try again, is none of them.

use std::collections::BTreeMap;
use std::ops::Bound;

use rustix::io::Errno;

/// Paths that are known by name; a tree with more has its limit of watches wrong by far.
const MAX_PATHS: usize = 1 << 16;

#[derive(Debug, Default)]
pub(super) struct Refused {
    /// With the walk that was the latest to have begun.
    paths: BTreeMap<Box<[u8]>, u32>,
    /// How many more during that walk.
    beyond: (u32, usize),
    last: Option<Errno>,
}

impl Refused {
    pub(super) fn note(&mut self, path: &[u8], errno: Errno, walk: u32) {
        self.last = Some(errno);
        if let Some(known) = self.paths.get_mut(path) {
            *known = walk;
        } else if self.paths.len() < MAX_PATHS {
            self.paths.insert(path.into(), walk);
        } else {
            let (latest, count) = self.beyond;
            self.beyond = (walk, if latest == walk { count + 1 } else { 1 });
        }
    }

    pub(super) fn remove(&mut self, path: &[u8]) {
        self.paths.remove(path);
    }

    /// A folder left, with everything below it.
    pub(super) fn remove_below(&mut self, path: &[u8]) {
        self.paths.remove(path);
        let prefix = [path, b"/"].concat();
        let from = (Bound::Excluded(&*prefix), Bound::Unbounded);
        let below = self.paths.range::<[u8], _>(from).map(|(path, _)| path);
        let below: Vec<_> = below.take_while(|path| path.starts_with(&prefix)).cloned().collect();
        for path in below {
            self.paths.remove(&path);
        }
    }

    /// A walk of everything came to its end: what it did not try is not there.
    pub(super) fn settle(&mut self, walk: u32) {
        self.paths.retain(|_, latest| *latest >= walk);
        if self.beyond.0 < walk {
            self.beyond = (walk, 0);
        }
    }

    pub(super) fn count(&self) -> usize {
        self.paths.len() + self.beyond.1
    }

    pub(super) fn last(&self) -> Option<Errno> {
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_PATHS, Refused};
    use rustix::io::Errno;

    fn refused(paths: &[&str]) -> Refused {
        let mut refused = Refused::default();
        for path in paths {
            refused.note(path.as_bytes(), Errno::NOSPC, 1);
        }
        refused
    }

    #[test]
    fn what_left_goes_with_everything_below_it_and_its_neighbours_stay() {
        let mut refused = refused(&["a", "a-", "a/b", "a/b/c", "a0", "a"]);
        assert_eq!((refused.count(), refused.last()), (5, Some(Errno::NOSPC)));
        refused.remove_below(b"a");
        assert_eq!(refused.count(), 2);
        refused.remove(b"a-");
        refused.remove(b"none");
        assert_eq!(refused.count(), 1);
    }

    #[test]
    fn what_a_walk_did_not_try_again_is_gone() {
        let mut refused = refused(&["a", "b"]);
        refused.note(b"b", Errno::ACCESS, 2);
        refused.settle(2);
        assert_eq!((refused.count(), refused.last()), (1, Some(Errno::ACCESS)));
    }

    #[test]
    fn beyond_the_bound_folders_are_counted() {
        let mut refused = Refused::default();
        for walk in [1, 2] {
            for number in 0..MAX_PATHS + 5 {
                refused.note(number.to_string().as_bytes(), Errno::NOSPC, walk);
            }
            assert_eq!((refused.count(), refused.paths.len()), (MAX_PATHS + 5, MAX_PATHS));
        }
        refused.settle(3);
        assert_eq!(refused.count(), 0);
    }
}
