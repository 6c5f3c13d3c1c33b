//! The table is sorted as a walk is, and refuses what is not of one release.

use super::{Table, What};
use crate::algorithm::Algorithm;
use crate::attributes::{Attributes, Owner, Place};
use crate::checksums::{Checksums, Writer};

fn checksums(paths: &[&str]) -> Checksums {
    let mut writer = Writer::with_capacity(0);
    for path in paths {
        writer.entry(path.as_bytes(), &[7; 32]);
    }
    Checksums::parse(writer.finish(), Algorithm::Sha256).unwrap()
}

fn list(paths: &[&str]) -> crate::path::PathList {
    paths.iter().map(|path| path.as_bytes()).collect()
}

fn attributes() -> Attributes {
    let mut attributes = Attributes {
        empty_directories: list(&["a-b", "e"]),
        hard_links: list(&["b/x"]),
        modes: vec![(0o600, list(&["a/f"])), (0o700, list(&["a", "b/x"]))],
        owners: vec![
            (Owner { uid: 0, gid: 0 }, list(&["."])),
            (Owner { uid: 5, gid: 6 }, list(&["a", "l"])),
        ],
        ..Attributes::default()
    };
    attributes.append_only.push(b"b/x", 9);
    attributes.capabilities.push(b"a/f", [1, 2].into());
    attributes.mutable.push(b"data", Place::Folder);
    attributes.mutable.push(b"pid", Place::File);
    attributes.symlinks.push(b"l", (*b"a/f").into());
    attributes
}

#[test]
fn entries_are_in_the_order_of_a_walk_with_their_notes() {
    let (files, attributes) = (checksums(&["a.c", "a/f", "b/x"]), attributes());
    let table = Table::new(&files, &attributes).unwrap();
    let table = table.of(&files, &attributes);
    let rows: Vec<(What, &str)> = (0..table.len())
        .map(|at| (table.what(at), std::str::from_utf8(table.path(at)).unwrap()))
        .collect();
    assert_eq!(
        rows,
        [
            (What::Folder, "a-b"),
            (What::File, "a.c"),
            (What::Folder, "a"),
            (What::File, "a/f"),
            (What::File, "b/x"),
            (What::MutableFolder, "data"),
            (What::Folder, "e"),
            (What::Link, "l"),
            (What::MutableFile, "pid"),
        ]
    );
    assert_eq!(table.note(1), super::Note::default());
    assert_eq!((table.note(2).mode, table.note(2).owner.unwrap().uid), (Some(0o700), 5));
    assert_eq!(table.capability(table.note(3)), Some(&[1, 2][..]));
    assert_eq!(table.note(3).mode, Some(0o600));
    let note = table.note(4);
    assert_eq!((note.mode, note.append_only, note.hard_link), (Some(0o700), Some(9), true));
    assert_eq!(table.note(7).owner, Some(Owner { uid: 5, gid: 6 }));
    assert_eq!((table.target(7), table.owner.unwrap().uid), (&b"a/f"[..], 0));
}

#[test]
fn attributes_of_another_release_are_refused() {
    let good = ["a.c", "a/f", "b/x"];
    for bad in [&["a.c", "a/f"][..], &["a.c", "b/x"], &["a.c", "a/f", "b/x", "data/y"]] {
        assert!(Table::new(&checksums(bad), &attributes()).is_err(), "{bad:?}");
    }
    for path in ["l", "l/z", "pid", "pid/z", "data"] {
        let mut paths = good.to_vec();
        paths.push(path);
        paths.sort_unstable();
        assert!(Table::new(&checksums(&paths), &attributes()).is_err(), "{path}");
    }
    let mut linked = attributes();
    linked.modes = vec![(0o777, list(&["l"]))];
    assert!(Table::new(&checksums(&good), &linked).is_err());
    assert!(Table::new(&checksums(&good), &attributes()).is_ok());
}

#[test]
fn a_table_is_shared_while_it_is_kept_and_by_the_same_attributes_only() {
    let files = checksums(&["a", "b/c"]);
    let (none, some) = (
        Attributes::default(),
        Attributes { empty_directories: list(&["e"]), ..Attributes::default() },
    );
    let first = files.table(&none).unwrap();
    assert!(std::sync::Arc::ptr_eq(&first, &files.table(&none).unwrap()));
    let other = files.table(&some).unwrap();
    assert!(!std::sync::Arc::ptr_eq(&first, &other));
    assert_eq!((first.of(&files, &none).len(), other.of(&files, &some).len()), (2, 3));
    let weak = std::sync::Arc::downgrade(&other);
    drop(other);
    assert!(weak.upgrade().is_none());
    assert_eq!(files.table(&some).unwrap().of(&files, &some).len(), 3);
    let unfit = Attributes { hard_links: list(&["x"]), ..Attributes::default() };
    assert!(files.table(&unfit).is_err() && files.table(&some).is_ok());
}
