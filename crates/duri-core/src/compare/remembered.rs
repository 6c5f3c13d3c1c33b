//! A comparison with a memory: what it may rely on, and what it leaves for the next.
//!
//! Guarantees: a memory of another release, policy or root is cleared first; from the beginning of a
//! walk to its good end it is trusted with nothing, so that no walk that was cut short is relied upon;
//! what a look at parts does not replace is as the last look at it left it.

use std::os::fd::BorrowedFd;

use rustix::fs::{AtFlags, StatxFlags, statx};

use super::kept::{self, Kept};
use super::part::Partial;
use super::plan::Plan;
use super::{Comparison, Look, Remembered, links, walk, whole};
use crate::attributes::Attributes;
use crate::checksums::Checksums;
use crate::expected::{Expected, What};
use crate::finding::{self, Kind};
use crate::memory::{Bound, Files, Memory, State, Trust, settled_before};
use crate::scan::{Request, ScanError};

/// What the tree is compared with.
pub(super) struct Artifacts<'a> {
    pub(super) checksums: &'a Checksums,
    pub(super) attributes: &'a Attributes,
    pub(super) total_bytes: Option<u64>,
}

pub(super) fn compare(
    request: Request<'_>,
    artifacts: &Artifacts<'_>,
    memory: &Memory,
    look: Look<'_>,
    tick: &mut dyn FnMut() -> bool,
) -> Result<Comparison, ScanError> {
    // Before anything is looked at.
    let settled_before = settled_before();
    let mut state = memory.lock()?;
    let state = &mut *state;
    if bind(state, request, artifacts).inspect_err(|_| memory.publish(0))? {
        memory.publish(0);
    }
    let plan = look
        .only
        .map(Plan::new)
        .transpose()?
        .map(|plan| plan.filter(|_| state.trust == Trust::All));
    let plan = match plan {
        Some(None) => return Ok(cannot_tell(memory)),
        Some(Some(plan)) => Some(plan),
        None => None,
    };
    let trust = std::mem::take(&mut state.trust);
    if trust == Trust::Nothing {
        state.files = Files::new(state.files.len());
    }
    if plan.is_none() {
        state.files.reset_all();
    }
    let table = state.table.as_ref().expect("made when it was bound");
    let expected = table.of(artifacts.checksums, artifacts.attributes);
    let trusted = look.unchanged_unread && trust != Trust::Nothing;
    let remembered = Remembered { files: &state.files, trusted, settled_before };
    let partial = plan.map(|plan| Partial { plan, before: Kept(&state.findings) });
    let is_partial = partial.is_some();
    let walked = walk(request, expected, artifacts.total_bytes, Some(remembered), partial, tick)
        .inspect_err(|_| memory.publish(0))?;

    let mut findings = walked.findings;
    if is_partial {
        let (linked, linked_new) = (&state.linked, state.linked_new);
        let looked = walked.looked;
        if looked.whole_needed || links::undecided(linked, linked_new, &walked.names, &looked) {
            state.trust = Trust::Identities;
            return Ok(cannot_tell(memory));
        }
        let before = std::mem::take(&mut state.findings);
        let (left, replaced) = kept::divide(before, looked.findings);
        findings.extend(left);
        // No name of these files came or went, as far as their identities tell.
        findings.extend(replaced.into_iter().filter(|finding| finding.kind == Kind::HardLink));
    } else {
        (state.linked, state.linked_new) = links::counted(&expected, walked.names.clone());
        findings.extend(links::found(&expected, walked.names));
    }
    finding::sort(&mut findings);
    // Whatever the parts took for granted: a file that nobody verified is not called clean.
    if is_partial && !is_accounted_for(&expected, &state.files, Kept(&findings)) {
        state.trust = Trust::Identities;
        return Ok(cannot_tell(memory));
    }
    let verified_files = state.files.verified() - links::alone(&findings);
    state.findings = findings;
    state.trust = Trust::All;
    memory.publish(verified_files);
    let answer = whole(&state.findings, look.most);
    Ok(Comparison { verified_files, bytes_hashed: walked.bytes_hashed, ..answer })
}

/// The answer that is none.
fn cannot_tell(memory: &Memory) -> Comparison {
    memory.publish(0);
    Comparison { whole_needed: true, ..whole(&[], None) }
}

/// Say whether each sealed file is verified, or something was found at it or at a folder above it.
fn is_accounted_for(expected: &Expected<'_>, files: &Files, findings: Kept<'_>) -> bool {
    let is_found = |path: &[u8]| {
        let above = memchr::memchr_iter(b'/', path).map(|end| &path[..end]);
        above.chain([path]).any(|place| !findings.at(place).is_empty())
    };
    let mut left = files.unverified().filter(|at| expected.what(*at) == What::File);
    left.all(|at| is_found(expected.path(at)))
}

/// Clear a memory of anything else; say whether it was one.
fn bind(
    state: &mut State,
    request: Request<'_>,
    artifacts: &Artifacts<'_>,
) -> Result<bool, ScanError> {
    let root = rustix::fs::fstat(request.root)?;
    let bound = Bound {
        checksums: artifacts.checksums.fingerprint(),
        attributes: artifacts.attributes.fingerprint(),
        rules: request.rules.fingerprint,
        algorithm: request.algorithm,
        exclude: request.exclude.map(<[u8]>::to_vec),
        total_bytes: artifacts.total_bytes,
        root: (root.st_dev, root.st_ino),
        mount: mount_of(request.root),
    };
    if state.bound.as_ref() == Some(&bound) {
        return Ok(false);
    }
    *state = State::default();
    let table = artifacts.checksums.table(artifacts.attributes)?;
    let length = table.of(artifacts.checksums, artifacts.attributes).len();
    state.files = Files::new(length as usize);
    state.table = Some(table);
    state.bound = Some(bound);
    Ok(true)
}

/// `STATX_MNT_ID_UNIQUE` (linux/stat.h): a number that no later mount is given again.
const MOUNT_UNIQUE: StatxFlags = StatxFlags::from_bits_retain(0x4000);

/// The root's mount; None before Linux 6.8, or where a filter refuses to say.
fn mount_of(root: BorrowedFd<'_>) -> Option<u64> {
    let found = statx(root, "", AtFlags::EMPTY_PATH, MOUNT_UNIQUE).ok()?;
    (found.stx_mask & MOUNT_UNIQUE.bits() != 0).then_some(found.stx_mnt_id)
}
