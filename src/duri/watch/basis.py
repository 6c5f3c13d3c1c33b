"""What a look compares the tree with: the evidence as it was weighed, and its checksums parsed.

    1. The evidence is weighed; the artifacts that grow with the tree are hashed and left on disk.
    2. Checksums and metadata of the same bytes as at the last look are not parsed again.
    3. Others are read once more into the form that is kept, and must be the bytes of step 1.
    4. Where they are not, or are malformed, the evidence is weighed anew with all its bytes.

Guarantees: what is parsed has exactly the bytes that were believed. Between two looks the checksums
take the memory of their paths and raw digests, and while they are parsed that of their bytes, once.
"""

import contextlib
import os

import msgspec

from duri import inspection
from duri.errors import MalformedError, UsageError
from duri.evidence import folder, release
from duri.inspection import Case, Weighed
from duri.tree import scan


class Basis(msgspec.Struct, frozen=True, kw_only=True):
    """What the tree is compared with.

    Attributes:
        weighed: the evidence.
        baseline: the evidence as the tree is compared with it; None where none may be believed.
    """

    weighed: Weighed
    baseline: scan.Baseline | None


def weigh(case: Case, root_fd: int, last: Basis | None, *, now: int) -> Basis:
    """Read and judge the evidence, and parse it where it is not that of the last look.

    Args:
        case: whose evidence.
        root_fd: the root, open.
        last: what the last look compared with.
        now: unix seconds.
    """
    weighed = inspection.weigh(case, root_fd, now=now, leave_large=True)
    if not weighed.evidence.usable:
        return Basis(weighed=weighed, baseline=None)
    if last is not None and last.baseline is not None and _has_same_bytes(last.weighed, weighed):
        return Basis(weighed=weighed, baseline=last.baseline)
    with contextlib.suppress(MalformedError, UsageError, OSError):
        checksums = _load(weighed, root_fd)
        if checksums is not None:
            return Basis(weighed=weighed, baseline=inspection.baseline(weighed, checksums))
    weighed = inspection.weigh(case, root_fd, now=now)
    baseline = None
    with contextlib.suppress(MalformedError, UsageError):  # `compare` says it as a finding
        baseline = inspection.baseline(weighed)
    return Basis(weighed=weighed, baseline=baseline)


def _has_same_bytes(last: Weighed, weighed: Weighed) -> bool:
    before, after = last.evidence, weighed.evidence
    checksums = after.on_disk.get(release.CHECKSUMS)
    return (
        checksums is not None
        and before.on_disk.get(release.CHECKSUMS) == checksums
        and before.content.get(release.METADATA) == after.content.get(release.METADATA)
    )


def _load(weighed: Weighed, root_fd: int) -> scan.Checksums | None:
    """Return the checksums that were believed; None where the file has others by now."""
    metadata, location = weighed.evidence.metadata, weighed.location
    believed = weighed.evidence.on_disk.get(release.CHECKSUMS)
    if metadata is None or location is None or believed is None:
        return None
    fd = folder.open_file(location, release.CHECKSUMS, root_fd=root_fd)
    try:
        return scan.load(
            fd, size=believed.size, sha256=believed.sha256, algorithm=metadata.hash_algorithm
        )
    finally:
        os.close(fd)
