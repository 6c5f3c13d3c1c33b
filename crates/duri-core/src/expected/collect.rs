//! The first pass over the attributes, before they are merged with the checksums.
//!
//! Guarantees: each attribute is said of an entry that can have it, or refused.

use super::{Note, What};
use crate::attributes::{Attributes, Owner};
use crate::checksums::Checksums;
use crate::format::FormatError;
use crate::path::PathList;

/// The first pass over the attributes: which folders they name, and what they note.
pub(super) struct Collected<'a> {
    checksums: &'a Checksums,
    attributes: &'a Attributes,
    pub(super) folders: PathList,
    pub(super) notes: Vec<(What, u32, Note)>,
    pub(super) owner: Option<Owner>,
}

impl<'a> Collected<'a> {
    pub(super) fn new(checksums: &'a Checksums, attributes: &'a Attributes) -> Self {
        let folders = PathList::default();
        Self { checksums, attributes, folders, notes: Vec::new(), owner: None }
    }

    pub(super) fn collect(&mut self) -> Result<(), FormatError> {
        let attributes = self.attributes;
        let mut folders: Vec<(&[u8], Note)> = Vec::new();
        for path in attributes.empty_directories.iter() {
            folders.push((path, Note::default()));
        }
        for (mode, paths) in &attributes.modes {
            let note = Note { mode: Some(*mode), ..Note::default() };
            self.entries("modes", paths, note, false, &mut folders)?;
        }
        for (owner, paths) in &attributes.owners {
            if paths.iter().any(|path| path == b".") {
                self.owner = Some(*owner);
            }
            let note = Note { owner: Some(*owner), ..Note::default() };
            self.entries("owners", paths, note, true, &mut folders)?;
        }
        let sizes = attributes.append_only.values.iter();
        let sizes = sizes.map(|size| Note { append_only: Some(*size), ..Note::default() });
        self.files("append_only", &attributes.append_only.paths, sizes)?;
        let values = (0..).map(|index| Note { capability: Some(index), ..Note::default() });
        self.files("capabilities", &attributes.capabilities.paths, values)?;
        let linked = std::iter::repeat(Note { hard_link: true, ..Note::default() });
        self.files("hard_links", &attributes.hard_links, linked)?;
        self.add_folders(folders);
        Ok(())
    }

    /// Note what is said of files.
    fn files(
        &mut self,
        attribute: &str,
        paths: &PathList,
        notes: impl Iterator<Item = Note>,
    ) -> Result<(), FormatError> {
        let mut near = 0;
        for (path, note) in paths.iter().zip(notes) {
            near = self.checksums.find_from(near, path).map_err(|_| unfit(attribute, path))?;
            self.notes.push((What::File, small(near), note));
        }
        Ok(())
    }

    /// Note what is said of files, folders and, where `links`, links.
    fn entries(
        &mut self,
        attribute: &str,
        paths: &'a PathList,
        note: Note,
        links: bool,
        folders: &mut Vec<(&'a [u8], Note)>,
    ) -> Result<(), FormatError> {
        let mut near = 0;
        for path in paths.iter().filter(|path| *path != b".") {
            match self.checksums.find_from(near, path) {
                Ok(found) => {
                    near = found;
                    self.notes.push((What::File, small(found), note));
                }
                Err(after) => {
                    near = after;
                    match self.attributes.symlinks.paths.find(path) {
                        Some(link) if links => self.notes.push((What::Link, small(link), note)),
                        Some(_) => return Err(unfit(attribute, path)),
                        None => folders.push((path, note)),
                    }
                }
            }
        }
        Ok(())
    }

    /// Make the list of folders, in the order of their keys, and their notes.
    fn add_folders(&mut self, mut folders: Vec<(&[u8], Note)>) {
        let slash = std::slice::from_ref(&b'/');
        folders.sort_by(|(a, _), (b, _)| a.iter().chain(slash).cmp(b.iter().chain(slash)));
        for (path, note) in folders {
            if self.folders.last() != Some(path) {
                self.folders.push(path);
            }
            if note != Note::default() {
                self.notes.push((What::Folder, small(self.folders.len() - 1), note));
            }
        }
    }
}

fn small(index: usize) -> u32 {
    u32::try_from(index).expect("fewer entries than bytes")
}

fn unfit(attribute: &str, path: &[u8]) -> FormatError {
    let path = crate::finding::printable(path);
    FormatError::whole(format!("{attribute} that do not fit the checksums: {path:?}"))
}
