"""What identifies the evidence and the keyring as files, whatever is in them.

Guarantees: nothing is read and nothing is believed: two stamps that differ say that the evidence is
to be weighed anew, and two that do not say nothing.
"""

import os
from typing import TypeAlias

from duri.evidence import anchor, folder
from duri.settings import Settings

Stamp: TypeAlias = tuple[tuple[int, int, int, int] | None, ...]
"""Device, inode, time of change and size of each file; None for one that is not there."""


def of_evidence(settings: Settings, at: int) -> Stamp:
    """Return the stamp of a root's artifacts and of what they are judged with.

    Args:
        settings: where both are.
        at: the root, open.
    """
    place = settings.artifacts or folder.DEFAULT_NAME
    below = None if settings.artifacts else at
    named = (anchor.file_named(None, settings=settings), settings.authorization)
    return (
        _identity(place, below),
        *(_identity(os.path.join(place, name), below) for name in sorted(folder.KNOWN_NAMES)),
        *(_identity(path, None) for path in named if path is not None),
    )


def _identity(path: str, at: int | None) -> tuple[int, int, int, int] | None:
    try:
        # Below the root no link is followed, which in another process's root would lead into ours.
        known = os.stat(path, dir_fd=at, follow_symlinks=at is None)
    except (OSError, ValueError):
        return None
    return known.st_dev, known.st_ino, known.st_ctime_ns, known.st_size
