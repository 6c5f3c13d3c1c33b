"""Writing a keyring to a file.

Guarantees: at the path stands the whole old file or the whole new one, whatever dies when; there is
no moment in which somebody else can read a secret (the temporary file is made with mode 0600 in the
same folder); a new keyring never replaces an existing file unless told.

A keyring with secret material gets mode 0600, a public one 0644: verifiers run as other users.

Leaves to others: two commands that change one keyring at the same time; the later one wins.
"""

import contextlib
import errno
import os
from collections.abc import Callable

from duri.errors import PublishError, UsageError
from duri.evidence.keys.keyring import Keyring, write
from duri.evidence.keys.source import shown_path

_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)
"""What a file system without hard links answers."""


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
    temporary = f".keyring-{random(8).hex()}.tmp"
    try:
        _write_temporary(at, temporary, write(keyring), 0o600 if keyring.holds_secret else 0o644)
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
        os.close(at)


def _write_temporary(at: int, name: str, data: bytes, mode: int) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(name, flags, 0o600, dir_fd=at)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.fchmod(descriptor, mode)
        os.fsync(descriptor)
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
