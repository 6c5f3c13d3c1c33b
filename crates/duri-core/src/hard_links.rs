//! Files with more names than the tree shows.
//!
//! Guarantees: for each inode the names that the scan saw are counted against the inode's own count. A
//! name that the scan did not see (outside the root, ignored, mutable) lets somebody edit the file
//! from there, so every path of such an inode is given.

use rustix::fs::Stat;

/// One name of a file that has several.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Name {
    device: u64,
    inode: u64,
    links: u64,
    /// The scan's own index of the path; None for one that is only counted.
    pub(crate) token: Option<u64>,
}

impl Name {
    /// The name of a file, when the file has others too.
    pub(crate) fn of(stat: &Stat, token: Option<u64>) -> Option<Self> {
        let links = count(stat);
        (links > 1).then_some(Self { device: stat.st_dev, inode: stat.st_ino, links, token })
    }
}

impl Name {
    /// The same name under another token.
    pub(crate) fn with_token(self, change: impl Fn(u64) -> u64) -> Self {
        Self { token: self.token.map(change), ..self }
    }
}

#[allow(clippy::useless_conversion, reason = "a narrower integer on other architectures")]
fn count(stat: &Stat) -> u64 {
    stat.st_nlink.into()
}

/// Call `found` with the token of each name whose file has names elsewhere: token, seen, all.
pub(crate) fn elsewhere(names: &mut [Name], mut found: impl FnMut(u64, u64, u64)) {
    sort(names);
    for file in files(names) {
        let seen = file.len() as u64;
        // The count may change during the scan; the largest errs towards saying so.
        let all = file.iter().map(|name| name.links).max().unwrap_or(0);
        if seen < all {
            for token in file.iter().filter_map(|name| name.token) {
                found(token, seen, all);
            }
        }
    }
}

/// Bring the names of each file together.
pub(crate) fn sort(names: &mut [Name]) {
    names.sort_unstable_by_key(|name| (name.device, name.inode));
}

/// The names of each file, once they are sorted.
pub(crate) fn files(names: &[Name]) -> impl Iterator<Item = &[Name]> {
    names.chunk_by(|a, b| (a.device, a.inode) == (b.device, b.inode))
}

/// The number of a file's names, for a person.
pub(crate) fn names(count: u64) -> String {
    if count == 1 { "1 name".to_owned() } else { format!("{count} names") }
}

#[cfg(test)]
mod tests {
    use super::{Name, elsewhere};

    #[test]
    fn only_files_with_a_name_elsewhere_are_given() {
        let name = |inode, links, token| Name { device: 1, inode, links, token };
        let mut names = vec![
            name(5, 2, Some(0)),
            name(7, 3, Some(1)),
            name(5, 2, Some(2)),
            name(7, 3, Some(3)),
            name(9, 2, Some(4)),
            name(9, 2, None),
        ];
        let mut given = Vec::new();
        elsewhere(&mut names, |token, seen, all| given.push((token, seen, all)));
        assert_eq!(given, [(1, 2, 3), (3, 2, 3)]);
    }
}
