//! What a seal says must be there: one sorted table over the checksums and the attributes.
//!
//! Guarantees: the table is in the order of the keys of a walk (a folder's key ends with "/"), no key
//! comes twice, nothing lies below a file, a link or a mutable path, and every attribute speaks of
//! an entry that can have it. Attributes that do not fit the checksums beside them are refused.
//! An entry takes twelve bytes; its path stays in the artifact's bytes.

mod collect;

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::attributes::{Attributes, Owner, Place};
use crate::checksums::Checksums;
use crate::format::FormatError;
use crate::path::{Order, PathList};
use collect::Collected;

/// What an entry must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum What {
    File,
    Link,
    /// A folder that is empty, or has a mode or owner of its own.
    Folder,
    MutableFile,
    MutableFolder,
}

impl What {
    pub(crate) fn is_folder(self) -> bool {
        matches!(self, Self::Folder | Self::MutableFolder)
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::File | Self::MutableFile => "file",
            Self::Link => "link",
            Self::Folder | Self::MutableFolder => "folder",
        }
    }
}

/// What is not as usual about an entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Note {
    pub(crate) mode: Option<u16>,
    pub(crate) owner: Option<Owner>,
    pub(crate) append_only: Option<u64>,
    capability: Option<u32>,
    pub(crate) hard_link: bool,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    what: What,
    index: u32,
    /// Zero: none. Otherwise one more than its place in `notes`.
    note: u32,
}

/// The table alone: what takes time to make, and may be kept for the artifacts it was made of.
#[derive(Debug)]
pub(crate) struct Table {
    folders: PathList,
    entries: Vec<Entry>,
    notes: Vec<Note>,
    owner: Option<Owner>,
}

/// The table with the artifacts that its paths and digests lie in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected<'a> {
    checksums: &'a Checksums,
    attributes: &'a Attributes,
    folders: &'a PathList,
    entries: &'a [Entry],
    notes: &'a [Note],
    /// The owner of whatever has none noted.
    pub(crate) owner: Option<Owner>,
}

/// The table that was made last, for as long as a memory has it. One memory is filled by a scan of
/// everything while another answers for parts, and one table serves both.
#[derive(Clone, Default)]
pub(crate) struct Made(Arc<Mutex<Last>>);

/// A table, and the fingerprint of the attributes in it.
type Last = Option<([u8; 32], Weak<Table>)>;

impl Made {
    /// The table of checksums, which are always the same here, and attributes.
    pub(crate) fn table(
        &self,
        checksums: &Checksums,
        attributes: &Attributes,
    ) -> Result<Arc<Table>, FormatError> {
        let mut made = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fingerprint = attributes.fingerprint();
        let last = made.as_ref().filter(|(of, _)| *of == fingerprint);
        if let Some(table) = last.and_then(|(_, table)| table.upgrade()) {
            return Ok(table);
        }
        let table = Arc::new(Table::new(checksums, attributes)?);
        *made = Some((fingerprint, Arc::downgrade(&table)));
        Ok(table)
    }
}

impl Table {
    /// Bring checksums and attributes together.
    pub(crate) fn new(checksums: &Checksums, attributes: &Attributes) -> Result<Self, FormatError> {
        let mut collected = Collected::new(checksums, attributes);
        collected.collect()?;
        let Collected { folders, notes, owner, .. } = collected;
        let mut table = Self { folders, entries: Vec::new(), notes: Vec::new(), owner };
        table.entries = table.of(checksums, attributes).merged()?;
        table.attach(notes);
        Ok(table)
    }

    /// The table of these artifacts, which it was made of.
    pub(crate) fn of<'a>(
        &'a self,
        checksums: &'a Checksums,
        attributes: &'a Attributes,
    ) -> Expected<'a> {
        Expected {
            checksums,
            attributes,
            folders: &self.folders,
            entries: &self.entries,
            notes: &self.notes,
            owner: self.owner,
        }
    }

    /// Give each entry its note; several attributes of one entry become one note.
    fn attach(&mut self, mut collected: Vec<(What, u32, Note)>) {
        if collected.is_empty() {
            return;
        }
        collected.sort_by_key(|(what, index, _)| (*what, *index));
        collected.dedup_by(|(what, index, later), (kept_what, kept_index, note)| {
            let same = (*what, *index) == (*kept_what, *kept_index);
            if same {
                note.mode = note.mode.or(later.mode);
                note.owner = note.owner.or(later.owner);
                note.append_only = note.append_only.or(later.append_only);
                note.capability = note.capability.or(later.capability);
                note.hard_link |= later.hard_link;
            }
            same
        });
        let begin = |what| collected.partition_point(|(other, ..)| *other < what);
        // Each kind's entries come in the order of their index, and so do its notes.
        let mut next = [What::File, What::Link, What::Folder].map(begin);
        for entry in &mut self.entries {
            let kind = match entry.what {
                What::File => 0,
                What::Link => 1,
                What::Folder => 2,
                What::MutableFile | What::MutableFolder => continue,
            };
            let at = next[kind];
            if collected
                .get(at)
                .is_some_and(|(what, index, _)| (*what, *index) == (entry.what, entry.index))
            {
                entry.note = u32::try_from(at + 1).expect("fewer notes than bytes");
                next[kind] += 1;
            }
        }
        self.notes = collected.into_iter().map(|(.., note)| note).collect();
    }
}

impl Expected<'_> {
    fn merged(self) -> Result<Vec<Entry>, FormatError> {
        let index = |index: usize| u32::try_from(index).expect("fewer entries than bytes");
        let mut others: Vec<Entry> = Vec::new();
        let entry = |what, at| Entry { what, index: index(at), note: 0 };
        others.extend((0..self.attributes.symlinks.values.len()).map(|at| entry(What::Link, at)));
        others.extend((0..self.folders.len()).map(|at| entry(What::Folder, at)));
        for (at, place) in self.attributes.mutable.values.iter().enumerate() {
            let folder = *place == Place::Folder;
            others.push(entry(if folder { What::MutableFolder } else { What::MutableFile }, at));
        }
        others.sort_unstable_by(|a, b| self.key_of(*a).cmp(&self.key_of(*b)));
        let mut entries = Vec::with_capacity(self.checksums.len() + others.len());
        let mut others = others.into_iter().peekable();
        for file in 0..self.checksums.len() {
            let path = self.checksums.path(file);
            while let Some(other) = others.next_if(|other| self.key_of(*other).as_ref() < path) {
                entries.push(other);
            }
            entries.push(entry(What::File, file));
        }
        entries.extend(others);
        if entries.len() > self.checksums.len() {
            self.check_order(&entries)?;
        }
        Ok(entries)
    }

    fn check_order(self, entries: &[Entry]) -> Result<(), FormatError> {
        let mut order = Order::default();
        for entry in entries {
            order.next(self.key_of(*entry), entry.what != What::Folder).map_err(|reason| {
                let path = crate::finding::printable(self.path_of(*entry));
                FormatError::whole(format!("attributes that do not fit: {path:?} is {reason}"))
            })?;
        }
        Ok(())
    }

    pub(crate) fn len(&self) -> u32 {
        u32::try_from(self.entries.len()).expect("fewer entries than bytes")
    }

    pub(crate) fn what(&self, at: u32) -> What {
        self.entries[at as usize].what
    }

    fn path_of(&self, entry: Entry) -> &[u8] {
        let index = entry.index as usize;
        match entry.what {
            What::File => self.checksums.path(index),
            What::Link => self.attributes.symlinks.paths.get(index),
            What::Folder => self.folders.get(index),
            What::MutableFile | What::MutableFolder => self.attributes.mutable.paths.get(index),
        }
    }

    fn key_of(&self, entry: Entry) -> Cow<'_, [u8]> {
        let path = self.path_of(entry);
        if entry.what.is_folder() { [path, b"/"].concat().into() } else { path.into() }
    }

    pub(crate) fn path(&self, at: u32) -> &[u8] {
        self.path_of(self.entries[at as usize])
    }

    pub(crate) fn note(&self, at: u32) -> Note {
        match self.entries[at as usize].note {
            0 => Note::default(),
            note => self.notes[note as usize - 1],
        }
    }

    pub(crate) fn capability(&self, note: Note) -> Option<&[u8]> {
        note.capability.map(|index| &*self.attributes.capabilities.values[index as usize])
    }

    /// The digest of a file, in hexadecimal.
    pub(crate) fn hex(&self, at: u32) -> Cow<'_, str> {
        self.checksums.hex(self.entries[at as usize].index as usize)
    }

    /// Say whether a file was sealed with this digest.
    pub(crate) fn has_digest(&self, at: u32, digest: &[u8]) -> bool {
        self.checksums.has(self.entries[at as usize].index as usize, digest)
    }

    /// The target of a link.
    pub(crate) fn target(&self, at: u32) -> &[u8] {
        &self.attributes.symlinks.values[self.entries[at as usize].index as usize]
    }
}

#[cfg(test)]
mod tests;
