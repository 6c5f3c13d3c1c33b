//! The bytes that reading a group gives, as events.
//!
//! Guarantees: no byte is read outside the record that holds it, whatever the lengths in it say; what
//! cannot be read as an event is told as such, since something happened all the same.

/// linux/fanotify.h: `FANOTIFY_METADATA_VERSION`, `FAN_EVENT_INFO_TYPE_DFID_NAME` and `_DFID`.
const VERSION: u8 = 3;
const NAMED: u8 = 2;
const UNNAMED: u8 = 3;

/// `struct fanotify_event_metadata`.
const METADATA: usize = 24;
/// The header of a record and the file system's identity before the handle.
const HANDLE: usize = 12;

/// One event, or several of one name that the kernel has merged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// What happened, in any order.
    pub mask: u64,
    /// The process; 0 where it is in a namespace that we do not see.
    pub pid: i32,
    /// The folder, as `key_of` names it; None for an event of the queue itself, and where the kernel
    /// could not name the folder.
    pub key: Option<Box<[u8]>>,
    /// The name in the folder; None for the folder itself.
    pub name: Option<&'a [u8]>,
}

/// Bytes that are no event of the version known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable;

/// The events in what was read; what follows an event of a wrong length is one that is unreadable.
pub fn events(mut bytes: &[u8]) -> impl Iterator<Item = Result<Event<'_>, Unreadable>> {
    std::iter::from_fn(move || {
        if bytes.is_empty() {
            return None;
        }
        let length = u32_at(bytes, 0).map_or(0, |length| length as usize);
        if length < METADATA || length > bytes.len() {
            bytes = &[];
            return Some(Err(Unreadable));
        }
        let (event, rest) = bytes.split_at(length);
        bytes = rest;
        Some(if event[4] == VERSION { Ok(parse(event)) } else { Err(Unreadable) })
    })
}

fn parse(event: &[u8]) -> Event<'_> {
    let mask = event[8..16].try_into().map_or(0, u64::from_ne_bytes);
    let pid = event[20..24].try_into().map_or(0, i32::from_ne_bytes);
    let mut parsed = Event { mask, pid, key: None, name: None };
    let start = usize::from(u16_at(event, 6).unwrap_or(0)).max(METADATA);
    let mut records = event.get(start..).unwrap_or_default();
    while let (Some(&kind), Some(length)) = (records.first(), u16_at(records, 2)) {
        let length = usize::from(length);
        if length < 4 || length > records.len() {
            break;
        }
        let (record, rest) = records.split_at(length);
        records = rest;
        if matches!(kind, NAMED | UNNAMED)
            && let Some((key, name)) = folder_and_name(record)
        {
            parsed.key = Some(key);
            parsed.name = name.filter(|&name| kind == NAMED && name != b"." && !name.is_empty());
            break;
        }
    }
    parsed
}

/// A folder's key and what is said to be in it.
type Place<'a> = (Box<[u8]>, Option<&'a [u8]>);

fn folder_and_name(record: &[u8]) -> Option<Place<'_>> {
    let length = u32_at(record, HANDLE)? as usize;
    if length == 0 {
        return None;
    }
    let end = (HANDLE + 8).checked_add(length)?;
    let (file_system, handle) = (record.get(4..HANDLE)?, record.get(HANDLE + 4..end)?);
    let name = record.get(end..)?;
    let name = name.iter().position(|&byte| byte == 0).map(|end| &name[..end]);
    Some(([file_system, handle].concat().into_boxed_slice(), name))
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::{Event, Unreadable, events};

    /// An event with one record, as the kernel lays it out.
    fn event(version: u8, kind: u8, handle: &[u8], name: &[u8]) -> Vec<u8> {
        let mut record = vec![kind, 0, 0, 0];
        record.extend([1; 8]);
        record.extend(u32::try_from(handle.len()).unwrap().to_ne_bytes());
        record.extend(7_i32.to_ne_bytes());
        record.extend(handle);
        record.extend(name);
        record.resize(record.len().next_multiple_of(4), 0);
        let length = u16::try_from(record.len()).unwrap();
        record[2..4].copy_from_slice(&length.to_ne_bytes());
        let mut event = (u32::from(length) + 24).to_ne_bytes().to_vec();
        event.extend([version, 0]);
        event.extend(24_u16.to_ne_bytes());
        event.extend(2_u64.to_ne_bytes());
        event.extend((-1_i32).to_ne_bytes());
        event.extend(42_i32.to_ne_bytes());
        event.extend(record);
        event
    }

    fn key(handle: &[u8]) -> Box<[u8]> {
        [&[1; 8], &7_i32.to_ne_bytes()[..], handle].concat().into()
    }

    #[test]
    fn names_folders_and_other_versions_are_told_apart() {
        let bytes = [
            event(3, 2, b"abcd", b"na\xffme\0"),
            event(2, 2, b"abcd", b"old\0"),
            event(3, 2, b"abcdefgh", b".\0"),
            event(3, 9, b"abcd", b"name\0"),
            event(3, 2, b"", b"name\0"),
        ]
        .concat();
        let found: Vec<_> = events(&bytes).collect();
        let event = |key, name| Ok(Event { mask: 2, pid: 42, key, name });
        assert_eq!(found[0], event(Some(key(b"abcd")), Some(&b"na\xffme"[..])));
        assert_eq!(found[1], Err(Unreadable));
        assert_eq!(found[2], event(Some(key(b"abcdefgh")), None));
        // Of another kind, and one whose folder the kernel could not name.
        assert_eq!((&found[3], &found[4]), (&event(None, None), &event(None, None)));
        assert_eq!(found.len(), 5);
    }

    #[test]
    fn any_cut_and_any_wrong_length_are_survived() {
        let whole = event(3, 2, b"abcd", b"name\0");
        for end in 0..=whole.len() {
            let found: Vec<_> = events(&whole[..end]).collect();
            // Nothing is passed over in silence.
            assert_eq!(found.len(), usize::from(end > 0));
            assert!(found.iter().all(|event| event.is_ok() == (end == whole.len())));
        }
        for at in 0..whole.len() {
            for value in [0, 1, 3, 0x7f, 0xff] {
                let mut wrong = whole.clone();
                wrong[at] = value;
                assert!(matches!(events(&wrong).count(), 1 | 2));
            }
        }
    }
}
