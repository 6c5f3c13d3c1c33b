"""Reading the artifacts folder: raw bytes, bounded, before anything in them is believed.

Guarantees: only regular files are read, without following links and without blocking on a FIFO;
each is bounded before it is read; every entry of the folder is accounted for, as bytes or as a
problem.

Leaves to others: what the bytes mean (`release`, `envelope`), writing them (`publish`).
"""

import errno
import os
import stat
from collections.abc import Mapping

import msgspec

from duri.errors import UsageError
from duri.evidence.release import (
    CHECKSUMS,
    METADATA,
    PROVENANCE,
    REQUIRED,
    SBOM_FORMATS,
    SIGNATURES,
)
from duri.limits import (
    MAX_ARTIFACTS,
    MAX_CHECKSUMS_BYTES,
    MAX_METADATA_BYTES,
    MAX_PROVENANCE_BYTES,
    MAX_SBOM_BYTES,
    MAX_SIGNATURE_BYTES,
)
from duri.tree.digest import Digests
from duri.verdict import Finding, Kind, Status

DEFAULT_NAME = ".duri"

LIMITS = {
    CHECKSUMS: MAX_CHECKSUMS_BYTES,
    METADATA: MAX_METADATA_BYTES,
    PROVENANCE: MAX_PROVENANCE_BYTES,
    **dict.fromkeys(SBOM_FORMATS, MAX_SBOM_BYTES),
    **dict.fromkeys(SIGNATURES, MAX_SIGNATURE_BYTES),
}
KNOWN_NAMES = frozenset(LIMITS)
_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
_FOLDER = os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY
_BLOCK_BYTES = 64 * 1024


class Artifacts(msgspec.Struct, frozen=True, kw_only=True):
    """The folder's files as bytes, by name, and what could not be taken.

    Attributes:
        files: every artifact and signature file.
        digests: the lower-case hex SHA-256 of each, computed once: checksums grow with the tree.
    """

    files: dict[str, bytes] = {}
    digests: Digests = Digests({})
    problems: tuple[Finding, ...] = ()

    def signatures(self) -> dict[str, bytes]:
        """Return the signature files that are there, in their fixed order."""
        return {name: self.files[name] for name in SIGNATURES if name in self.files}

    def content(self) -> dict[str, bytes]:
        """Return the files that signatures are about."""
        return {name: data for name, data in self.files.items() if name not in SIGNATURES}


class Location(msgspec.Struct, frozen=True, kw_only=True):
    """Where the artifacts lie.

    Attributes:
        path: the folder, as a person would write it.
        inside: its path relative to the root when it lies inside, which a scan leaves out.
        is_default: whether it is `.duri`, which must be a folder itself, not a link to one.
    """

    path: str
    inside: bytes | None
    is_default: bool


def locate(root: str, artifacts: str | None, *, is_foreign: bool = False) -> Location:
    """Return where a root's artifacts lie.

    A path of ours is never inside a foreign root, whatever the same path means there: what lay
    there would be left out of the scan.
    """
    if artifacts is not None and "\0" in artifacts:
        raise UsageError("not a path", where="the artifacts folder", got="a NUL in it")
    if artifacts is None:
        return Location(
            path=os.path.join(root, DEFAULT_NAME), inside=DEFAULT_NAME.encode(), is_default=True
        )
    if is_foreign:
        return Location(path=artifacts, inside=None, is_default=False)
    inner = os.fsencode(os.path.realpath(artifacts))
    outer = os.fsencode(os.path.realpath(root)).rstrip(b"/") + b"/"
    inside = inner[len(outer) :] if inner.startswith(outer) else None
    return Location(path=artifacts, inside=inside, is_default=False)


def read(location: Location, *, root_fd: int, held: Mapping[str, bytes] | None = None) -> Artifacts:
    """Read every artifact of a folder; what cannot be taken is a finding, never an exception.

    Args:
        location: the folder.
        root_fd: the root, open, below which a default folder lies.
        held: artifacts in memory, by name: a file with the same bytes is read and compared piece
            by piece, and what is held is returned, so that it is not in memory twice.
    """
    try:
        if location.is_default:
            folder = os.open(DEFAULT_NAME, _FOLDER | os.O_NOFOLLOW, dir_fd=root_fd)
        else:
            folder = os.open(location.path, _FOLDER)
    except OSError as error:
        return Artifacts(problems=(_folder_problem(error, location),))
    try:
        return _read_folder(folder, location, held or {})
    finally:
        os.close(folder)


def _read_folder(folder: int, location: Location, held: Mapping[str, bytes]) -> Artifacts:
    files: dict[str, bytes] = {}
    problems: list[Finding] = []
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry, _ in zip(entries, range(MAX_ARTIFACTS), strict=False)]
    except OSError as error:
        return Artifacts(problems=(_folder_problem(error, location),))
    for name in sorted(names):
        if name not in KNOWN_NAMES:
            problems.append(
                _problem(Kind.ARTIFACT_UNEXPECTED, name, "not an artifact of a release")
            )
            continue
        taken = _read_file(folder, name, held.get(name))
        if isinstance(taken, Finding):
            problems.append(taken)
        else:
            files[name] = taken
    if not files and not problems:
        return Artifacts(problems=(_no_artifacts(location),))
    problems += [
        _problem(Kind.ARTIFACT_MISSING, name, "a release always has it")
        for name in REQUIRED
        if name not in names
    ]
    return Artifacts(files=files, digests=Digests(files), problems=tuple(problems))


def _read_file(folder: int, name: str, held: bytes | None) -> bytes | Finding:
    limit = LIMITS[name]
    try:
        file = os.open(name, _READ, dir_fd=folder)
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.ENXIO, errno.ENOENT}:
            return _problem(Kind.ARTIFACT_UNEXPECTED, name, "not a regular file")
        return _unreadable(name, error)
    try:
        before = os.fstat(file)
        if not stat.S_ISREG(before.st_mode):
            return _problem(Kind.ARTIFACT_UNEXPECTED, name, "not a regular file")
        if before.st_size > limit:
            return _problem(
                Kind.ARTIFACT_MALFORMED, name, f"larger than the {limit} bytes it may have"
            )
        if held is not None and before.st_size == len(held) and _is_same(file, held):
            return held
        data = os.read(file, before.st_size + 1)
        # Then only what is left: asking for the whole size again would cost its memory again. It
        # ends at the limit, however fast somebody appends.
        while len(data) <= limit and (
            more := os.read(file, max(before.st_size - len(data), _BLOCK_BYTES))
        ):
            data += more
    except OSError as error:
        return _unreadable(name, error)
    finally:
        os.close(file)
    if len(data) > limit:
        return _problem(Kind.ARTIFACT_MALFORMED, name, "it grew while it was read")
    return data


def _is_same(file: int, held: bytes) -> bool:
    """Say whether a file has exactly these bytes; otherwise it stands at its beginning again."""
    rest = memoryview(held)
    while piece := os.read(file, _BLOCK_BYTES):
        if piece != rest[: len(piece)]:
            break
        rest = rest[len(piece) :]
    else:
        if not rest:
            return True
    os.lseek(file, 0, os.SEEK_SET)
    return False


def _problem(kind: Kind, name: str, detail: str) -> Finding:
    return Finding(kind=kind, status=Status.TAMPERED, path=os.fsencode(name), detail=detail)


def _unreadable(name: str, error: OSError) -> Finding:
    return Finding(
        kind=Kind.UNREADABLE,
        status=Status.UNVERIFIABLE,
        path=os.fsencode(name),
        actual=os.strerror(error.errno or 0),
        detail="an artifact cannot be read",
    )


def _folder_problem(error: OSError, location: Location) -> Finding:
    if error.errno == errno.ENOENT:
        return _no_artifacts(location)
    if error.errno in {errno.ELOOP, errno.ENOTDIR}:
        return Finding(
            kind=Kind.ARTIFACT_UNEXPECTED,
            status=Status.TAMPERED,
            path=os.fsencode(location.path),
            detail="the artifacts folder is not a folder",
        )
    return Finding(
        kind=Kind.UNREADABLE,
        status=Status.UNVERIFIABLE,
        path=os.fsencode(location.path),
        actual=os.strerror(error.errno or 0),
        detail="the artifacts folder cannot be read",
    )


def _no_artifacts(location: Location) -> Finding:
    return Finding(
        kind=Kind.ARTIFACTS_MISSING,
        status=Status.UNVERIFIABLE,
        path=os.fsencode(location.path),
        detail="there are no artifacts here: the release was never sealed, or they were not copied",
    )
