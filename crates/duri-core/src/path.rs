//! Paths of a release: relative, of plain components, and lists of them that stay small.
//!
//! Guarantees: `check` accepts exactly the paths that a scan can meet below a root, so nothing read
//! from an artifact can name anything outside; `PathList` keeps a million paths in two allocations.

use std::borrow::Cow;

use memchr::memchr_iter;

/// The longest path a system call takes (`PATH_MAX` counts the NUL).
pub(crate) const MAX_PATH: usize = 4095;

/// Refuse a path that is not relative, normal and short enough; the reason is for a person.
pub(crate) fn check(path: &[u8]) -> Result<(), &'static str> {
    if path.is_empty() {
        return Err("an empty path");
    }
    if path.len() > MAX_PATH {
        return Err("a path longer than 4095 bytes");
    }
    if path[0] == b'/' {
        return Err("an absolute path");
    }
    if memchr::memchr(0, path).is_some() {
        return Err("a path with NUL");
    }
    let mut start = 0;
    for end in memchr_iter(b'/', path).chain([path.len()]) {
        match &path[start..end] {
            b"" => return Err("a path with an empty component"),
            b"." | b".." => return Err("a path with a component \".\" or \"..\""),
            _ => start = end + 1,
        }
    }
    Ok(())
}

/// The length of what `a` and `b` begin with together.
pub(crate) fn common_prefix(a: &[u8], b: &[u8]) -> usize {
    let length = a.len().min(b.len());
    let mut at = 0;
    // Eight bytes at a time; neighbours in a sorted list share most of their bytes.
    while at + 8 <= length {
        let x = u64::from_le_bytes(a[at..at + 8].try_into().expect("eight bytes"));
        let y = u64::from_le_bytes(b[at..at + 8].try_into().expect("eight bytes"));
        if x != y {
            return at + ((x ^ y).trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while at < length && a[at] == b[at] {
        at += 1;
    }
    at
}

/// Checks that sorted keys come in order, and that nothing lies below what is no folder.
#[derive(Default)]
pub(crate) struct Order<'a> {
    last: Option<Cow<'a, [u8]>>,
    /// Lengths of earlier keys that hold nothing and that the last one begins with, ascending; the
    /// last one's own among them.
    prefixes: Vec<usize>,
}

impl<'a> Order<'a> {
    /// Take the next key, or refuse one that is out of order or lies below a file.
    ///
    /// In bytewise order the keys that begin with P follow P without a gap, so the keys that the
    /// next one begins with are among those that the last one begins with, or the last one.
    pub(crate) fn next(&mut self, key: Cow<'a, [u8]>, is_leaf: bool) -> Result<(), &'static str> {
        if let Some(last) = &self.last {
            let common = common_prefix(last, &key);
            if key[common..] <= last[common..] {
                return Err("a path that is not after the one before it");
            }
            while self.prefixes.last().is_some_and(|&length| length > common) {
                self.prefixes.pop();
            }
        }
        if self.prefixes.iter().any(|&length| key[length] == b'/') {
            return Err("a path below another that is a file");
        }
        if is_leaf {
            self.prefixes.push(key.strip_suffix(b"/").unwrap_or(&key).len());
        }
        self.last = Some(key);
        Ok(())
    }
}

/// Byte strings, one after the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PathList {
    bytes: Vec<u8>,
    ends: Vec<u32>,
}

impl PathList {
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Append a path; its index is the length before.
    ///
    /// # Panics
    ///
    /// Beyond 4 GiB of paths, which no reader lets in and no folder tree of ten million has.
    pub(crate) fn push(&mut self, path: &[u8]) {
        self.bytes.extend_from_slice(path);
        self.ends.push(u32::try_from(self.bytes.len()).expect("paths of less than 4 GiB"));
    }

    pub(crate) fn get(&self, index: usize) -> &[u8] {
        let start = if index == 0 { 0 } else { self.ends[index - 1] as usize };
        &self.bytes[start..self.ends[index] as usize]
    }

    pub(crate) fn last(&self) -> Option<&[u8]> {
        self.len().checked_sub(1).map(|index| self.get(index))
    }

    /// The index of a path in a sorted list.
    pub(crate) fn find(&self, path: &[u8]) -> Option<usize> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            match self.get(middle).cmp(path) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Equal => return Some(middle),
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }

    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        (0..self.len()).map(|index| self.get(index))
    }
}

impl<'a> FromIterator<&'a [u8]> for PathList {
    fn from_iter<I: IntoIterator<Item = &'a [u8]>>(paths: I) -> Self {
        let mut list = Self::default();
        for path in paths {
            list.push(path);
        }
        list
    }
}

#[cfg(test)]
mod tests {
    use super::{PathList, check, common_prefix};

    #[test]
    fn paths_below_a_root_are_accepted_and_others_refused() {
        for good in ["a", "a/b", ".a", "..a", "a..", "...", "a/...", " ", "a\\b", "~"] {
            assert_eq!(check(good.as_bytes()), Ok(()), "{good}");
        }
        for bad in ["", "/", "/a", "a/", "a//b", ".", "..", "./a", "a/.", "../a", "a/../b", "a\0b"]
        {
            assert!(check(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(check(&[b'a'; 4095]).is_ok());
        assert!(check(&[b'a'; 4096]).is_err());
    }

    #[test]
    fn the_common_prefix_is_exact_at_every_length() {
        let a: Vec<u8> = (0..40).collect();
        for length in 0..40 {
            let mut b = a.clone();
            b[length] = 99;
            assert_eq!(common_prefix(&a, &b), length);
            assert_eq!(common_prefix(&a[..length], &a), length);
        }
    }

    #[test]
    fn a_list_gives_back_what_was_pushed() {
        let list: PathList = [&b"a"[..], b"", b"bc"].into_iter().collect();
        assert_eq!(list.iter().collect::<Vec<_>>(), [&b"a"[..], b"", b"bc"]);
        assert_eq!((list.len(), list.last()), (3, Some(&b"bc"[..])));
    }
}
