//! Which sealed files have names that the tree does not show.
//!
//! Guarantees: a comparison of the whole counts the names of each file; one of parts keeps what was
//! found, or says that it cannot tell, since another name may have come or gone anywhere.

use std::collections::BTreeSet;

use super::part::Looked;
use crate::expected::Expected;
use crate::finding::{Finding, Kind};
use crate::hard_links::{self, Name};

/// The findings for sealed files with names elsewhere that were not sealed as such.
pub(super) fn found(expected: &Expected<'_>, mut names: Vec<Name>) -> Vec<Finding> {
    let mut findings = Vec::new();
    hard_links::elsewhere(&mut names, |token, seen, all| {
        if !is_noted(expected, token) {
            let finding = Finding::new(Kind::HardLink, expected.path(small(token)).to_vec());
            let finding = finding.expected(hard_links::names(seen));
            findings.push(finding.actual(hard_links::names(all)));
        }
    });
    findings
}

/// Count the files of which nothing else was found: these were counted as verified.
pub(super) fn alone(findings: &[Finding]) -> usize {
    let files = findings.chunk_by(|a, b| a.path == b.path);
    files.filter(|file| file.iter().all(|finding| finding.kind == Kind::HardLink)).count()
}

/// The sealed names of files whose names must be counted, and whether a new name is among theirs.
pub(super) fn counted(expected: &Expected<'_>, mut names: Vec<Name>) -> (Vec<u32>, bool) {
    let (mut linked, mut linked_new) = (Vec::new(), false);
    hard_links::sort(&mut names);
    for file in hard_links::files(&names) {
        let tokens = || file.iter().filter_map(|name| name.token);
        // Two names in the tree: who writes through one and removes it changed the other.
        if file.len() > 1 || tokens().any(|token| !is_noted(expected, token)) {
            linked.extend(tokens().map(small));
            linked_new |= file.iter().any(|name| name.token.is_none());
        }
    }
    linked.sort_unstable();
    (linked, linked_new)
}

/// Say whether the names that a look at parts saw, or did not see again, may change what was found.
pub(super) fn undecided(linked: &[u32], linked_new: bool, names: &[Name], looked: &Looked) -> bool {
    if linked_new {
        return true;
    }
    let unchanged: BTreeSet<u32> = looked.unchanged.iter().copied().collect();
    // Who writes through one name changes the file under its others, of which no event tells.
    let is_other = |name: &Name| name.token.is_none_or(|token| !unchanged.contains(&small(token)));
    let is_looked_at = |at: u32| looked.sealed.iter().any(|range| range.contains(&at));
    names.iter().any(is_other)
        || linked.iter().any(|at| !unchanged.contains(at) && is_looked_at(*at))
}

fn is_noted(expected: &Expected<'_>, token: u64) -> bool {
    expected.note(small(token)).hard_link
}

fn small(token: u64) -> u32 {
    u32::try_from(token).expect("an index of the table")
}
