//! Compare a tree with its seal.
//!
//! Guarantees:
//! - Every sealed entry is either as it was sealed or named by a finding; every entry that was not
//!   sealed is a finding, unless the rules leave it out or let it change.
//! - What was sealed is compared as it was sealed: the rules judge only what was not. So a rule that
//!   is added later never hides a sealed entry.
//! - `verified_files` counts the sealed files that were read whole and have no finding.
//!
//! A folder's mode and owner count with what is in it; the root's own do not, since they belong to
//! where it is mounted. Which findings make which verdict is left to the caller.

mod entries;
mod file;
mod worker;

use std::sync::atomic::AtomicBool;
use std::time::Instant;

use crate::attributes::Attributes;
use crate::checksums::Checksums;
use crate::descriptors::Raised;
use crate::expected::Expected;
use crate::finding::{self, Finding, Kind};
use crate::format::FormatError;
use crate::hard_links::{self, Name};
use crate::scan::{Request, Scan, ScanError};
use worker::{Task, Worker};

/// What a comparison found.
#[derive(Debug)]
pub struct Comparison {
    /// By path, then kind.
    pub findings: Vec<Finding>,
    /// How many files the seal has.
    pub total_files: usize,
    /// How many of them are exactly as sealed.
    pub verified_files: usize,
    pub bytes_hashed: u64,
    pub duration_ns: u64,
}

/// What the workers share.
pub(crate) struct Shared<'a> {
    scan: Scan<'a>,
    expected: Expected<'a>,
    /// The size of all sealed files together: no larger file can be one of them.
    total_bytes: Option<u64>,
}

/// Compare the tree with what was sealed.
///
/// `total_bytes` is the sealed size of all files together, where known: a file larger than that is
/// reported as modified without being read, so that a sparse giant costs nothing. `tick` is called
/// every 50 ms or so from the calling thread, and ends the scan by returning false.
///
/// # Errors
///
/// When there is no answer at all: the root cannot be read, the scan was stopped, or checksums and
/// attributes are not of one release.
pub fn compare(
    request: Request<'_>,
    checksums: &Checksums,
    attributes: Option<&Attributes>,
    total_bytes: Option<u64>,
    tick: &mut dyn FnMut() -> bool,
) -> Result<Comparison, ScanError> {
    let begin = Instant::now();
    let _raised = Raised::new();
    if checksums.algorithm() != request.algorithm {
        let reason = format!(
            "the checksums are {}, not {}",
            checksums.algorithm().name(),
            request.algorithm.name()
        );
        return Err(ScanError::Format(FormatError::whole(reason)));
    }
    let none = Attributes::default();
    let expected = Expected::new(checksums, attributes.unwrap_or(&none))?;
    if request.rules.owners && expected.owner.is_none() {
        let reason = "the policy asks for owners and the attributes have none for the root";
        return Err(ScanError::Format(FormatError::whole(reason)));
    }
    let stop = AtomicBool::new(false);
    let shared = Shared { scan: Scan::new(request, &stop)?, expected, total_bytes };
    let workers = shared.scan.run(Task::Root, || Worker::new(&shared), tick)?;

    let mut findings = Vec::new();
    let mut names = Vec::new();
    let (mut verified_files, mut bytes_hashed) = (0, 0);
    for worker in workers {
        if let Some(errno) = worker.root_failed {
            return Err(ScanError::Root(errno));
        }
        verified_files += worker.verified;
        bytes_hashed += worker.hasher.bytes;
        findings.extend(worker.findings);
        names.extend(worker.names);
    }
    add_hard_links(&shared.expected, names, &mut findings);
    finding::sort(&mut findings);
    verified_files -= only_hard_linked(&findings);
    Ok(Comparison {
        findings,
        total_files: checksums.len(),
        verified_files,
        bytes_hashed,
        duration_ns: u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX),
    })
}

/// Add a finding for each name of a file with names elsewhere that was not sealed as such.
fn add_hard_links(expected: &Expected<'_>, names: Vec<Name>, findings: &mut Vec<Finding>) {
    hard_links::elsewhere(names, |token, seen, all| {
        let at = u32::try_from(token).expect("an index of the table");
        if !expected.note(at).hard_link {
            let finding = Finding::new(Kind::HardLink, expected.path(at).to_vec());
            let finding = finding.expected(hard_links::names(seen));
            findings.push(finding.actual(hard_links::names(all)));
        }
    });
}

/// Count the files of which nothing else was found: a worker has counted those as verified.
fn only_hard_linked(findings: &[Finding]) -> usize {
    let files = findings.chunk_by(|a, b| a.path == b.path);
    files.filter(|file| file.iter().all(|finding| finding.kind == Kind::HardLink)).count()
}
