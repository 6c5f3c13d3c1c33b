//! Seal a tree: read everything once, and write down what it is.
//!
//! Guarantees:
//! - What `compare` could not tell apart, verify or show is a refusal, and all of them are listed:
//!   names that are not UTF-8 or have a twin, special files, mount points, links that leave the root,
//!   files that change, anything unreadable, executables where content may change.
//! - Without refusals, comparing the same tree under the same rules gives no finding.
//! - The bytes are those of the codecs, so `Checksums::parse` and `Attributes::parse` accept them.
//!
//! Which policy is right, and writing the artifacts to disk, are left to the caller.

mod file;
mod record;
mod worker;

use std::sync::atomic::AtomicBool;
use std::time::Instant;

use crate::attributes::{Attributes, PathMap};
use crate::checksums::Writer;
use crate::descriptors::Raised;
use crate::finding::{self, Finding, Kind, printable};
use crate::hard_links;
use crate::scan::{Request, Scan, ScanError, owner_of};
use crate::symlinks::{self, Leads};
use record::{Exception, Records};
use worker::{Task, Worker};

/// A token of a hard link: which worker's record in the high half, which record in the low one.
const WORKER_SHIFT: u32 = 32;

/// What sealing found.
#[derive(Debug)]
pub struct Sealed {
    /// The bytes of `checksums.json`.
    pub checksums: Vec<u8>,
    /// The value of `attributes` in `deployment_metadata.json`.
    pub attributes: Vec<u8>,
    pub file_count: usize,
    pub total_bytes: u64,
    pub duration_ns: u64,
    /// Not empty: nothing may be sealed. By path, then kind.
    pub refusals: Vec<Finding>,
    /// Worth saying, by path, then kind.
    pub warnings: Vec<Finding>,
}

/// Seal the tree. `tick` is as for `compare`.
///
/// # Errors
///
/// When there is no answer at all: the root cannot be read, or the scan was stopped.
pub fn seal(request: Request<'_>, tick: &mut dyn FnMut() -> bool) -> Result<Sealed, ScanError> {
    let begin = Instant::now();
    let _raised = Raised::new();
    let stop = AtomicBool::new(false);
    let scan = Scan::new(request, &stop)?;
    let workers = scan.run(Task::Root, || Worker::new(&scan), tick)?;

    let mut refusals = Vec::new();
    let mut names = Vec::new();
    let mut records = Vec::new();
    for (index, worker) in workers.into_iter().enumerate() {
        if let Some(errno) = worker.root_failed {
            return Err(ScanError::Root(errno));
        }
        refusals.extend(worker.findings);
        let high = (index as u64) << WORKER_SHIFT;
        names.extend(worker.names.into_iter().map(|name| name.with_token(|token| token | high)));
        records.push(worker.records);
    }
    let mut warnings = Vec::new();
    let linked = outside_names(&records, names, &mut warnings);
    let mut attributes = gather(&records);
    attributes.hard_links = linked;
    if request.rules.owners {
        add_root_owner(&mut attributes, owner_of(&scan.root));
    }
    refuse_links_that_leave(&scan, &attributes.symlinks, &mut refusals);
    let (checksums, file_count) = write_checksums(&records, request.algorithm.digest_length());
    finding::sort(&mut refusals);
    finding::sort(&mut warnings);
    Ok(Sealed {
        checksums,
        attributes: attributes.to_json(),
        file_count,
        total_bytes: records.iter().map(|records| records.total_bytes).sum(),
        duration_ns: u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX),
        refusals,
        warnings,
    })
}

/// Warn of each file with names elsewhere; return their paths, sorted.
fn outside_names(
    records: &[Records],
    mut names: Vec<hard_links::Name>,
    warnings: &mut Vec<Finding>,
) -> crate::path::PathList {
    let mut paths: Vec<&[u8]> = Vec::new();
    hard_links::elsewhere(&mut names, |token, seen, all| {
        let records = &records[usize::try_from(token >> WORKER_SHIFT).expect("a worker's index")];
        let index = usize::try_from(token & u64::from(u32::MAX)).expect("a record's index");
        let path = records.files.get(index);
        paths.push(path);
        let finding = Finding::new(Kind::HardLink, path.to_vec());
        let finding = finding.expected(hard_links::names(seen));
        warnings.push(finding.actual(hard_links::names(all)));
    });
    paths.sort_unstable();
    paths.into_iter().collect()
}

/// Bring the exceptions of all workers into one sorted set.
fn gather(records: &[Records]) -> Attributes {
    let mut all: Vec<(&[u8], &Exception)> = records.iter().flat_map(Records::exceptions).collect();
    all.sort_by_key(|(path, _)| *path);
    let mut attributes = Attributes::default();
    for (path, exception) in all {
        match exception {
            Exception::AppendOnly(size) => attributes.append_only.push(path, *size),
            Exception::Capability(value) => attributes.capabilities.push(path, value.clone()),
            Exception::EmptyFolder => attributes.empty_directories.push(path),
            Exception::Mode(mode) => push_group(&mut attributes.modes, *mode, path),
            Exception::Mutable(place) => attributes.mutable.push(path, *place),
            Exception::Owner(owner) => push_group(&mut attributes.owners, *owner, path),
            Exception::Link(target) => attributes.symlinks.push(path, target.clone()),
        }
    }
    attributes.modes.sort_unstable_by_key(|(mode, _)| *mode);
    attributes.owners.sort_unstable_by_key(|(owner, _)| *owner);
    attributes
}

fn push_group<K: PartialEq>(groups: &mut Vec<(K, crate::path::PathList)>, key: K, path: &[u8]) {
    if let Some((_, paths)) = groups.iter_mut().find(|(other, _)| *other == key) {
        paths.push(path);
    } else {
        groups.push((key, std::iter::once(path).collect()));
    }
}

/// Record the root folder's owner, which everything without an owner of its own shares, as ".".
fn add_root_owner(attributes: &mut Attributes, owner: crate::attributes::Owner) {
    // Nothing else has this owner noted, so the list is new.
    attributes.owners.push((owner, std::iter::once(&b"."[..]).collect()));
    attributes.owners.sort_unstable_by_key(|(owner, _)| *owner);
}

fn refuse_links_that_leave(
    scan: &Scan<'_>,
    links: &PathMap<Box<[u8]>>,
    refusals: &mut Vec<Finding>,
) {
    let rules = scan.request.rules;
    let target_of = |path: &[u8]| links.find(path).map(|target| &**target);
    for (path, target) in links.iter() {
        if rules.may_leave_root(path) {
            continue;
        }
        let leads = symlinks::follow(path, &target_of, &|link| rules.may_leave_root(link));
        let leaves = match leads {
            Leads::Outside => true,
            Leads::Allowed => symlinks::leaves_by_text(path, target),
            Leads::Inside => {
                symlinks::leaves_by_text(path, target)
                    || scan.opener.resolves() && symlinks::leaves_by_kernel(scan.request.root, path)
            }
        };
        if leaves {
            let finding = Finding::new(Kind::LinkLeavesRoot, path.to_vec());
            let finding = finding.expected("a target below the root");
            refusals.push(finding.actual(printable(target)));
        }
    }
}

/// Write all records in the order of their paths.
fn write_checksums(records: &[Records], digest_length: usize) -> (Vec<u8>, usize) {
    let mut order: Vec<(u32, u32)> = Vec::with_capacity(records.iter().map(Records::len).sum());
    let mut bytes = 8;
    for (worker, records) in (0..).zip(records) {
        for index in (0..).take(records.len()) {
            order.push((worker, index));
            bytes += records.files.get(index as usize).len() + 2 * digest_length + 10;
        }
    }
    let path = |(worker, index): (u32, u32)| records[worker as usize].files.get(index as usize);
    order.sort_unstable_by(|a, b| path(*a).cmp(path(*b)));
    let mut writer = Writer::with_capacity(bytes);
    for (worker, index) in &order {
        let digest = records[*worker as usize].digest(*index as usize, digest_length);
        writer.entry(path((*worker, *index)), digest);
    }
    (writer.finish(), order.len())
}
