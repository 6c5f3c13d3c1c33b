"""Writing a keyring to a file.

Guarantees: at the path stands the whole old file or the whole new one, whatever dies when; there is
no moment in which somebody else can read a secret (the temporary file is made with mode 0600 in the
same folder); a new keyring never replaces an existing file unless told. What a killed writer left
is removed by the next one in that folder.

A keyring with secret material gets mode 0600, a public one 0644: verifiers run as other users.

Leaves to others: a lock for whoever reads, changes and writes (`duri.cli.keys.keyring_file`).
"""

import contextlib
import errno
import fcntl
import os
from collections.abc import Callable

from duri import atomic
from duri.errors import PublishError, UsageError
from duri.evidence.keys.keyring import Keyring, write
from duri.evidence.keys.source import shown_path

_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)
"""What a file system without hard links answers."""
_PREFIX, _SUFFIX, _DIGITS = ".keyring-", ".tmp", 16


def write_file(
    path: str,
    keyring: Keyring,
    *,
    replace: bool,
    random: Callable[[int], bytes] = os.urandom,
) -> None:
    """Write a keyring to a path.

    Args:
        path: the file; its folder exists.
        keyring: what to write.
        replace: whether an existing file is replaced; otherwise it is left, and UsageError raised.
        random: the source of the temporary file's name.

    Raises:
        UsageError: something is there already.
        PublishError: it could not be written; what was there is untouched.
    """
    where = shown_path(path)
    folder, name = os.path.split(path)
    try:
        at = os.open(folder or ".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        raise _failed(where, error) from error
    temporary = f"{_PREFIX}{random(_DIGITS // 2).hex()}{_SUFFIX}"
    descriptor = -1
    try:
        _clear_leftovers(at)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(temporary, flags, 0o600, dir_fd=at)
        # Held until it is closed, so that another writer knows it for a living one's.
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        atomic.fill(descriptor, write(keyring), mode=0o600 if keyring.holds_secret else 0o644)
        _publish(at, temporary, name, replace=replace)
        os.fsync(at)
    except FileExistsError as error:
        what = "there is a file already"
        todo = "Choose another path; a lost keyring cannot be made again."
        raise UsageError(what, where=where, expected="a new file", todo=todo) from error
    except (OSError, ValueError) as error:
        raise _failed(where, error) from error
    finally:
        with contextlib.suppress(OSError):
            os.unlink(temporary, dir_fd=at)
        if descriptor >= 0:
            os.close(descriptor)
        os.close(at)


def _clear_leftovers(at: int) -> None:
    """Remove what killed writers left: it may hold a secret, and nobody would look for it."""
    with contextlib.suppress(OSError):
        for name in os.listdir(at):
            digits = name.removeprefix(_PREFIX).removesuffix(_SUFFIX)
            if f"{_PREFIX}{digits}{_SUFFIX}" == name and _is_random(digits):
                _clear(at, name)


def _is_random(digits: str) -> bool:
    return len(digits) == _DIGITS and set(digits) <= set("0123456789abcdef")


def _clear(at: int, name: str) -> None:
    with contextlib.suppress(OSError):
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=at)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.unlink(name, dir_fd=at)
        finally:
            os.close(descriptor)


def _publish(at: int, temporary: str, name: str, *, replace: bool) -> None:
    """Give the temporary file its name: by rename, or by a link, which never replaces."""
    if not replace:
        try:
            os.link(temporary, name, src_dir_fd=at, dst_dir_fd=at, follow_symlinks=False)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            # Without links the name is taken first, empty, and then replaced.
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            os.close(os.open(name, flags, 0o600, dir_fd=at))
        else:
            return
    os.rename(temporary, name, src_dir_fd=at, dst_dir_fd=at)


def _failed(where: str, error: Exception) -> PublishError:
    reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else "bad path"
    what = f"the keyring could not be written: {reason}"
    return PublishError(what, where=where, todo="What was there before is untouched.")
