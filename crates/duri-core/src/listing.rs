//! The entries of one folder, sorted as the paths of a release are.
//!
//! Guarantees: each entry has the type that the folder gave, asked of the inode where it gave none;
//! names are exact bytes, in one allocation. A folder's key is its name with "/", so that the keys of
//! a listing are in the order in which whole paths are: "a-b" before "a/c".

use std::os::fd::OwnedFd;

use rustix::fs::RawDir;
use rustix::io::Errno;

use crate::open::{Type, stat_entry};

/// Bytes of names that one system call may return; larger ones measured no faster.
pub(crate) const BUFFER: usize = 32 * 1024;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    at: u32,
    key_length: u16,
    pub(crate) kind: Type,
}

/// A folder's entries.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    names: Vec<u8>,
    entries: Vec<Entry>,
}

impl Listing {
    /// Read and sort a folder; `keep` says by name what is in it for this scan.
    pub(crate) fn read(
        folder: &OwnedFd,
        buffer: &mut Vec<u8>,
        keep: impl Fn(&[u8]) -> bool,
    ) -> Result<Self, Errno> {
        let mut listing = Self::default();
        buffer.clear();
        buffer.reserve(BUFFER);
        let mut entries = RawDir::new(folder, buffer.spare_capacity_mut());
        while let Some(entry) = entries.next() {
            let entry = match entry {
                Ok(entry) => entry,
                // The folder itself was removed while it was read: nothing more is in it.
                Err(Errno::NOENT) => break,
                Err(errno) => return Err(errno),
            };
            let name = entry.file_name().to_bytes();
            if matches!(name, b"." | b"..") || !keep(name) {
                continue;
            }
            let kind = match Type::from(entry.file_type()) {
                Type::Unknown => match stat_entry(folder, name) {
                    Ok(stat) => Type::of(&stat),
                    Err(Errno::NOENT) => continue,
                    Err(errno) => return Err(errno),
                },
                kind => kind,
            };
            listing.push(name, kind)?;
        }
        listing.sort();
        Ok(listing)
    }

    /// Some folders of one, without reading it.
    pub(crate) fn of_folders<'a>(names: impl IntoIterator<Item = &'a [u8]>) -> Result<Self, Errno> {
        let mut listing = Self::default();
        for name in names {
            listing.push(name, Type::Folder)?;
        }
        listing.sort();
        Ok(listing)
    }

    fn push(&mut self, name: &[u8], kind: Type) -> Result<(), Errno> {
        let at = u32::try_from(self.names.len()).map_err(|_| Errno::OVERFLOW)?;
        self.names.extend_from_slice(name);
        if kind == Type::Folder {
            self.names.push(b'/');
        }
        let length = self.names.len() - at as usize;
        let key_length = u16::try_from(length).map_err(|_| Errno::NAMETOOLONG)?;
        self.entries.push(Entry { at, key_length, kind });
        Ok(())
    }

    fn sort(&mut self) {
        let names = &self.names;
        self.entries.sort_unstable_by(|a, b| key_in(names, *a).cmp(key_in(names, *b)));
        // A folder that changes while it is read may give a name twice.
        self.entries.dedup_by(|a, b| key_in(names, *a) == key_in(names, *b));
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn kind(&self, index: usize) -> Type {
        self.entries[index].kind
    }

    /// The name, with "/" after a folder's.
    pub(crate) fn key(&self, index: usize) -> &[u8] {
        key_in(&self.names, self.entries[index])
    }

    pub(crate) fn name(&self, index: usize) -> &[u8] {
        let key = self.key(index);
        if self.kind(index) == Type::Folder { &key[..key.len() - 1] } else { key }
    }

    /// The entry with this key.
    pub(crate) fn find(&self, key: &[u8]) -> Option<usize> {
        self.entries.binary_search_by(|entry| key_in(&self.names, *entry).cmp(key)).ok()
    }

    #[cfg(test)]
    pub(crate) fn of(entries: &[(&str, Type)]) -> Self {
        let mut listing = Self::default();
        for (name, kind) in entries {
            listing.push(name.as_bytes(), *kind).unwrap();
        }
        listing.sort();
        listing
    }
}

fn key_in(names: &[u8], entry: Entry) -> &[u8] {
    let start = entry.at as usize;
    &names[start..start + usize::from(entry.key_length)]
}

#[cfg(test)]
mod tests {
    use super::{Listing, Type};

    #[test]
    fn entries_are_in_the_order_of_whole_paths() {
        let listing = Listing::of(&[
            ("a", Type::Folder),
            ("a-b", Type::File),
            ("a.b", Type::Link),
            ("a0", Type::File),
            ("a0", Type::File),
        ]);
        let keys: Vec<&[u8]> = (0..listing.len()).map(|index| listing.key(index)).collect();
        assert_eq!(keys, [&b"a-b"[..], b"a.b", b"a/", b"a0"]);
        assert_eq!((listing.name(2), listing.kind(2)), (&b"a"[..], Type::Folder));
        assert_eq!((listing.find(b"a/"), listing.find(b"a")), (Some(2), None));
    }
}
