//! Taking events out of the kernel's queue.
//!
//! Guarantees: never waits; at most `MAX_READS` buffers at a time. What cannot be read, or does not say
//! where it happened, is told as lost: an event is never passed over in silence. The watches are locked for one
//! buffer, so a scan that adds some waits for no longer than that.

use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;

use duri_fanotify::{Group, Unreadable};
use rustix::fs::inotify::{ReadFlags, Reader};
use rustix::io::Errno;

use super::changes::Changes;
use super::state::{Event, State};
use super::{Queue, Watcher};

const BUFFER: usize = 64 * 1024;
/// Four megabytes: more than a queue of the usual 16,384 events holds.
const MAX_READS: usize = 64;

/// What was read before the kernel refused is told all the same; what was not is lost.
pub(super) fn read(watcher: &Watcher) -> Changes {
    let mut changes = Changes::default();
    let result = match &watcher.queue {
        Queue::Inotify(queue) => read_inotify(watcher, queue, &mut changes),
        Queue::Fanotify(group) => read_fanotify(watcher, group, &mut changes),
    };
    if let Err(errno) = result
        && errno != Errno::AGAIN
    {
        changes.lost = true;
        changes.failed = Some(errno);
    }
    if changes.lost {
        watcher.state().lose();
    }
    changes
}

fn read_inotify(watcher: &Watcher, queue: &OwnedFd, changes: &mut Changes) -> Result<(), Errno> {
    let mut buffer = vec![MaybeUninit::uninit(); BUFFER];
    let mut reader = Reader::new(queue, &mut buffer);
    for _ in 0..MAX_READS {
        let mut state = watcher.state();
        loop {
            let event = match reader.next() {
                Err(Errno::INTR) => continue,
                other => other?,
            };
            changes.events += 1;
            let (mask, name) = (event.events(), event.file_name().map(std::ffi::CStr::to_bytes));
            if mask.contains(ReadFlags::QUEUE_OVERFLOW) {
                changes.lost = true;
            } else if let Ok(key) = u64::try_from(event.wd()) {
                let event = Event { key, mask, name, pid: 0 };
                state.take(&watcher.queue, &watcher.filter, &event, changes);
            } else {
                changes.lost = true;
            }
            if reader.is_buffer_empty() {
                break;
            }
        }
    }
    Ok(())
}

fn read_fanotify(watcher: &Watcher, group: &Group, changes: &mut Changes) -> Result<(), Errno> {
    let mut buffer = vec![0; BUFFER];
    for _ in 0..MAX_READS {
        let mut state = watcher.state();
        let length = match rustix::io::read(group, &mut buffer[..]) {
            Err(Errno::INTR) => continue,
            other => other?,
        };
        for event in duri_fanotify::events(&buffer[..length]) {
            changes.events += 1;
            match event {
                Ok(event) => take(watcher, &mut state, &event, changes),
                Err(Unreadable) => changes.lost = true,
            }
        }
    }
    Ok(())
}

fn take(
    watcher: &Watcher,
    state: &mut State,
    event: &duri_fanotify::Event<'_>,
    changes: &mut Changes,
) {
    #[allow(clippy::cast_possible_truncation, reason = "what is asked for has 32 bits")]
    let mask = ReadFlags::from_bits_retain(event.mask as u32);
    if mask.contains(ReadFlags::QUEUE_OVERFLOW) {
        changes.lost = true;
        return;
    }
    let Some(handle) = event.key.as_deref() else {
        // Something happened, and the kernel does not say where.
        changes.lost = true;
        return;
    };
    if let Some(key) = state.number(handle) {
        let event = Event { key, mask, name: event.name, pid: event.pid };
        state.take(&watcher.queue, &watcher.filter, &event, changes);
    }
    if event.name.is_none() && mask.contains(ReadFlags::DELETE_SELF) {
        state.end_of(handle);
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd as _;

    use super::super::{Queue, Source, Watcher};
    use super::{Changes, take};
    use crate::rules::{Patterns, Rules};
    use rustix::io::Errno;

    fn watcher() -> Watcher {
        let none = Patterns { ignore: &[], mutable: &[], append_only: &[], external_links: &[] };
        let rules = Rules::new(none, false, false).unwrap();
        Watcher::new(Source::Inotify, rules, None).unwrap()
    }

    #[test]
    fn what_cannot_be_read_is_lost_and_what_was_read_is_not() {
        let place = tempfile::tempdir().unwrap();
        let folder = std::fs::File::open(place.path()).unwrap();
        let mut watcher = watcher();
        watcher.watch(folder.as_fd(), b"").unwrap();
        std::fs::write(place.path().join("name"), b"x").unwrap();
        let changes = watcher.read();
        assert!(
            !changes.lost && changes.failed.is_none() && changes.folders.contains_key(&b""[..])
        );
        // A folder is no queue of events.
        watcher.queue = Queue::Inotify(folder.into());
        let changes = watcher.read();
        assert!(changes.lost);
        assert_eq!(changes.failed, Some(Errno::ISDIR));
    }

    #[test]
    fn an_event_that_does_not_say_where_is_lost_and_one_of_a_forgotten_folder_is_not() {
        let watcher = watcher();
        for (key, lost) in [(None, true), (Some(Box::from(&b"forgotten"[..])), false)] {
            let event = duri_fanotify::Event { mask: 2, pid: 1, key, name: Some(b"name") };
            let mut changes = Changes::default();
            take(&watcher, &mut watcher.state(), &event, &mut changes);
            assert_eq!((changes.lost, changes.folders.len()), (lost, 0));
        }
    }
}
