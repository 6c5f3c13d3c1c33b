//! Which process and user made a change.
//!
//! Guarantees: asked of `/proc` while the event is read, once a process and reading; at most
//! `MAX_ORIGINS` paths and as many processes a reading. It is a hint for a person: a process that has ended has no user and
//! no name any more, its number may have been given to another, and a process names itself.

use std::collections::{BTreeMap, HashMap};

use crate::finding::printable;

/// A person reads a few; what changed is complete in the folders.
const MAX_ORIGINS: usize = 256;
/// Of `/proc/<pid>/status`; the lines read stand in its first hundreds of bytes.
const MAX_STATUS: usize = 4096;

/// Who changed a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    pub path: Vec<u8>,
    pub pid: i32,
    /// The real user.
    pub uid: Option<u32>,
    /// What the process calls itself, printable.
    pub command: Option<String>,
}

type Who = (Option<u32>, Option<String>);

#[derive(Debug, Default)]
pub(super) struct Origins {
    paths: BTreeMap<Vec<u8>, i32>,
    processes: HashMap<i32, Who>,
}

impl Origins {
    /// Note a change by a process, but none by this one.
    pub(super) fn note(&mut self, path: &[u8], pid: i32) {
        if pid <= 0 || u32::try_from(pid) == Ok(std::process::id()) {
            return;
        }
        if self.processes.len() == MAX_ORIGINS && !self.processes.contains_key(&pid) {
            // Whoever was the first to change the path is as good a hint.
            return;
        }
        if let Some(known) = self.paths.get_mut(path) {
            *known = pid;
        } else if self.paths.len() < MAX_ORIGINS {
            self.paths.insert(path.to_vec(), pid);
        } else {
            return;
        }
        self.processes.entry(pid).or_insert_with(|| who_is(pid));
    }

    pub(super) fn list(&self) -> Vec<Origin> {
        let origin = |(path, pid): (&Vec<u8>, &i32)| {
            let (uid, command) = self.processes.get(pid).cloned().unwrap_or_default();
            Origin { path: path.clone(), pid: *pid, uid, command }
        };
        self.paths.iter().map(origin).collect()
    }
}

fn who_is(pid: i32) -> Who {
    use std::io::Read as _;

    let mut status = Vec::with_capacity(MAX_STATUS);
    let opened = std::fs::File::open(format!("/proc/{pid}/status"));
    let read = opened.and_then(|file| file.take(MAX_STATUS as u64).read_to_end(&mut status));
    if read.is_err() {
        return (None, None);
    }
    let field =
        |name: &[u8]| status.split(|&c| c == b'\n').find_map(|line| line.strip_prefix(name));
    let uid = field(b"Uid:\t")
        .and_then(|ids| std::str::from_utf8(ids.split(|&c| c == b'\t').next()?).ok()?.parse().ok());
    // The kernel has escaped line ends and backslashes in it already.
    (uid, field(b"Name:\t").map(printable))
}

#[cfg(test)]
mod tests {
    use super::{MAX_ORIGINS, Origins, who_is};

    #[test]
    fn a_process_that_lives_is_known_and_one_that_does_not_is_not() {
        let (uid, command) = who_is(1);
        assert!(uid.is_some() && command.is_some());
        assert_eq!(who_is(i32::MAX), (None, None));
    }

    #[test]
    fn the_latest_counts_and_our_own_changes_and_unknown_processes_do_not() {
        let mut origins = Origins::default();
        for pid in [0, -1, std::process::id().try_into().unwrap()] {
            origins.note(b"own", pid);
        }
        assert_eq!(origins.list(), []);
        origins.note(b"a", i32::MAX);
        origins.note(b"a", 1);
        for number in 0..2 * MAX_ORIGINS {
            origins.note(number.to_string().as_bytes(), 1);
        }
        let found = origins.list();
        assert_eq!(found.len(), MAX_ORIGINS);
        assert!(found.iter().any(|origin| origin.path == b"a" && origin.pid == 1));
    }

    #[test]
    fn many_processes_that_change_one_path_are_not_all_asked_about() {
        let mut origins = Origins::default();
        for pid in 0..3 * i32::try_from(MAX_ORIGINS).unwrap() {
            origins.note(b"a", i32::MAX - pid);
        }
        assert_eq!((origins.processes.len(), origins.list().len()), (MAX_ORIGINS, 1));
    }
}
