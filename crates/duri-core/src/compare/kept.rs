//! The findings of the comparison before, of which a comparison of parts replaces some.
//!
//! Guarantees: the findings about a path, and those about everything below it, are one range each,
//! since findings are sorted by path.

use std::ops::Range;

use crate::finding::{Finding, Kind};

/// Findings, sorted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kept<'a>(pub(crate) &'a [Finding]);

impl Kept<'_> {
    /// Those about a path itself.
    pub(crate) fn at(self, path: &[u8]) -> Range<usize> {
        let start = self.0.partition_point(|finding| &*finding.path < path);
        let length = self.0[start..].partition_point(|finding| finding.path == path);
        start..start + length
    }

    /// Those about what lies below a folder, whose paths begin with `prefix`.
    pub(crate) fn below(self, prefix: &[u8]) -> Range<usize> {
        let start = self.0.partition_point(|finding| &*finding.path < prefix);
        let length = self.0[start..].partition_point(|finding| finding.path.starts_with(prefix));
        start..start + length
    }

    /// Say whether nothing was found about a path but what `fine` allows.
    pub(crate) fn only(self, path: &[u8], fine: &[Kind]) -> bool {
        self.0[self.at(path)].iter().all(|finding| fine.contains(&finding.kind))
    }

    pub(crate) fn has(self, path: &[u8], kind: Kind) -> bool {
        self.0[self.at(path)].iter().any(|finding| finding.kind == kind)
    }
}

/// What is left of a range without some within it, which are sorted and do not overlap.
pub(crate) fn without(
    range: Range<usize>,
    left_out: &[Range<usize>],
) -> impl Iterator<Item = Range<usize>> {
    let starts = std::iter::once(range.start).chain(left_out.iter().map(|out| out.end));
    let ends = left_out.iter().map(|out| out.start).chain(std::iter::once(range.end));
    starts.zip(ends).map(|(start, end)| start..end).filter(|left| !left.is_empty())
}

/// Divide findings into those in no range and those in one.
pub(crate) fn divide(
    findings: Vec<Finding>,
    mut ranges: Vec<Range<usize>>,
) -> (Vec<Finding>, Vec<Finding>) {
    if ranges.is_empty() {
        return (findings, Vec::new());
    }
    ranges.sort_unstable_by_key(|range| range.start);
    let (mut left, mut taken) = (Vec::new(), Vec::new());
    let mut ranges = ranges.into_iter();
    let mut end = 0;
    let mut next = ranges.next();
    for (at, finding) in findings.into_iter().enumerate() {
        while let Some(range) = next.take_if(|range| range.start <= at) {
            end = end.max(range.end);
            next = ranges.next();
        }
        if at < end { taken.push(finding) } else { left.push(finding) }
    }
    (left, taken)
}

#[cfg(test)]
mod tests {
    use super::{Kept, divide, without};
    use crate::finding::{Finding, Kind};

    fn findings(paths: &[&str]) -> Vec<Finding> {
        paths.iter().map(|path| Finding::new(Kind::New, path.as_bytes().to_vec())).collect()
    }

    #[test]
    fn a_path_and_what_lies_below_it_are_ranges() {
        let findings = findings(&["a", "a", "a-", "a/b", "a/b/c", "a0", "b"]);
        let kept = Kept(&findings);
        assert_eq!((kept.at(b"a"), kept.below(b"a/"), kept.below(b"")), (0..2, 3..5, 0..7));
        assert_eq!((kept.at(b"a/"), kept.below(b"c/")), (3..3, 7..7));
        assert!(kept.only(b"a", &[Kind::New]) && !kept.only(b"a", &[]) && kept.only(b"c", &[]));
        assert!(kept.has(b"b", Kind::New) && !kept.has(b"b", Kind::Mode));
    }

    #[test]
    fn findings_are_divided_by_ranges_in_any_order() {
        let left: Vec<_> = without(2..9, &[3..4, 7..9]).collect();
        assert_eq!(left, [2..3, 4..7]);
        let all = findings(&["0", "1", "2", "3", "4"]);
        let (left, taken) = divide(all.clone(), vec![3..4, 0..2, 1..2]);
        assert_eq!((left, taken), (findings(&["2", "4"]), findings(&["0", "1", "3"])));
        assert_eq!(divide(all.clone(), vec![]), (all, vec![]));
    }
}
