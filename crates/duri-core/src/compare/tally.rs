//! How much differs, and which findings to name where there are very many.
//!
//! Guarantees: counts are of paths, each once, whatever is named. What is left out when there are too
//! many is never what decides: what could not be read is named first, then what differs from the seal,
//! then what is merely new.

use crate::finding::{self, Finding, Kind};

/// How many paths differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Sealed, there, and not as sealed; or not sealed as what they are.
    pub modified: usize,
    pub missing: usize,
    pub new: usize,
}

/// Count the paths in sorted findings.
pub(crate) fn tally(findings: &[Finding]) -> Tally {
    let mut tally = Tally::default();
    for path in findings.chunk_by(|a, b| a.path == b.path) {
        let has = |kind| path.iter().any(|finding| finding.kind == kind);
        let (missing, new) = (has(Kind::Missing), has(Kind::New));
        let differs = path.iter().any(|finding| !is_unseen(finding.kind));
        tally.missing += usize::from(missing);
        tally.new += usize::from(new);
        tally.modified += usize::from(differs && !missing && !new);
    }
    tally
}

/// Return at most `most` of sorted findings, sorted, and how many are left out.
pub(crate) fn named(findings: &[Finding], most: Option<usize>) -> (Vec<Finding>, usize) {
    let most = most.unwrap_or(usize::MAX);
    if findings.len() <= most {
        return (findings.to_vec(), 0);
    }
    let ranked = (0..=2).flat_map(|rank| findings.iter().filter(move |one| rank_of(one) == rank));
    let mut named: Vec<Finding> = ranked.take(most).cloned().collect();
    finding::sort(&mut named);
    (named, findings.len() - most)
}

fn rank_of(finding: &Finding) -> u8 {
    match finding.kind {
        kind if is_unseen(kind) => 0,
        Kind::New => 2,
        _ => 1,
    }
}

fn is_unseen(kind: Kind) -> bool {
    matches!(kind, Kind::Unreadable | Kind::IoError)
}

#[cfg(test)]
mod tests {
    use super::{Tally, named, tally};
    use crate::finding::{Finding, Kind, sort};

    fn findings(rows: &[(Kind, &str)]) -> Vec<Finding> {
        let one = |(kind, path): &(Kind, &str)| Finding::new(*kind, path.as_bytes().to_vec());
        let mut findings: Vec<Finding> = rows.iter().map(one).collect();
        sort(&mut findings);
        findings
    }

    #[test]
    fn each_path_counts_once() {
        let found = findings(&[
            (Kind::Modified, "a"),
            (Kind::Mode, "a"),
            (Kind::Missing, "b"),
            (Kind::New, "c"),
            (Kind::Unreadable, "d"),
            (Kind::Unreadable, "e"),
            (Kind::Mode, "e"),
        ]);
        assert_eq!(tally(&found), Tally { modified: 2, missing: 1, new: 1 });
        assert_eq!(tally(&[]), Tally::default());
    }

    #[test]
    fn what_decides_is_never_left_out() {
        let rows =
            [(Kind::New, "a"), (Kind::New, "b"), (Kind::Modified, "y"), (Kind::IoError, "z")];
        let kept = |most| {
            let (named, left_out) = named(&findings(&rows), Some(most));
            (left_out, named.iter().map(|one| one.kind).collect::<Vec<_>>())
        };
        assert_eq!(kept(1), (3, vec![Kind::IoError]));
        assert_eq!(kept(2), (2, vec![Kind::Modified, Kind::IoError]));
        assert_eq!(kept(3), (1, vec![Kind::New, Kind::Modified, Kind::IoError]));
        assert_eq!(kept(4).0, 0);
        assert_eq!(named(&findings(&rows), None).0, findings(&rows));
    }
}
