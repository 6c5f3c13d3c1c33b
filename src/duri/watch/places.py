"""Where a watcher keeps what it writes, unless it is told.

Guarantees: two roots on one host have two folders. Nothing is made here but the receipts' folder,
readable by its owner and group only.
"""

import os

from duri.containment import passes_through
from duri.errors import UsageError
from duri.settings import Settings, Supervisor

METRICS = "/metrics/integrity.prom"
"""DESIGN, section 7: written where the folder is there, as it is in a pod that mounts it."""

_SYSTEM = "/var/lib/duri"


def receipts(settings: Settings, supervisor: Supervisor, root: str) -> str:
    """Return the receipts' folder: the one that is named, else one of the watcher's state."""
    if settings.receipts is not None:
        return settings.receipts
    state = supervisor.state_directory or (_SYSTEM if os.geteuid() == 0 else None)
    if state is None:
        home = supervisor.state_home or os.path.expanduser("~/.local/state")
        state = os.path.join(home, "duri")
    return os.path.join(state, "receipts", escaped(root))


def textfile(settings: Settings) -> str | None:
    """Return where metrics are written as a file; None for nowhere."""
    if settings.textfile is not None:
        return settings.textfile or None
    return METRICS if os.path.isdir(os.path.dirname(METRICS)) else None


def refuse_inside(root: str, *, receipts: str, textfile: str | None) -> None:
    """Refuse to write into the tree that is watched: what is written there is a deviation.

    Raises:
        UsageError: one of these lies inside the root, or is reached through it.
    """
    for path, option in ((receipts, "--receipts"), (textfile, "--textfile")):
        if path is not None and passes_through(path, root):
            raise UsageError(
                "the watcher would write into the tree that it watches",
                where=path,
                todo=f"Name a place outside the root with {option}.",
            )


def escaped(root: str) -> str:
    """Return a root as one name of a folder, as systemd-escape(1) does with paths."""
    path = os.path.abspath(root).strip("/")
    return (
        "".join(
            chr(byte)
            if chr(byte).isascii() and (chr(byte).isalnum() or chr(byte) in "_.")
            else "-"
            if byte == ord("/")
            else f"\\x{byte:02x}"
            for byte in os.fsencode(path)
        )
        or "-"
    )


def make(path: str) -> None:
    """Have the receipts' folder be there.

    Raises:
        OSError: it cannot be made.
    """
    os.makedirs(path, mode=0o750, exist_ok=True)


def boot_id() -> str | None:
    """Return the id of this boot of the kernel."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip() or None
    except (OSError, ValueError):
        return None
