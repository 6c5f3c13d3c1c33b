"""Writing the artifacts folder so that it is, at every instant, wholly the old or the new one.

Guarantees: the new folder is written beside, each file synced, then swapped in by one rename (an
exchange when an older one is there), then the older one removed. A process killed anywhere leaves
a valid folder; a full or failing disk leaves the older one untouched, since a swap that cannot be
synced is swapped back. What is left behind by a kill lies outside the sealed tree wherever that is
possible, and the next sealing clears it away; one that still runs holds a lock on its own.

The one exception is said, not hidden: an artifacts folder that is itself a mount point, or lies on
a file system without exchange, is replaced file by file, signatures last; killed in between, it is
`tampered` until it is sealed again.
"""

import contextlib
import errno
import fcntl
import os
from collections.abc import Callable, Iterator, Mapping

from duri import atomic
from duri.errors import PublishError, SealRefusedError, UsageError
from duri.evidence.folder import KNOWN_NAMES, LIMITS
from duri.evidence.release import SIGNATURES
from duri.tree.exchange import exchange, rename_new

_MARK = ".duri-sealing-"
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
_FOLDER = os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY
_NO_SWAP = frozenset({errno.EINVAL, errno.ENOSYS, errno.EBUSY, errno.EXDEV})
"""EINVAL, ENOSYS: a file system without exchange. EBUSY, EXDEV: a mount point, or a folder of a
lower overlay layer."""
_DIGITS = 16
_HEX = frozenset("0123456789abcdef")


@contextlib.contextmanager
def sealing(root_fd: int, *, root: str) -> Iterator[None]:
    """Hold the root for one sealing; a second one at the same time is refused."""
    try:
        fcntl.flock(root_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise UsageError(
            "another seal of this root is running", where=root, todo="Wait for it, then seal again"
        ) from error
    except OSError:
        # A file system that locks no folders, as NFS; what is published is whole all the same.
        yield
        return
    try:
        yield
    finally:
        fcntl.flock(root_fd, fcntl.LOCK_UN)


def check_target(path: str, *, root: str) -> None:
    """Refuse to replace a folder that holds anything but artifacts, such as a mistyped one.

    What a killed sealing left beside it is cleared here, before the tree is read: where it lies
    inside the root, it would be sealed as part of the release.

    Raises:
        UsageError: the folder is a file or a link, or holds something else.
    """
    if os.path.islink(path):
        raise UsageError("the artifacts folder is a symbolic link", where=path)
    if (os.path.realpath(root) + "/").startswith(os.path.realpath(path).rstrip("/") + "/"):
        raise UsageError("the artifacts folder holds the root itself", where=path)
    _clear_leftovers(os.path.dirname(os.path.realpath(path)))
    try:
        names = sorted(os.listdir(path))
    except FileNotFoundError:
        return
    except OSError as error:
        raise UsageError("not a usable artifacts folder", where=path, got=str(error)) from error
    foreign = [name for name in names if name not in KNOWN_NAMES and not name.startswith(_MARK)]
    if foreign:
        raise UsageError(
            "the artifacts folder holds something that is not an artifact",
            where=path,
            got=", ".join(map(ascii, foreign[:5])),
            todo="Name an empty folder, or remove what does not belong there",
        )


def publish(path: str, files: Mapping[str, bytes], *, root: str) -> None:
    """Make `path` hold exactly these files.

    Args:
        path: the artifacts folder, existing or not; its parent exists.
        files: name -> bytes.
        root: the sealed root, outside of which the new folder is prepared where that is possible.

    Raises:
        PublishError: it could not be written; what was there before is untouched.
        SealRefusedError: an artifact is larger than a verifier reads.
    """
    for name, data in files.items():
        if len(data) > LIMITS[name]:
            raise SealRefusedError(
                "an artifact would be larger than a verifier reads",
                where=name,
                expected=f"at most {LIMITS[name]} bytes",
                got=f"{len(data)} bytes",
            )
    path, root = os.path.realpath(path), os.path.realpath(root)
    try:
        staging, folder = _make_staging(path, root)
        try:
            _write_files(folder, files)
            _swap_in(staging, path, files)
        finally:
            os.close(folder)
            _clear(staging)
    except OSError as error:
        raise PublishError(
            "the artifacts could not be written; those that were there before are untouched",
            where=path,
            got=os.strerror(error.errno) if error.errno else str(error),
            todo="Free space or mend the file system, then seal again",
        ) from error


def _make_staging(path: str, root: str) -> tuple[str, int]:
    """Make the folder to prepare in: outside the root when the same file system reaches there.

    Returns:
        Its path, and a descriptor that holds a lock on it: it dies with the process.
    """
    parent = os.path.dirname(path)
    places = [parent]
    if (parent + "/").startswith(root.rstrip("/") + "/") and root != "/":
        places.insert(0, os.path.dirname(root))
    for place in places:
        _clear_leftovers(place)
        staging = os.path.join(place, _MARK + os.urandom(_DIGITS // 2).hex())
        try:
            if os.stat(place).st_dev != os.stat(parent).st_dev:
                continue
            os.mkdir(staging, 0o755)
        except OSError as error:
            if place is not places[-1] and error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
                continue
            raise
        try:
            return staging, _hold(staging)
        except OSError:
            _clear(staging)
            raise
    message = "no place to prepare the artifacts"
    raise OSError(errno.EXDEV, message)


def _hold(staging: str) -> int:
    folder = os.open(staging, _FOLDER | os.O_NOFOLLOW)
    # Where folders cannot be locked, `_clear` cannot lock this one either, and leaves it alone.
    with contextlib.suppress(OSError):
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return folder


def _write_files(folder: int, files: Mapping[str, bytes]) -> None:
    os.fchmod(folder, 0o755)
    for name, data in files.items():
        _write_file(folder, name, data)
    os.fsync(folder)


def _write_file(folder: int, name: str, data: bytes) -> None:
    file = os.open(name, _CREATE, 0o644, dir_fd=folder)
    try:
        atomic.fill(file, data, mode=0o644)
    finally:
        os.close(file)


def _swap_in(staging: str, path: str, files: Mapping[str, bytes]) -> None:
    one, other = os.fsencode(staging), os.fsencode(path)
    try:
        try:
            rename_new(one, other)
            swap_back: Callable[[bytes, bytes], None] = rename_new
        except FileExistsError:
            exchange(one, other)
            swap_back = exchange
    except OSError as error:
        if error.errno not in _NO_SWAP:
            raise
        _replace(staging, path, files)
        return
    try:
        atomic.sync_folder(os.path.dirname(path))
        atomic.sync_folder(os.path.dirname(staging))
    except OSError:
        swap_back(other, one)
        raise


def _replace(staging: str, path: str, files: Mapping[str, bytes]) -> None:
    """Do without exchange: a plain rename onto nothing or an empty folder, else file by file."""
    try:
        os.rename(staging, path)
    except OSError:
        _replace_one_by_one(path, files)
    atomic.sync_folder(os.path.dirname(path))


def _replace_one_by_one(path: str, files: Mapping[str, bytes]) -> None:
    os.makedirs(path, exist_ok=True)
    folder = os.open(path, _FOLDER)
    prepared = f"{_MARK}{os.urandom(_DIGITS // 2).hex()}-"
    try:
        stale = [name for name in os.listdir(folder) if name not in files]
        try:
            for name, data in files.items():
                _write_file(folder, prepared + name, data)
        except OSError:
            for name in files:
                with contextlib.suppress(OSError):
                    os.unlink(prepared + name, dir_fd=folder)
            raise
        try:
            for name in sorted(files, key=lambda name: (name in SIGNATURES, name)):
                os.rename(prepared + name, name, src_dir_fd=folder, dst_dir_fd=folder)
            for name in stale:
                os.unlink(name, dir_fd=folder)
            os.fsync(folder)
        except OSError as error:
            raise PublishError(
                "the artifacts were replaced in part only, so they count as tampered",
                where=path,
                got=os.strerror(error.errno or 0),
                todo="Mend the file system, then seal again",
            ) from error
    finally:
        os.close(folder)


def _clear(staging: str) -> None:
    """Remove a folder that sealing made, unless one that still runs holds it.

    Links are not followed and only artifacts are removed: others may write to the folder it lies
    in, and name what they like after it.
    """
    with contextlib.suppress(OSError):
        folder = os.open(staging, _FOLDER | os.O_NOFOLLOW)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for name in os.listdir(folder):
                if name in KNOWN_NAMES or name.startswith(_MARK):
                    os.unlink(name, dir_fd=folder)
            os.rmdir(staging)
        finally:
            os.close(folder)


def _clear_leftovers(place: str) -> None:
    """Clear what killed sealings left in a folder."""
    with contextlib.suppress(OSError):
        for name in os.listdir(place):
            digits = name.removeprefix(_MARK)
            if digits != name and len(digits) == _DIGITS and _HEX.issuperset(digits):
                _clear(os.path.join(place, name))
