//! One folder's listing beside the part of the seal that speaks of it.
//!
//! Guarantees: both sides are sorted alike, so one pass gives every listed entry and every sealed one
//! exactly once, as a pair or alone. No path is looked up, and no table of what was seen is kept: what
//! is missing falls out.

use std::ops::Range;

use crate::expected::Expected;
use crate::listing::Listing;

/// Sealed entries of one name: a leaf alone, or a folder's and everything below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) entries: Range<u32>,
    pub(crate) is_folder: bool,
}

impl Group {
    /// The entry that is about the folder itself, whose path has `length` bytes, if there is one.
    pub(crate) fn own(&self, expected: &Expected<'_>, length: usize) -> Option<u32> {
        let first = self.entries.start;
        (expected.path(first).len() == length).then_some(first)
    }
}

/// One name, on one side or both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Match {
    /// Listed, and sealed as the same of leaf or folder.
    Both(u32, Group),
    Listed(u32),
    Sealed(Group),
}

/// Call `found` for each name in the folder whose paths begin with `prefix` bytes of path.
pub(crate) fn join(
    listing: &Listing,
    expected: &Expected<'_>,
    prefix: usize,
    sealed: Range<u32>,
    mut found: impl FnMut(Match),
) {
    let mut at = sealed.start;
    let mut entry = 0;
    while at < sealed.end || entry < listing.len() {
        if at == sealed.end {
            found(Match::Listed(small(entry)));
            entry += 1;
            continue;
        }
        let (name, is_folder) = name_of(expected, at, prefix);
        let order = if entry == listing.len() {
            std::cmp::Ordering::Greater
        } else {
            compare(listing.key(entry), name, is_folder)
        };
        if order.is_lt() {
            found(Match::Listed(small(entry)));
            entry += 1;
            continue;
        }
        let end = if is_folder { end_of(expected, prefix, name, at..sealed.end) } else { at + 1 };
        let group = Group { entries: at..end, is_folder };
        at = end;
        if order.is_eq() {
            found(Match::Both(small(entry), group));
            entry += 1;
        } else {
            found(Match::Sealed(group));
        }
    }
}

/// The name of a sealed entry in the folder, and whether it stands for a folder there.
pub(crate) fn name_of<'a>(expected: &'a Expected<'_>, at: u32, prefix: usize) -> (&'a [u8], bool) {
    let rest = &expected.path(at)[prefix..];
    match memchr::memchr(b'/', rest) {
        Some(slash) => (&rest[..slash], true),
        None => (rest, expected.what(at).is_folder()),
    }
}

/// Find what is sealed as `name` in the folder, as a folder or as a leaf.
pub(crate) fn find(
    expected: &Expected<'_>,
    prefix: usize,
    sealed: Range<u32>,
    name: &[u8],
    is_folder: bool,
) -> Option<Group> {
    let Range { start: mut low, end: mut high } = sealed;
    let end = high;
    while low < high {
        let middle = u32::midpoint(low, high);
        let (other, folder) = name_of(expected, middle, prefix);
        if order(other, folder, name, is_folder).is_lt() {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if low == end || name_of(expected, low, prefix) != (name, is_folder) {
        return None;
    }
    let end = if is_folder { end_of(expected, prefix, name, low..end) } else { low + 1 };
    Some(Group { entries: low..end, is_folder })
}

/// Compare a listing's key with a sealed name.
fn compare(key: &[u8], name: &[u8], is_folder: bool) -> std::cmp::Ordering {
    match key.strip_suffix(b"/") {
        None if !is_folder => key.cmp(name),
        Some(folder) => order(folder, true, name, is_folder),
        None => order(key, false, name, is_folder),
    }
}

/// Compare two names as keys, a folder's with "/" after it.
fn order(a: &[u8], a_folder: bool, b: &[u8], b_folder: bool) -> std::cmp::Ordering {
    let common = a.len().min(b.len());
    a[..common].cmp(&b[..common]).then_with(|| {
        let rest = |name: &[u8], folder: bool| {
            name.get(common).copied().or_else(|| folder.then_some(b'/'))
        };
        let (x, y) = (rest(a, a_folder), rest(b, b_folder));
        x.cmp(&y).then_with(|| a.len().cmp(&b.len()))
    })
}

/// The end of the entries at and below the folder `name`, by doubling steps.
fn end_of(expected: &Expected<'_>, prefix: usize, name: &[u8], sealed: Range<u32>) -> u32 {
    let below = |at: u32| {
        let (other, folder) = name_of(expected, at, prefix);
        folder && other == name
    };
    let (mut low, mut step) = (sealed.start, 1);
    while sealed.end - low > step && below(low + step) {
        low += step;
        step *= 2;
    }
    let mut high = if sealed.end - low > step { low + step } else { sealed.end };
    // `low` is below the folder and `high` is not.
    while high - low > 1 {
        let middle = u32::midpoint(low, high);
        if below(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

fn small(entry: usize) -> u32 {
    u32::try_from(entry).expect("a listing below 4 GiB")
}

#[cfg(test)]
mod tests {
    use super::{Match, find, join};
    use crate::algorithm::Algorithm;
    use crate::attributes::Attributes;
    use crate::checksums::{Checksums, Writer};
    use crate::expected::{Expected, Table};
    use crate::listing::Listing;
    use crate::open::Type;
    use std::collections::BTreeSet;

    fn text(listing: &Listing, table: &Expected<'_>, found: &Match) -> String {
        let paths = |entries: &std::ops::Range<u32>| {
            let paths = entries.clone().map(|at| String::from_utf8_lossy(table.path(at)));
            paths.collect::<Vec<_>>().join(" ")
        };
        let key = |entry: &u32| String::from_utf8_lossy(listing.key(*entry as usize)).into_owned();
        match found {
            Match::Both(entry, group) => format!("{} = {}", key(entry), paths(&group.entries)),
            Match::Listed(entry) => format!("+ {}", key(entry)),
            Match::Sealed(group) => format!("- {}", paths(&group.entries)),
        }
    }

    fn run(listed: &[(&str, Type)], sealed: &[&str], empty: &[&str], prefix: &str) -> Vec<String> {
        let mut writer = Writer::with_capacity(0);
        for path in sealed {
            writer.entry(path.as_bytes(), &[0; 32]);
        }
        let files = Checksums::parse(writer.finish(), Algorithm::Sha256).unwrap();
        let attributes = Attributes {
            empty_directories: empty.iter().map(|path| path.as_bytes()).collect(),
            ..Attributes::default()
        };
        let table = Table::new(&files, &attributes).unwrap();
        let table = table.of(&files, &attributes);
        let listing = Listing::of(listed);
        let mut rows = Vec::new();
        join(&listing, &table, prefix.len(), 0..table.len(), |found| {
            if let Match::Both(entry, group) = &found {
                let (name, folder) = (listing.name(*entry as usize), group.is_folder);
                let found = |folder| find(&table, prefix.len(), 0..table.len(), name, folder);
                assert_eq!(found(folder).as_ref(), Some(group));
                assert_eq!(found(!folder), None);
            }
            rows.push(text(&listing, &table, &found));
        });
        rows
    }

    #[test]
    fn pairs_and_singles_on_both_sides() {
        let listed =
            [("a", Type::Folder), ("a-b", Type::File), ("c", Type::File), ("e", Type::Folder)];
        assert_eq!(
            run(&listed, &["a-b", "a/x", "a/y/z", "b/q", "b/r", "d"], &["e"], ""),
            ["a-b = a-b", "a/ = a/x a/y/z", "- b/q b/r", "+ c", "- d", "e/ = e"]
        );
        assert_eq!(run(&[], &["p/a", "p/b/c"], &["p/d"], "p/"), ["- p/a", "- p/b/c", "- p/d"]);
        assert_eq!(run(&[("n", Type::Link)], &[], &[], ""), ["+ n"]);
    }

    #[test]
    fn a_leaf_and_a_folder_of_one_name_are_two() {
        assert_eq!(
            run(&[("a", Type::Folder), ("b", Type::File)], &["a", "b/x"], &[], ""),
            ["- a", "+ a/", "+ b", "- b/x"]
        );
    }

    #[test]
    fn every_small_tree_is_joined_as_sets_would_be() {
        let names = ["a", "a-", "a/x", "a0", "b/x", "b/y", "b0"];
        for sealed_bits in 0..128_u32 {
            let pick = |bits: u32| -> Vec<&str> {
                let chosen = names.iter().enumerate().filter(|(bit, _)| bits >> bit & 1 == 1);
                chosen.map(|(_, name)| *name).collect()
            };
            let mut sealed = pick(sealed_bits);
            if sealed.contains(&"a") {
                sealed.retain(|name| *name != "a/x");
            }
            sealed.sort_unstable();
            let tops = |paths: &[&str]| -> BTreeSet<String> {
                let key = |path: &&str| match path.split_once('/') {
                    Some((folder, _)) => format!("{folder}/"),
                    None => (*path).to_owned(),
                };
                paths.iter().map(key).collect()
            };
            for listed_bits in 0..128_u32 {
                let listed = pick(listed_bits);
                let keys = tops(&listed);
                if keys.contains("a") && keys.contains("a/") {
                    continue;
                }
                let entries: Vec<(&str, Type)> = keys
                    .iter()
                    .map(|key| match key.strip_suffix('/') {
                        Some(folder) => (folder, Type::Folder),
                        None => (key.as_str(), Type::File),
                    })
                    .collect();
                let rows = run(&entries, &sealed, &[], "");
                let all = tops(&sealed);
                let count = |sign: &str| rows.iter().filter(|row| row.starts_with(sign)).count();
                assert_eq!(count("+"), keys.difference(&all).count(), "{entries:?} {sealed:?}");
                assert_eq!(count("-"), all.difference(&keys).count(), "{entries:?} {sealed:?}");
                assert_eq!(rows.len(), keys.union(&all).count(), "{entries:?} {sealed:?}");
            }
        }
    }
}
