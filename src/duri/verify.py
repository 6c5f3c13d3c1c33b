"""Is what is here what was released? Numbered steps, one verdict.

    1. Open the root once; read the keyring; read the artifacts as raw bytes.
    2. Judge the evidence (`duri.evidence.authenticity`); nothing unauthentic in it is used.
    3. Compare the tree with the checksums and attributes, under the sealed policy.
    4. Compare the sealed policy with what is declared here; report, never obey.
    5. Conclude: the first status, from the top, that any finding calls for.
    6. After a verified release only: raise the floor, where a state file keeps one.

Guarantees: bad evidence and bad trees give findings, never exceptions; nothing is kept in memory
between two calls, so verifying twice gives the same answer. Exceptions are left for wrong calls.
"""

import os
import time

import msgspec

from duri import threshold, times
from duri.errors import MalformedError, UnverifiableError, UsageError
from duri.evidence import authenticity, circumstances, findings, folder, policy_difference, release
from duri.evidence.keys.keyring import Keyring
from duri.settings import Settings
from duri.tree import scan
from duri.verdict import Finding, Kind, Status, Summary, Verdict, conclude

_ORDER = {status: rank for rank, status in enumerate(Status)}
_RELEASE_FIELDS = (
    "product",
    "environment",
    "version",
    "sequence",
    "deployment_id",
    "schema_version",
    "hash_algorithm",
    "hash_version",
    "created_at",
)


def verify(
    root: str | os.PathLike[str],
    *,
    keyring: Keyring | str | os.PathLike[str] | None = None,
    artifacts: str | os.PathLike[str] | None = None,
    settings: Settings | None = None,
    from_archive: bool = False,
    now: int | None = None,
    progress: scan.Progress | None = None,
) -> Verdict:
    """Verify a root against its artifacts.

    Args:
        root: the folder that is said to be a release.
        keyring: keys, or the file that holds them; the settings' own when None.
        artifacts: the artifacts folder; the settings' own, else `.duri` under the root, when None.
        settings: what the place of verification says; defaults when None, never the environment.
        from_archive: whether the release was brought back from an archive, so archived keys count.
        now: unix seconds; the clock's when None.
        progress: counters to add to while the tree is read.

    Returns:
        The verdict; its status is `unverifiable` where none could be reached.
    """
    call = _Call(
        root=os.fspath(root),
        settings=settings or Settings(),
        now=int(time.time()) if now is None else now,
    )
    try:
        root_fd = scan.open_root(call.root)  # step 1
    except UsageError as error:
        return call.verdict([findings.unverifiable(Kind.ROOT_UNUSABLE, error)])
    try:
        place = call.settings.artifacts if artifacts is None else os.fspath(artifacts)
        try:
            location = folder.locate(call.root, place)
        except UsageError as error:
            return call.verdict([findings.unverifiable(Kind.ARTIFACTS_MISSING, error)])
        raw = folder.read(location, root_fd=root_fd)
        here = circumstances.gather(
            call.settings,
            root=call.root,
            keyring=keyring,
            signed=bool(raw.signatures()),
            now=call.now,
            from_archive=from_archive,
        )
        evidence = authenticity.judge(raw, here.keyring, here.expected)  # step 2
        said = [*here.findings, *evidence.findings]
        return _judge_tree(call, root_fd, location, evidence, said, progress)
    finally:
        os.close(root_fd)


class _Call(msgspec.Struct, frozen=True, kw_only=True):
    """What stays the same through one verification."""

    root: str
    settings: Settings
    now: int

    def verdict(self, said: list[Finding], **known: object) -> Verdict:
        return Verdict(
            status=conclude(said),
            root=self.root,
            checked_at=times.write(self.now),
            findings=tuple(sorted(said, key=_rank)),
            **known,  # type: ignore[arg-type] # the fields of Verdict, by their names
        )


def _judge_tree(
    call: _Call,
    root_fd: int,
    location: folder.Location,
    evidence: authenticity.Evidence,
    said: list[Finding],
    progress: scan.Progress | None,
) -> Verdict:
    """Steps 3 to 6."""
    metadata = evidence.metadata
    if metadata is None:
        return call.verdict(said, signatures=evidence.signatures)
    strict = _is_strict(call.settings, metadata, signed=evidence.signed)
    summary = Summary()
    if evidence.usable:
        found, summary = _compare(  # step 3
            call,
            root_fd,
            metadata,
            evidence.content[release.CHECKSUMS],
            strict=strict,
            exclude=location.inside,
            progress=progress,
        )
        said += found
    differing = policy_difference.check(  # step 4
        metadata, call.settings, root_fd=root_fd, signed=evidence.signed
    )
    said += differing.findings
    if conclude(said) is Status.VERIFIED:
        said += circumstances.remember(call.settings, metadata, now=call.now)  # step 6
    return call.verdict(  # step 5
        said,
        mode="strict" if strict else "lenient",
        summary=summary,
        policy=differing.policy,
        signatures=evidence.signatures,
        **{name: getattr(metadata, name) for name in _RELEASE_FIELDS},
    )


def _is_strict(
    settings: Settings, metadata: release.Metadata | release.OlderMetadata, *, signed: bool
) -> bool:
    """Return the mode to apply: a signed `strict` is a floor, and prod is always strict."""
    if settings.is_production or settings.mode == "strict":
        return True
    return (metadata.mode if signed else settings.mode) != "lenient"


def _compare(
    call: _Call,
    root_fd: int,
    metadata: release.Metadata | release.OlderMetadata,
    checksums: bytes,
    *,
    strict: bool,
    exclude: bytes | None,
    progress: scan.Progress | None,
) -> tuple[tuple[Finding, ...], Summary]:
    """Step 3: return what differs, and the counts."""
    if progress is not None and isinstance(metadata, release.Metadata):
        progress.expect(files=metadata.file_count, size=metadata.total_bytes)
    try:
        found = scan.compare(
            root_fd,
            checksums=checksums,
            attributes=bytes(metadata.attributes) or None,
            policy=metadata.policy,
            algorithm=metadata.hash_algorithm,
            strict=strict,
            exclude=exclude,
            threads=call.settings.threads,
            total_bytes=metadata.total_bytes if isinstance(metadata, release.Metadata) else None,
            progress=progress,
        )
    except MalformedError as error:
        where = error.where or release.CHECKSUMS
        return (findings.from_error(Kind.ARTIFACT_MALFORMED, where, error),), Summary()
    except UsageError as error:  # a sealed pattern that is none: nobody here called wrongly
        return (findings.from_error(Kind.ARTIFACT_MALFORMED, release.METADATA, error),), Summary()
    except UnverifiableError as error:
        return (findings.unverifiable(Kind.SCAN_INCOMPLETE, error),), Summary()
    said = found.findings
    if isinstance(metadata, release.Metadata) and metadata.file_count != found.total_files:
        miscounted = findings.finding(
            Kind.ARTIFACT_MALFORMED,
            "the metadata counts other files than the checksums list",
            path=release.METADATA,
            expected=str(found.total_files),
            actual=str(metadata.file_count),
        )
        said = (miscounted, *said)
    missing = {one.path for one in found.findings if one.kind is Kind.MISSING}
    new = {one.path for one in found.findings if one.kind is Kind.NEW}
    differing = {one.path for one in found.findings if one.kind not in scan.UNSEEN}
    modified = differing - missing - new
    limit = threshold.tighter(metadata.policy.spike_threshold, call.settings.spike_threshold)
    changed = len(missing) + len(new) + len(modified)
    return said, Summary(
        total_files=found.total_files,
        verified_files=found.verified_files,
        modified_files=len(modified),
        missing_files=len(missing),
        new_files=len(new),
        scan_duration_ms=found.duration_ms,
        bytes_hashed=found.bytes_hashed,
        spike_detected=threshold.is_spike(changed, sealed=found.total_files, limit=limit),
    )


def _rank(finding: Finding) -> tuple[int, bytes, str]:
    return _ORDER[finding.status], finding.path or b"", finding.kind
