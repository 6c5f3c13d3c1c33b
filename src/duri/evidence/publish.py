"""Writing the artifacts folder so that it is, at every instant, wholly the old or wholly the new one.

Guarantees: the new folder is written beside, each file synced, then swapped in by one rename (an
exchange when an older one is there), then the older one removed. A process killed anywhere leaves a
valid folder; a full disk leaves the older one untouched. What is left behind by a kill lies outside
the sealed tree wherever that is possible, and the next sealing clears it away.

The one exception is said, not hidden: an artifacts folder that is itself a mount point cannot be
exchanged, so its files are replaced one by one, signatures last; killed in between, it is `tampered`
until it is sealed again.
"""

import contextlib
import errno
import fcntl
import os
import secrets
from collections.abc import Iterator, Mapping

from duri.errors import PublishError, UsageError
from duri.evidence.folder import KNOWN_NAMES
from duri.evidence.release import SIGNATURES
from duri.tree.exchange import exchange, rename_new

_MARK = ".duri-sealing-"
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
_FOLDER = os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY


@contextlib.contextmanager
def sealing(root_fd: int, *, root: str) -> Iterator[None]:
    """Hold the root for one sealing; a second one at the same time is refused."""
    try:
        fcntl.flock(root_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise UsageError(
            "another seal of this root is running", where=root, todo="Wait for it, then seal again"
        ) from error
    try:
        yield
    finally:
        fcntl.flock(root_fd, fcntl.LOCK_UN)


def check_target(path: str) -> None:
    """Refuse to replace a folder that holds anything but artifacts, such as a mistyped one.

    Raises:
        UsageError: the folder is a file or a link, or holds something else.
    """
    if os.path.islink(path):
        raise UsageError("the artifacts folder is a symbolic link", where=path)
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
    """
    path, root = os.path.realpath(path), os.path.realpath(root)
    try:
        staging = _make_staging(path, root)
        try:
            _write_files(staging, files)
            _swap_in(staging, path, files)
        finally:
            _clear(staging)
    except OSError as error:
        raise PublishError(
            "the artifacts could not be written; those that were there before are untouched",
            where=path,
            got=os.strerror(error.errno) if error.errno else str(error),
            todo="Free space or mend the file system, then seal again",
        ) from error


def _make_staging(path: str, root: str) -> str:
    """Make the folder to prepare in: outside the root when the same file system reaches there."""
    parent = os.path.dirname(path)
    places = [parent]
    if (parent + "/").startswith(root.rstrip("/") + "/") and root != "/":
        places.insert(0, os.path.dirname(root))
    mark = f"{_MARK}{os.path.basename(root) or 'root'}-"
    for place in places:
        _clear_leftovers(place, mark)
        staging = os.path.join(place, mark + secrets.token_hex(8))
        try:
            if os.stat(place).st_dev != os.stat(parent).st_dev:
                continue
            os.mkdir(staging, 0o755)
        except OSError as error:
            if place is not places[-1] and error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
                continue
            raise
        return staging
    message = "no place to prepare the artifacts"
    raise OSError(errno.EXDEV, message)


def _write_files(staging: str, files: Mapping[str, bytes]) -> None:
    folder = os.open(staging, _FOLDER)
    try:
        os.fchmod(folder, 0o755)
        for name, data in files.items():
            _write_file(folder, name, data)
        os.fsync(folder)
    finally:
        os.close(folder)


def _write_file(folder: int, name: str, data: bytes) -> None:
    file = os.open(name, _CREATE, 0o644, dir_fd=folder)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(file, rest) :]
        os.fchmod(file, 0o644)
        os.fsync(file)
    finally:
        os.close(file)


def _swap_in(staging: str, path: str, files: Mapping[str, bytes]) -> None:
    try:
        try:
            rename_new(os.fsencode(staging), os.fsencode(path))
        except FileExistsError:
            exchange(os.fsencode(staging), os.fsencode(path))
    except OSError as error:
        # EINVAL, ENOSYS: a file system without exchange. EBUSY, EXDEV: a mount point, or a folder
        # of a lower overlay layer. What is prepared is whole, so its files can be moved one by one.
        if error.errno not in {errno.EINVAL, errno.ENOSYS, errno.EBUSY, errno.EXDEV}:
            raise
        _replace_one_by_one(path, files)
    _sync_folder(os.path.dirname(path))
    _sync_folder(os.path.dirname(staging))


def _replace_one_by_one(path: str, files: Mapping[str, bytes]) -> None:
    os.makedirs(path, exist_ok=True)
    folder = os.open(path, _FOLDER)
    try:
        stale = [name for name in os.listdir(folder) if name not in files]
        prepared = f"{_MARK}{secrets.token_hex(8)}-"
        for name, data in files.items():
            _write_file(folder, prepared + name, data)
        for name in sorted(files, key=lambda name: (name in SIGNATURES, name)):
            os.rename(prepared + name, name, src_dir_fd=folder, dst_dir_fd=folder)
        for name in stale:
            os.unlink(name, dir_fd=folder)
        os.fsync(folder)
    finally:
        os.close(folder)


def _clear(staging: str) -> None:
    """Remove a folder that sealing made; only files that sealing writes are in it."""
    with contextlib.suppress(OSError):
        for name in os.listdir(staging):
            os.unlink(os.path.join(staging, name))
        os.rmdir(staging)


def _clear_leftovers(place: str, mark: str) -> None:
    """Clear what a killed sealing of this root left; the lock on the root rules out a live one."""
    with contextlib.suppress(OSError):
        for name in os.listdir(place):
            rest = name.removeprefix(mark)
            if rest != name and len(rest) == 16 and set(rest) <= set("0123456789abcdef"):  # noqa: PLR2004 - the length of token_hex(8)
                _clear(os.path.join(place, name))


def _sync_folder(path: str) -> None:
    folder = os.open(path, _FOLDER)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
