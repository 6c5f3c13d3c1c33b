"""Reading the artifacts folder: raw bytes, bounded, before anything in them is believed.

Guarantees: only regular files are read, without following links and without blocking on a FIFO;
each is bounded before it is read; every entry of the folder is accounted for: as bytes, as what is
left on disk, or as a problem. What is left on disk has no bytes here that anybody could parse.

Leaves to others: what the bytes mean (`release`, `envelope`), writing them (`publish`).
"""

import errno
import os
import stat

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
_LARGE = frozenset({CHECKSUMS, *SBOM_FORMATS})
_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
_FOLDER = os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY
_BLOCK_BYTES = 64 * 1024


class OnDisk(msgspec.Struct, frozen=True, kw_only=True):
    """A file whose bytes were read and not kept.

    Attributes:
        size: how many they were.
        sha256: of them, in lower-case hexadecimal.
    """

    size: int
    sha256: str


class Artifacts(msgspec.Struct, frozen=True, kw_only=True):
    """The folder's files by name, and what could not be taken.

    Attributes:
        files: artifacts and signature files, as bytes.
        on_disk: the artifacts that were left there.
        digests: the lower-case hex SHA-256 of each, computed once: checksums grow with the tree.
    """

    files: dict[str, bytes] = {}
    on_disk: dict[str, OnDisk] = {}
    digests: Digests = Digests({})
    problems: tuple[Finding, ...] = ()

    def signatures(self) -> dict[str, bytes]:
        """Return the signature files that are there, in their fixed order."""
        return {name: self.files[name] for name in SIGNATURES if name in self.files}

    def content(self) -> dict[str, bytes]:
        """Return the files that signatures are about, of those in memory."""
        return {name: data for name, data in self.files.items() if name not in SIGNATURES}

    def names(self) -> tuple[str, ...]:
        """Return the names of all files that signatures are about, sorted."""
        return tuple(sorted(self.content().keys() | self.on_disk.keys()))


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


def read(location: Location, *, root_fd: int, leave_large: bool = False) -> Artifacts:
    """Read every artifact of a folder; what cannot be taken is a finding, never an exception.

    Args:
        location: the folder.
        root_fd: the root, open, below which a default folder lies.
        leave_large: whether artifacts that grow with the tree are hashed piece by piece and left
            on disk, for who looks at them again and again.
    """
    try:
        folder = _open(location, root_fd)
    except OSError as error:
        return Artifacts(problems=(_folder_problem(error, location),))
    try:
        return _read_folder(folder, location, _LARGE if leave_large else frozenset())
    finally:
        os.close(folder)


def open_file(location: Location, name: str, *, root_fd: int) -> int:
    """Open an artifact that was left on disk; whether it is still that one is not asked.

    Raises:
        OSError: it is not there any more.
    """
    folder = _open(location, root_fd)
    try:
        return os.open(name, _READ, dir_fd=folder)
    finally:
        os.close(folder)


def _open(location: Location, root_fd: int) -> int:
    if location.is_default:
        return os.open(DEFAULT_NAME, _FOLDER | os.O_NOFOLLOW, dir_fd=root_fd)
    return os.open(location.path, _FOLDER)


def _read_folder(folder: int, location: Location, leave: frozenset[str]) -> Artifacts:
    files: dict[str, bytes] = {}
    on_disk: dict[str, OnDisk] = {}
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
        taken = _read_file(folder, name, leave=name in leave)
        if isinstance(taken, Finding):
            problems.append(taken)
        elif isinstance(taken, OnDisk):
            on_disk[name] = taken
        else:
            files[name] = taken
    if not files and not on_disk and not problems:
        return Artifacts(problems=(_no_artifacts(location),))
    problems += [
        _problem(Kind.ARTIFACT_MISSING, name, "a release always has it")
        for name in REQUIRED
        if name not in names
    ]
    known = {name: one.sha256 for name, one in on_disk.items()}
    digests = Digests(files, known=known)
    return Artifacts(files=files, on_disk=on_disk, digests=digests, problems=tuple(problems))


def _read_file(folder: int, name: str, *, leave: bool) -> bytes | OnDisk | Finding:
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
        if leave:
            return _hashed(file, limit) or _grew(name)
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
    return _grew(name) if len(data) > limit else data


def _hashed(file: int, limit: int) -> OnDisk | None:
    """Read a file piece by piece; None when it has more bytes than it may have."""
    # A gate never comes here, and loads no OpenSSL.
    import hashlib

    digest, size = hashlib.sha256(), 0
    while piece := os.read(file, _BLOCK_BYTES):
        digest.update(piece)
        size += len(piece)
        if size > limit:
            return None
    return OnDisk(size=size, sha256=digest.hexdigest())


def _grew(name: str) -> Finding:
    return _problem(Kind.ARTIFACT_MALFORMED, name, "it grew while it was read")


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
