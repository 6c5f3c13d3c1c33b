"""A verdict as the entry of a receipt.

Guarantees: the digest of the findings is that of the list in `duri verify --json`, compact, with
keys sorted, so `jq -cjS .findings | sha256sum` repeats it. Names of files stand in no receipt.
"""

import os

from duri import times
from duri.evidence import canonical
from duri.report import document
from duri.report.escape import shown
from duri.report.receipt.receipt import Entry, Files, Identity, Kind, ScanKind
from duri.tree.digest import sha256
from duri.verdict import Verdict


def entry_of(
    verdict: Verdict,
    *,
    kind: Kind,
    interval: int,
    scan_kind: ScanKind | None = None,
    since: float | None = None,
    identity: Identity | None = None,
    events_lost: int = 0,
    note: str | None = None,
) -> Entry:
    """Return what a receipt says of a verdict.

    Args:
        verdict: what a scan found, or what holds since a change.
        kind: `scan` or `change`; for others `Entry` is made by hand.
        interval: seconds within which the next scan is promised.
        scan_kind: what the scan looked at.
        since: Unix seconds, since when the status is what it is.
        identity: which folder the root was.
        events_lost: since the watcher's start.
        note: for a person.
    """
    summary = verdict.summary
    findings = document.document(verdict).findings
    return Entry(
        kind=kind,
        status=verdict.status,
        since=None if since is None else times.write(int(since)),
        product=verdict.product,
        environment=verdict.environment,
        version=verdict.version,
        deployment_id=verdict.deployment_id,
        release_sequence=verdict.sequence,
        policy_digest=verdict.policy.stored_hash,
        root=shown(os.fsencode(verdict.root)),
        root_identity=identity,
        files=Files(
            total=summary.total_files,
            verified=summary.verified_files,
            modified=summary.modified_files,
            missing=summary.missing_files,
            new=summary.new_files,
        ),
        bytes_hashed=summary.bytes_hashed,
        scan_kind=scan_kind,
        duration_ms=summary.scan_duration_ms,
        findings_digest=f"sha256:{sha256(canonical.compact(findings))}",
        findings_count=len(findings),
        interval=interval,
        events_lost=events_lost,
        note=note,
    )
