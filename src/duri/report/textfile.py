"""Metrics in a file, for node exporter's textfile collector or whoever else reads one.

Guarantees: the file is replaced in one step by one that is whole and on disk; whoever reads it, and
whatever dies when, it is never half-written. It has mode 0644, whatever the umask is. A failed
export leaves the file before it and nothing else.
"""

import os
import stat

from duri import atomic
from duri.errors import PublishError

_MODE = 0o644
"""A collector runs as another user."""

_MAX_BYTES = 1024 * 1024
"""An exposition of DuRi's is a few kilobytes; a larger file is not one."""


def publish(path: str, exposition: bytes) -> None:
    """Put `exposition` at `path`.

    Raises:
        PublishError: it could not be written; what was there before is there still. So it is where
            something else than a file stands there, such as a device.
    """
    try:
        _refuse_other(path)
        atomic.replace(path, exposition, mode=_MODE)
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


def _refuse_other(path: str) -> None:
    """Refuse what a rename would destroy: a device or a pipe. A link is replaced, not followed."""
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if not (stat.S_ISREG(mode) or stat.S_ISLNK(mode)):
        raise PublishError(
            "something else than a file stands where the metrics go",
            where=path,
            todo="Name another path with --textfile.",
        )
