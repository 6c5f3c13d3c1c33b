"""What was opened or read, as the kernel tells it (inotify): a proof that something was not."""

import contextlib
import ctypes
import os
import struct
from collections.abc import Iterator
from pathlib import Path

_IN_ACCESS, _IN_OPEN = 0x1, 0x20
_IN_NONBLOCK = 0o4000
_libc = ctypes.CDLL(None, use_errno=True)


class Watched:
    """What was opened or read among the watched files and folders (inotify)."""

    def __init__(self, *paths: Path) -> None:
        self._descriptor = _libc.inotify_init1(_IN_NONBLOCK)
        assert self._descriptor >= 0
        for path in paths:
            added = _libc.inotify_add_watch(
                self._descriptor, os.fsencode(path), _IN_OPEN | _IN_ACCESS
            )
            assert added > 0, path

    def seen(self) -> list[bytes]:
        """Return what was opened or read since the last call, by name."""
        try:
            data = os.read(self._descriptor, 1 << 16)
        except BlockingIOError:
            return []
        names = []
        while data:
            length = struct.unpack_from("iIII", data)[3]
            names.append(data[16 : 16 + length].rstrip(b"\0"))
            data = data[16 + length :]
        return names

    def close(self) -> None:
        """Stop watching."""
        os.close(self._descriptor)


@contextlib.contextmanager
def watched(*paths: Path) -> Iterator[Watched]:
    """Watch files and folders during the body."""
    watch = Watched(*paths)
    try:
        yield watch
    finally:
        watch.close()
