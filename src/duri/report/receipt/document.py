"""An audit as JSON: what `duri receipts verify --json` and `duri report --json` print.

Guarantees: within `schema_version` 1 fields are only added; times are RFC 3339, lengths seconds;
`coverage` is null where the chain does not hold.
"""

import msgspec

from duri import times
from duri.report.escape import printable
from duri.report.receipt.audit import Audit, Coverage
from duri.report.receipt.chain import Problem
from duri.verdict import Status

SCHEMA_VERSION = "1.0"


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """What was read: the folder, the keyring, and whether that lay beside the receipts."""

    folder: str
    keyring: str
    keyring_beside_receipts: bool


class _Gap(msgspec.Struct, frozen=True, kw_only=True):
    begin: str
    end: str
    seconds: int
    reasons: tuple[str, ...]


class _Incident(msgspec.Struct, frozen=True, kw_only=True):
    begin: str
    end: str
    seconds: int
    status: Status
    deployment_id: str | None
    findings: int


class _Release(msgspec.Struct, frozen=True, kw_only=True):
    deployment_id: str
    product: str | None
    environment: str | None
    version: str | None
    sequence: int | None
    policy_digest: str | None
    first_at: str
    last_at: str
    scans: int


class _Coverage(msgspec.Struct, frozen=True, kw_only=True):
    begin: str
    end: str
    seconds: int
    covered_seconds: int
    covered_percent: str
    seconds_by_status: dict[str, int]
    scans: int
    bytes_hashed: int
    gap_count: int
    gaps: tuple[_Gap, ...]
    incident_count: int
    incidents: tuple[_Incident, ...]
    release_count: int
    releases: tuple[_Release, ...]
    roots: tuple[str, ...]


class _Chain(msgspec.Struct, frozen=True, kw_only=True):
    receipts: int
    first_sequence: int
    last_sequence: int
    begin: str | None
    end: str | None
    head: str | None
    keys: dict[str, int]
    runs: int
    problem_counts: dict[str, int]
    problems: tuple[Problem, ...]


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """The whole answer, in the order in which it is written."""

    schema_version: str
    status: Status
    exit_code: int
    folder: str
    keyring: str
    keyring_beside_receipts: bool
    chain: _Chain
    coverage: _Coverage | None


def render(audit: Audit, source: Source, *, exit_code: int) -> bytes:
    """Return the document in UTF-8, indented, ending in a newline."""
    document = _document(audit, source, exit_code)
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def _document(audit: Audit, source: Source, exit_code: int) -> Document:
    proof = audit.proof
    return Document(
        schema_version=SCHEMA_VERSION,
        status=proof.status,
        exit_code=exit_code,
        folder=source.folder,
        keyring=source.keyring,
        keyring_beside_receipts=source.keyring_beside_receipts,
        chain=_Chain(
            receipts=proof.receipts,
            first_sequence=proof.first,
            last_sequence=proof.last,
            begin=None if proof.begin is None else times.write(proof.begin),
            end=None if proof.end is None else times.write(proof.end),
            head=proof.head,
            keys=proof.keys,
            runs=proof.runs,
            problem_counts=proof.counts,
            problems=tuple(
                msgspec.structs.replace(one, detail=printable(one.detail)) for one in proof.problems
            ),
        ),
        coverage=None if audit.coverage is None else _coverage(audit.coverage),
    )


def _coverage(coverage: Coverage) -> _Coverage:
    return _Coverage(
        begin=times.write(coverage.begin),
        end=times.write(coverage.end),
        seconds=coverage.seconds,
        covered_seconds=coverage.covered,
        covered_percent=coverage.percent,
        seconds_by_status={
            status.value: coverage.by_status.get(status, 0) for status in reversed(Status)
        },
        scans=coverage.scans,
        bytes_hashed=coverage.bytes_hashed,
        gap_count=coverage.gap_count,
        gaps=tuple(
            _Gap(
                begin=times.write(gap.begin),
                end=times.write(gap.end),
                seconds=gap.end - gap.begin,
                reasons=tuple(reason.value for reason in gap.reasons),
            )
            for gap in coverage.gaps
        ),
        incident_count=coverage.incident_count,
        incidents=tuple(
            _Incident(
                begin=times.write(one.begin),
                end=times.write(one.end),
                seconds=one.end - one.begin,
                status=one.status,
                deployment_id=one.deployment_id,
                findings=one.findings,
            )
            for one in coverage.incidents
        ),
        release_count=coverage.release_count,
        releases=tuple(
            _Release(
                deployment_id=one.deployment_id,
                product=one.product,
                environment=one.environment,
                version=one.version,
                sequence=one.sequence,
                policy_digest=one.policy_digest,
                first_at=times.write(one.first_at),
                last_at=times.write(one.last_at),
                scans=one.scans,
            )
            for one in coverage.releases
        ),
        roots=coverage.roots,
    )
