//! Compare a tree with its seal.
//!
//! Guarantees:
//! - Every sealed entry is either as it was sealed or named by a finding; every entry that was not
//!   sealed is a finding, unless the rules leave it out or let it change.
//! - What was sealed is compared as it was sealed: the rules judge only what was not. So a rule that
//!   is added later never hides a sealed entry.
//! - `verified_files` counts the sealed files that were read whole and have no finding.
//! - With a memory the answer is about the whole tree too, whatever was looked at: findings and
//!   counts are those of the last look at each place.
//!
//! A folder's mode and owner count with what is in it; the root's own do not, since they belong to
//! where it is mounted. Which findings make which verdict is left to the caller.

mod entries;
mod file;
mod kept;
mod links;
mod part;
mod plan;
mod remembered;
mod tally;
mod worker;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use crate::attributes::Attributes;
use crate::checksums::Checksums;
use crate::descriptors::Raised;
use crate::expected::{Expected, Table};
use crate::finding::{self, Finding};
use crate::format::FormatError;
use crate::hard_links::Name;
use crate::memory::{Files, Memory};
use crate::notice::Notice;
use crate::scan::{Request, Scan, ScanError};
use part::{Looked, Partial};
pub use plan::Part;
pub use tally::Tally;
use worker::{Task, Worker};

/// What a comparison found.
#[derive(Debug)]
pub struct Comparison {
    /// By path, then kind; as many as were asked for, those first that decide.
    pub findings: Vec<Finding>,
    /// How many there are beyond these.
    pub unnamed_findings: usize,
    /// How many paths differ, named or not.
    pub tally: Tally,
    /// How many files the seal has.
    pub total_files: usize,
    /// How many of them are exactly as sealed.
    pub verified_files: usize,
    pub bytes_hashed: u64,
    pub duration_ns: u64,
    /// The parts that were looked at do not tell: there are no findings here, and nobody may take that
    /// for an answer. A comparison of the whole gives one.
    pub whole_needed: bool,
}

/// How much to look at. The default is everything.
#[derive(Clone, Copy, Debug, Default)]
pub struct Look<'a> {
    /// What the comparison before found; it then holds what this one does.
    pub memory: Option<&'a Memory>,
    /// Do not read files whose identity is the one remembered.
    pub unchanged_unread: bool,
    /// Look at these folders only. Without a memory there is nothing to complete the answer from.
    pub only: Option<&'a [Part]>,
    /// Name no more findings than this; all of them by default.
    pub most: Option<usize>,
}

/// What the workers share.
pub(crate) struct Shared<'a> {
    scan: Scan<'a>,
    expected: Expected<'a>,
    /// The size of all sealed files together: no larger file can be one of them.
    total_bytes: Option<u64>,
    /// Of that, how much this comparison has set out to read.
    admitted: AtomicU64,
    memory: Option<Remembered<'a>>,
    partial: Option<Partial<'a>>,
}

/// What a walk knows of the one before, and leaves for the next.
pub(crate) struct Remembered<'a> {
    files: &'a Files,
    /// A file with the identity remembered is not read.
    trusted: bool,
    /// Nanoseconds; what changed since then proves nothing yet.
    settled_before: i64,
}

impl Shared<'_> {
    /// Take note that a file is as sealed.
    fn confirm(&self, sealed: u32) {
        if let Some(memory) = &self.memory {
            memory.files.confirm(sealed);
        }
    }
}

/// What the workers found.
#[derive(Default)]
struct Walked {
    findings: Vec<Finding>,
    names: Vec<Name>,
    verified: usize,
    bytes_hashed: u64,
    looked: Looked,
}

/// Compare the tree with what was sealed.
///
/// `total_bytes` is the sealed size of all files together, where known: a file larger than that is
/// reported as modified without being read, so that a sparse giant costs nothing. `tick` is called
/// every 50 ms or so from the calling thread, and ends the scan by returning false.
///
/// # Errors
///
/// When there is no answer at all: the root cannot be read, the scan was stopped, checksums and
/// attributes are not of one release, a part's path is none, or another comparison uses the memory.
pub fn compare(
    request: Request<'_>,
    checksums: &Checksums,
    attributes: Option<&Attributes>,
    total_bytes: Option<u64>,
    look: Look<'_>,
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
    let attributes = attributes.unwrap_or(&none);
    let mut found = if let Some(memory) = look.memory {
        let artifacts = remembered::Artifacts { checksums, attributes, total_bytes };
        remembered::compare(request, &artifacts, memory, look, tick)?
    } else {
        if look.only.is_some() {
            let reason = "without a memory there is no comparison of parts";
            return Err(ScanError::Part(reason.to_owned()));
        }
        let table = Table::new(checksums, attributes)?;
        let expected = table.of(checksums, attributes);
        let walked = walk(request, expected, total_bytes, None, None, tick)?;
        let mut findings = walked.findings;
        findings.extend(links::found(&expected, walked.names));
        finding::sort(&mut findings);
        let verified_files = walked.verified - links::alone(&findings);
        let answer = whole(&findings, look.most);
        Comparison { verified_files, bytes_hashed: walked.bytes_hashed, ..answer }
    };
    found.total_files = checksums.len();
    found.duration_ns = u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX);
    Ok(found)
}

/// What files may have grown by before anything is left unread: a few may, and are then named alone.
const SPARE: u64 = 64 * 1024 * 1024;

impl Shared<'_> {
    /// Say why a file of this size is not worth reading; None where it is.
    ///
    /// Sealed files have a known size together. A larger one is none of them; and once far more than
    /// all of them together was to be read, reading on would let whoever made files grow decide how
    /// long that takes.
    pub(crate) fn too_much(&self, size: u64) -> Option<String> {
        let total = self.total_bytes?;
        if size > total {
            return Some(format!("file of {size} bytes, more than was sealed"));
        }
        let before = self.admitted.fetch_add(size, Ordering::Relaxed);
        (before.saturating_add(size) > total.saturating_mul(2).saturating_add(SPARE))
            .then(|| format!("file of {size} bytes, not read: all are far larger than was sealed"))
    }
}

/// An answer about sorted findings, its other counts still to be told.
fn whole(findings: &[Finding], most: Option<usize>) -> Comparison {
    let (named, unnamed_findings) = tally::named(findings, most);
    Comparison {
        findings: named,
        unnamed_findings,
        tally: tally::tally(findings),
        total_files: 0,
        verified_files: 0,
        bytes_hashed: 0,
        duration_ns: 0,
        whole_needed: false,
    }
}

/// Walk the tree, or the parts of it.
fn walk(
    request: Request<'_>,
    expected: Expected<'_>,
    total_bytes: Option<u64>,
    memory: Option<Remembered<'_>>,
    partial: Option<Partial<'_>>,
    tick: &mut dyn FnMut() -> bool,
) -> Result<Walked, ScanError> {
    if request.rules.owners && expected.owner.is_none() {
        let reason = "the policy asks for owners and the attributes have none for the root";
        return Err(ScanError::Format(FormatError::whole(reason)));
    }
    let stop = AtomicBool::new(false);
    let scan = Scan::new(request, &stop)?;
    let notice = request.notice.filter(|_| partial.is_none());
    let walk = notice.map(Notice::begin);
    let admitted = AtomicU64::new(0);
    let shared = Shared { scan, expected, total_bytes, admitted, memory, partial };
    let mut walked = Walked::default();
    for worker in shared.scan.run(Task::Root, || Worker::new(&shared), tick)? {
        if let Some(errno) = worker.root_failed {
            return Err(ScanError::Root(errno));
        }
        walked.verified += worker.verified;
        walked.bytes_hashed += worker.hasher.bytes;
        walked.findings.extend(worker.findings);
        walked.names.extend(worker.names);
        walked.looked.add(worker.part);
    }
    if let (Some(notice), Some(walk)) = (notice, walk) {
        notice.complete(walk);
    }
    Ok(walked)
}
