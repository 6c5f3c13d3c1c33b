"""What identifies the evidence and the keyring as files, whatever is in them.

Guarantees: nothing is read and nothing is believed: two stamps that differ say that the evidence is
to be weighed anew, and two that do not say nothing.
"""

import os
from typing import TypeAlias

from duri.evidence import anchor, folder
from duri.settings import Settings
from duri.watch.target import Opened

Stamp: TypeAlias = tuple[tuple[int, int, int, int] | None, ...]
"""Device, inode, time of change and size of each file; None for one that is not there."""


def of_evidence(settings: Settings, opened: Opened) -> Stamp:
    """Return the stamp of a root's artifacts and of what they are judged with."""
    place = settings.artifacts or os.path.join(opened.path, folder.DEFAULT_NAME)
    named = (anchor.file_named(None, settings=settings), settings.authorization)
    paths = [place, *(os.path.join(place, name) for name in sorted(folder.KNOWN_NAMES))]
    return tuple(map(_identity, [*paths, *(path for path in named if path is not None)]))


def _identity(path: str) -> tuple[int, int, int, int] | None:
    try:
        known = os.stat(path)
    except (OSError, ValueError):
        return None
    return known.st_dev, known.st_ino, known.st_ctime_ns, known.st_size
