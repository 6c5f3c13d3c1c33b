"""Writing one file so that a reader sees the old or the new one, whole, whatever dies when.

Source: POSIX rename; fsync of the file before it and of its folder after it.

Guarantees: a write that fails leaves what was there, and nothing beside it. Only a kill can leave a
temporary file behind; it has the file's own mode and never the file's name.
"""

import contextlib
import os

_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def replace(path: str, data: bytes, *, mode: int) -> None:
    """Put `data` at `path`, with this mode whatever the umask is.

    Raises:
        OSError: it could not be written; what was there before is there still.
    """
    # Not the name's own ending: a collector of metrics reads every file that has it.
    temporary = f"{path}.{os.getpid()}-{os.urandom(8).hex()}.tmp"
    placed = False
    try:
        file = os.open(temporary, _CREATE, mode)
        try:
            fill(file, data, mode=mode)
        finally:
            os.close(file)
        os.rename(temporary, path)
        placed = True
    finally:
        if not placed:  # an interrupt too leaves nothing behind
            with contextlib.suppress(OSError):
                os.unlink(temporary)
    sync_folder(os.path.dirname(path) or ".")


def fill(file: int, data: bytes, *, mode: int) -> None:
    """Write all of `data` to a new file, give it its mode, and have it on disk."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(file, rest) :]
    os.fchmod(file, mode)
    os.fsync(file)


def sync_folder(path: str) -> None:
    """Have the names in a folder on disk."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
