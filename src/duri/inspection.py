"""The steps of a verification, apart, so that a watcher can take some of them more often.

    weigh      the evidence: is it authentic, and expected here? (steps 1 and 2 of `duri.verify`)
    compare    the tree beside that evidence, under the sealed policy (step 3)
    judge      the sealed policy beside what is declared here; one verdict (steps 4 to 6)

Guarantees: bad evidence and bad trees give findings, never exceptions; nothing is kept here between
two calls. What a caller passes back (a baseline, a memory) saves work and decides nothing.
"""

import os
from collections.abc import Sequence
from typing import TypeAlias

import msgspec

from duri import threshold, times
from duri.errors import DuriError, MalformedError, UnverifiableError, UsageError
from duri.evidence import authenticity, circumstances, findings, folder, policy_difference, release
from duri.evidence.keys.keyring import Keyring
from duri.settings import Settings
from duri.tree import scan
from duri.verdict import Finding, Kind, Status, Summary, Verdict, conclude

Metadata: TypeAlias = release.Metadata | release.OlderMetadata

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


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """What stays the same however often a root is verified.

    Attributes:
        root: the folder that is said to be a release, as given.
        settings: what the place of verification says.
        keyring: keys, or the file that holds them; the settings' own when None.
        artifacts: the artifacts folder; the settings' own, else `.duri` under the root, when None.
        from_archive: whether the release was brought back from an archive.
        is_foreign: whether our paths mean other files there; only its descriptor reaches it then.
    """

    root: str
    settings: Settings
    keyring: Keyring | str | None = None
    artifacts: str | None = None
    from_archive: bool = False
    is_foreign: bool = False


class Weighed(msgspec.Struct, frozen=True, kw_only=True):
    """Evidence after it was judged.

    Attributes:
        findings: about it and its circumstances.
        evidence: what of it may be believed.
        keyring: the keys that it was judged with; None where none could be used.
        location: where it lies; None where that cannot be told.
        strict: whether a new file fails.
    """

    findings: tuple[Finding, ...]
    evidence: authenticity.Evidence = authenticity.Evidence()
    keyring: Keyring | None = None
    location: folder.Location | None = None
    strict: bool = True

    @property
    def is_authentic(self) -> bool:
        """Whether the evidence alone calls for no status but `verified`."""
        return self.evidence.usable and conclude(self.findings) is Status.VERIFIED

    @property
    def inside(self) -> bytes | None:
        """The artifacts folder relative to the root, which a scan leaves out."""
        return None if self.location is None else self.location.inside


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """What a comparison of the tree says.

    Attributes:
        complete: False where the pass could not answer for the whole tree, and another must.
    """

    findings: tuple[Finding, ...] = ()
    summary: Summary = Summary()
    complete: bool = True


def weigh(case: Case, root_fd: int, *, now: int, leave_large: bool = False) -> Weighed:
    """Read and judge the evidence.

    Args:
        case: whose evidence.
        root_fd: the root, open.
        now: unix seconds.
        leave_large: whether large artifacts are read and left on disk; `baseline` then needs them.
    """
    settings = case.settings
    place = settings.artifacts if case.artifacts is None else case.artifacts
    try:
        location = folder.locate(case.root, place, is_foreign=case.is_foreign)
    except UsageError as error:
        return Weighed(findings=(findings.unverifiable(Kind.ARTIFACTS_MISSING, error),))
    raw = folder.read(location, root_fd=root_fd, leave_large=leave_large)
    here = circumstances.gather(
        settings,
        root=case.root,
        foreign=os.fstat(root_fd) if case.is_foreign else None,
        keyring=case.keyring,
        signed=bool(raw.signatures()),
        now=now,
        from_archive=case.from_archive,
    )
    evidence = authenticity.judge(raw, here.keyring, here.expected)
    return Weighed(
        findings=(*here.findings, *evidence.findings),
        evidence=evidence,
        keyring=here.keyring,
        location=location,
        strict=_is_strict(settings, evidence),
    )


def baseline(weighed: Weighed, checksums: scan.Checksums | None = None) -> scan.Baseline | None:
    """Return what a tree is compared with, parsed once; None without evidence to believe.

    Raises:
        MalformedError: the checksums or the attributes are not canonical.
        UnverifiableError: the checksums were left on disk, and none are given.
        UsageError: a sealed pattern is none.
    """
    metadata = weighed.evidence.metadata
    if metadata is None or not weighed.evidence.usable:
        return None
    kept = weighed.evidence.content.get(release.CHECKSUMS) if checksums is None else checksums
    if kept is None:
        raise UnverifiableError("the checksums were left on disk", where=release.CHECKSUMS)
    attributes, algorithm = bytes(metadata.attributes) or None, metadata.hash_algorithm
    return scan.baseline(
        checksums=kept, attributes=attributes, policy=metadata.policy, algorithm=algorithm
    )


def compare(
    case: Case,
    root_fd: int,
    weighed: Weighed,
    *,
    parsed: scan.Baseline | None = None,
    look: scan.Look = scan.EVERYTHING,
    progress: scan.Progress | None = None,
) -> Compared:
    """Compare the tree with evidence that may be believed; with none, say nothing about it.

    Args:
        case: what is verified.
        root_fd: the root, open.
        weighed: what `weigh` gave.
        parsed: its baseline, where it was parsed before.
        look: how closely to look, and with what memory.
        progress: counters to add to; cancelling them cancels the comparison.
    """
    metadata = weighed.evidence.metadata
    if metadata is None:
        return Compared()
    if progress is not None and isinstance(metadata, release.Metadata):
        progress.expect(files=metadata.file_count, size=metadata.total_bytes)
    try:
        parsed = parsed or baseline(weighed)
        if parsed is None:
            return Compared()
        found = scan.compare(
            root_fd,
            parsed,
            strict=weighed.strict,
            exclude=weighed.inside,
            threads=case.settings.threads,
            total_bytes=metadata.total_bytes if isinstance(metadata, release.Metadata) else None,
            progress=progress,
            look=look,
        )
    except MalformedError as error:
        where = error.where or release.CHECKSUMS
        return Compared(findings=(findings.from_error(Kind.ARTIFACT_MALFORMED, where, error),))
    except UsageError as error:  # a sealed pattern that is none: nobody here called wrongly
        where = release.METADATA
        return Compared(findings=(findings.from_error(Kind.ARTIFACT_MALFORMED, where, error),))
    except UnverifiableError as error:
        return Compared(findings=(findings.unverifiable(Kind.SCAN_INCOMPLETE, error),))
    return Compared(
        findings=(*_miscounted(metadata, found), *found.findings),
        summary=_summary(metadata, case.settings, found),
        complete=not found.whole_needed,
    )


def judge(
    case: Case,
    root_fd: int,
    weighed: Weighed,
    compared: Compared,
    *,
    now: int,
    remember: bool = True,
) -> Verdict:
    """Compare the sealed policy with what is declared here, and give the one verdict.

    Args:
        case: what was verified.
        root_fd: the root, open.
        weighed: what `weigh` gave.
        compared: what `compare` gave.
        now: unix seconds.
        remember: whether a verified release raises the floor that a state file keeps.
    """
    metadata = weighed.evidence.metadata
    if metadata is None:
        return verdict(case, weighed.findings, now=now, signatures=weighed.evidence.signatures)
    differing = policy_difference.check(
        metadata, case.settings, root_fd=root_fd, signed=weighed.evidence.signed
    )
    said = [*weighed.findings, *compared.findings, *differing.findings]
    if remember and conclude(said) is Status.VERIFIED:
        said += circumstances.remember(case.settings, metadata, now=now)
    return verdict(
        case,
        said,
        now=now,
        mode="strict" if weighed.strict else "lenient",
        summary=compared.summary,
        policy=differing.policy,
        signatures=weighed.evidence.signatures,
        **{name: getattr(metadata, name) for name in _RELEASE_FIELDS},
    )


def unusable_root(case: Case, error: DuriError, *, now: int) -> Verdict:
    """Return the verdict over a root that cannot be opened."""
    return verdict(case, [findings.unverifiable(Kind.ROOT_UNUSABLE, error)], now=now)


def verdict(case: Case, said: Sequence[Finding], *, now: int, **known: object) -> Verdict:
    """Return the verdict that findings call for, with the fields of it that are known."""
    return Verdict(
        status=conclude(said),
        root=case.root,
        checked_at=times.write(now),
        findings=tuple(sorted(said, key=_rank)),
        **known,  # type: ignore[arg-type] # the fields of Verdict, by their names
    )


def _is_strict(settings: Settings, evidence: authenticity.Evidence) -> bool:
    """Return the mode to apply: a signed `strict` is a floor, and prod is always strict."""
    if settings.is_production or settings.mode == "strict" or evidence.metadata is None:
        return True
    return (evidence.metadata.mode if evidence.signed else settings.mode) != "lenient"


def _miscounted(metadata: Metadata, found: scan.Comparison) -> tuple[Finding, ...]:
    if isinstance(metadata, release.OlderMetadata) or metadata.file_count == found.total_files:
        return ()
    said = "the metadata counts other files than the checksums list"
    expected, actual = str(found.total_files), str(metadata.file_count)
    kind, path = Kind.ARTIFACT_MALFORMED, release.METADATA
    return (findings.finding(kind, said, path=path, expected=expected, actual=actual),)


def _summary(metadata: Metadata, settings: Settings, found: scan.Comparison) -> Summary:
    limit = threshold.tighter(metadata.policy.spike_threshold, settings.spike_threshold)
    changed = found.missing_files + found.new_files + found.modified_files
    return Summary(
        total_files=found.total_files,
        verified_files=found.verified_files,
        modified_files=found.modified_files,
        missing_files=found.missing_files,
        new_files=found.new_files,
        scan_duration_ms=found.duration_ms,
        bytes_hashed=found.bytes_hashed,
        spike_detected=threshold.is_spike(changed, sealed=found.total_files, limit=limit),
    )


def _rank(finding: Finding) -> tuple[int, bytes, str]:
    return _ORDER[finding.status], finding.path or b"", finding.kind
