//! What a comparison found, kept so that the next one may look at less.
//!
//! Guarantees:
//! - An identity (device, inode, change time, size) is remembered only of a file that was as sealed
//!   when it was read: content, mode, capability, owner. It was taken before the file was read, so that
//!   a change meanwhile gives the file another.
//! - A file that changed less than two seconds before the comparison began is read again by the next
//!   one: a write within the same tick of the file system's clock would not change its identity.
//! - A memory is bound to one seal, one policy and one root. With others it is cleared by itself.
//! - A comparison that was stopped or failed leaves nothing behind that another relies on.
//!
//! What an unchanged identity does not prove: that nobody wrote through a mapping that is not flushed
//! yet, set the clock back, wrote to the device below the file system, edited an image while it was not
//! mounted and mounted it again with the same numbers (where the kernel does not number mounts once and
//! for all), or mounted a file over itself. A name outside the tree is no way round it: the file has
//! one change time for all its names; but no event tells of a write through it. A network file system
//! shows attributes from its cache, and a server in user space says whatever change time it likes. A
//! comparison that reads everything is the truth; one with a memory is early news of it.

use std::hash::{BuildHasher as _, RandomState};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use rustix::fs::Stat;
use rustix::time::{ClockId, clock_gettime};

use crate::algorithm::Algorithm;
use crate::expected::Table;
use crate::finding::Finding;
use crate::scan::ScanError;

/// Coarser than the clock of any file system in use (FAT counts in two seconds).
const TICK: i64 = 2_000_000_000;

/// In a slot: an identity that was taken, of a file whose content is not known yet.
const PENDING: u64 = 1 << 63;
/// In every identity, so that zero is none.
const TAKEN: u64 = 1;

/// What a memory speaks of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bound {
    pub(crate) checksums: [u8; 32],
    pub(crate) attributes: [u8; 32],
    pub(crate) rules: [u8; 32],
    pub(crate) algorithm: Algorithm,
    pub(crate) exclude: Option<Vec<u8>>,
    pub(crate) total_bytes: Option<u64>,
    /// Device and inode of the root.
    pub(crate) root: (u64, u64),
    /// A number of the root's mount that is never given again, where the kernel has one: what is
    /// mounted anew may have been changed meanwhile.
    pub(crate) mount: Option<u64>,
}

/// How far what is remembered may be relied upon.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Trust {
    #[default]
    Nothing,
    /// The files' identities; not the findings.
    Identities,
    /// The findings too.
    All,
}

/// The sealed files: which are as sealed, and the identities that say so. An index is the table's.
#[derive(Debug, Default)]
pub(crate) struct Files {
    /// The identity of each file as it was verified, as a keyed hash: a quarter of the memory that
    /// its four numbers take. Two identities of one file look alike once in 2^62, and nobody who does
    /// not know the key can do anything about that.
    slots: Vec<AtomicU64>,
    key: RandomState,
    /// A bit each.
    verified: Vec<AtomicU64>,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) bound: Option<Bound>,
    pub(crate) trust: Trust,
    /// What is sealed, kept because making it takes longer than looking at one folder.
    pub(crate) table: Option<Arc<Table>>,
    pub(crate) files: Files,
    /// Of the last comparison, sorted.
    pub(crate) findings: Vec<Finding>,
    /// Sealed names of files that have several names in the tree, or should have one only: what becomes
    /// of one of them decides about all.
    pub(crate) linked: Vec<u32>,
    /// Whether a new file is among the names of one of those.
    pub(crate) linked_new: bool,
}

/// A memory; several comparisons use it one after the other.
#[derive(Debug, Default)]
pub struct Memory {
    verified: AtomicUsize,
    state: Mutex<State>,
}

impl Memory {
    /// How many sealed files are known to be as sealed.
    #[must_use]
    pub fn len(&self) -> usize {
        self.verified.load(Ordering::Relaxed)
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forget everything.
    ///
    /// # Errors
    ///
    /// `Busy`, when a comparison uses it.
    pub fn clear(&self) -> Result<(), ScanError> {
        *self.lock()? = State::default();
        self.verified.store(0, Ordering::Relaxed);
        Ok(())
    }

    pub(crate) fn lock(&self) -> Result<MutexGuard<'_, State>, ScanError> {
        match self.state.try_lock() {
            Ok(state) => Ok(state),
            // A panic left its trust at nothing.
            Err(TryLockError::Poisoned(poisoned)) => Ok(PoisonError::into_inner(poisoned)),
            Err(TryLockError::WouldBlock) => Err(ScanError::Busy),
        }
    }

    pub(crate) fn publish(&self, verified: usize) {
        self.verified.store(verified, Ordering::Relaxed);
    }
}

impl Files {
    pub(crate) fn new(length: usize) -> Self {
        let mut slots = Vec::new();
        slots.resize_with(length, AtomicU64::default);
        let mut verified = Vec::new();
        verified.resize_with(length.div_ceil(64), AtomicU64::default);
        Self { slots, key: RandomState::new(), verified }
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Say whether a file is what it was when it was verified, as far as its identity tells.
    pub(crate) fn matches(&self, at: u32, stat: &Stat) -> bool {
        self.slots[at as usize].load(Ordering::Relaxed) == self.identity(stat)
    }

    pub(crate) fn forget(&self, at: u32) {
        self.slots[at as usize].store(0, Ordering::Relaxed);
    }

    /// Keep the identity of a file that is about to be read, if it changed before `until`.
    pub(crate) fn propose(&self, at: u32, stat: &Stat, until: i64) {
        let identity = if changed(stat) >= until { 0 } else { self.identity(stat) | PENDING };
        self.slots[at as usize].store(identity, Ordering::Relaxed);
    }

    /// Say that a file is as sealed; the identity that was proposed is its own.
    pub(crate) fn confirm(&self, at: u32) {
        self.slots[at as usize].fetch_and(!PENDING, Ordering::Relaxed);
        self.set_verified(at);
    }

    fn identity(&self, stat: &Stat) -> u64 {
        let facts = (stat.st_dev, stat.st_ino, changed(stat), stat.st_size);
        self.key.hash_one(facts) & !PENDING | TAKEN
    }

    pub(crate) fn set_verified(&self, at: u32) {
        self.verified[at as usize / 64].fetch_or(1 << (at % 64), Ordering::Relaxed);
    }

    /// Call nothing in a range verified any more. Identities stay: each says for itself what it proves.
    pub(crate) fn reset(&self, range: Range<u32>) {
        let Range { mut start, end } = range;
        while start < end {
            let next = (start / 64 + 1).saturating_mul(64).min(end);
            let ones = (!0_u64 >> (64 - (next - start))) << (start % 64);
            self.verified[start as usize / 64].fetch_and(!ones, Ordering::Relaxed);
            start = next;
        }
    }

    pub(crate) fn reset_all(&mut self) {
        self.verified.fill_with(AtomicU64::default);
    }

    /// The entries that are not verified, whatever they are.
    pub(crate) fn unverified(&self) -> impl Iterator<Item = u32> {
        let words = self.verified.iter().map(|word| word.load(Ordering::Relaxed));
        let bases = (0_u32..).step_by(64);
        let length = u32::try_from(self.slots.len()).expect("as many as the table has entries");
        let lacking = bases.zip(words).filter(|(_, word)| *word != u64::MAX);
        lacking
            .flat_map(|(base, word)| {
                (0..64).filter(move |bit| word >> bit & 1 == 0).map(move |bit| base + bit)
            })
            .take_while(move |at| *at < length)
    }

    pub(crate) fn verified(&self) -> usize {
        let words = self.verified.iter();
        words.map(|word| word.load(Ordering::Relaxed).count_ones() as usize).sum()
    }
}

/// The moment before which a file must have changed for its identity to prove something.
pub(crate) fn settled_before() -> i64 {
    // The clock that the kernel takes change times from.
    let now = clock_gettime(ClockId::RealtimeCoarse);
    nanoseconds(now.tv_sec, now.tv_nsec).saturating_sub(TICK)
}

fn changed(stat: &Stat) -> i64 {
    nanoseconds(stat.st_ctime, i64::try_from(stat.st_ctime_nsec).unwrap_or(0))
}

fn nanoseconds(seconds: i64, nanoseconds: i64) -> i64 {
    seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds)
}

#[cfg(test)]
mod tests {
    use super::Files;

    #[test]
    fn a_range_is_reset_to_the_bit() {
        for (start, end) in [(0, 0), (0, 1), (3, 64), (63, 65), (64, 128), (1, 200), (199, 200)] {
            let files = Files::new(200);
            (0..200).for_each(|at| files.set_verified(at));
            files.reset(start..end);
            assert_eq!(files.verified(), 200 - (end - start) as usize, "{start}..{end}");
            assert!(files.unverified().eq(start..end), "{start}..{end}");
            (start..end).for_each(|at| files.set_verified(at));
            assert_eq!(files.verified(), 200, "{start}..{end}");
        }
    }

    #[test]
    fn an_identity_counts_once_confirmed_and_only_when_it_is_old_enough() {
        let stat = rustix::fs::stat("/").unwrap();
        let files = Files::new(1);
        assert!(!files.matches(0, &stat));
        files.propose(0, &stat, i64::MAX);
        assert!(!files.matches(0, &stat));
        files.confirm(0);
        assert!(files.matches(0, &stat));
        let mut other = stat;
        other.st_ctime_nsec ^= 1;
        assert!(!files.matches(0, &other));
        files.forget(0);
        assert!(!files.matches(0, &stat));
        files.propose(0, &stat, super::changed(&stat));
        files.confirm(0);
        assert!(!files.matches(0, &stat) && files.verified() == 1);
    }
}
