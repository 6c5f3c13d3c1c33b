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

/// Keep at most `most` findings, sorted, and say how many were left out.
pub(crate) fn truncate(findings: &mut Vec<Finding>, most: usize) -> usize {
    let left_out = findings.len().saturating_sub(most);
    if left_out > 0 {
        findings.sort_by_key(|finding| match finding.kind {
            kind if is_unseen(kind) => 0,
            Kind::New => 2,
            _ => 1,
        });
        findings.truncate(most);
        finding::sort(findings);
    }
    left_out
}

fn is_unseen(kind: Kind) -> bool {
    matches!(kind, Kind::Unreadable | Kind::IoError)
}

#[cfg(test)]
mod tests {
    use super::{Tally, tally, truncate};
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
            let mut found = findings(&rows);
            let left_out = truncate(&mut found, most);
            (left_out, found.iter().map(|one| one.kind).collect::<Vec<_>>())
        };
        assert_eq!(kept(1), (3, vec![Kind::IoError]));
        assert_eq!(kept(2), (2, vec![Kind::Modified, Kind::IoError]));
        assert_eq!(kept(3), (1, vec![Kind::New, Kind::Modified, Kind::IoError]));
        assert_eq!(kept(4).0, 0);
    }
}
