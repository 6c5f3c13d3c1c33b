"""Metrics in a file, for node exporter's textfile collector or whoever else reads one.

Guarantees: the file is replaced in one step by one that is whole and on disk; whoever reads it, and
whatever dies when, it is never half-written. It has mode 0644, whatever the umask is. A failed
export leaves the file before it and nothing else.
"""

import os
from contextlib import suppress

from duri.errors import PublishError

_MODE = 0o644
"""A collector runs as another user."""

_MAX_BYTES = 1024 * 1024
"""An exposition of DuRi's is a few kilobytes; a larger file is not one."""


def publish(path: str, exposition: bytes) -> None:
    """Put `exposition` at `path`.

    Raises:
        PublishError: it could not be written; what was there before is there still.
    """
    folder = os.path.dirname(path) or "."
    # A name that does not end in .prom: a collector reads every file that does.
    temporary = f"{path}.{os.getpid()}-{os.urandom(8).hex()}.tmp"
    try:
        try:
            _write(temporary, exposition)
            os.replace(temporary, path)
        finally:
            # An interrupt too leaves nothing behind; after the rename there is nothing.
            with suppress(OSError):
                os.unlink(temporary)
        _sync(folder)
    except OSError as error:
        raise PublishError(
            "the metrics could not be written",
            where=path,
            got=error.strerror or str(error),
            todo="Check that the folder exists, is writable for this user and has room.",
        ) from error


def read(path: str) -> str:
    """Return what was published at `path` before; nothing where that cannot be read."""
    try:
        with open(path, "rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except OSError:
        return ""
    return "" if len(data) > _MAX_BYTES else data.decode(errors="replace")


def _write(path: str, data: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with open(os.open(path, flags, _MODE), "wb") as file:
        file.write(data)
        file.flush()
        os.fchmod(file.fileno(), _MODE)
        os.fsync(file.fileno())


def _sync(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
