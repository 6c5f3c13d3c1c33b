"""Which folders of a tree changed, as the kernel tells.

Guarantees: a watcher that could not be had, or that cannot watch every folder, is a sentence for a
person and never an error: scans see what events do not. fanotify is taken where the process may use
it, since it tells who made a change; inotify otherwise. Reading never waits.

Leaves to others: watching each folder (a scan does, given the watcher) and looking at what changed.
No event tells of a change through a memory mapping, through another name outside the root or in an
ignored folder, or of what is mounted over a folder.
"""

import errno
import os

import msgspec

from duri.policy import Policy
from duri.tree._core import Watcher
from duri.tree.rules import compiled

__all__ = ["Changes", "Opened", "Origin", "Watcher", "open_watcher", "problem_of", "read"]

_NO_WATCHES = "inotify has no watches left: raise fs.inotify.max_user_watches"


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """Who changed a path: a hint, since a process may be gone, and names itself.

    Attributes:
        path: bytes relative to the root.
        uid: the real user; None where the process was gone.
        command: what the process calls itself, printable.
    """

    path: bytes
    pid: int
    uid: int | None
    command: str | None


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """What changed since the last reading.

    Attributes:
        folders: (path, deep), each path once; deep: it appeared, and all below is unknown.
        artifacts: something in or of the artifacts folder changed.
        root_gone: the root itself was deleted, moved or unmounted.
        lost: events were lost, so everything is unknown.
        events: how many were read.
        failed: the errno that ended the reading, for whom to listen on would be in vain; `lost` is
            set too.
        origins: who changed what, where the kernel tells.
    """

    folders: tuple[tuple[bytes, bool], ...] = ()
    artifacts: bool = False
    root_gone: bool = False
    lost: bool = False
    events: int = 0
    failed: int | None = None
    origins: tuple[Origin, ...] = ()


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """A watcher, or why there is none; with one, why it is not the one that tells most."""

    watcher: Watcher | None
    problem: str | None


def open_watcher(
    policy: Policy,
    exclude: bytes | None,
    *,
    root_fd: int | None = None,
    allow_fanotify: bool = True,
) -> Opened:
    """Open the source of events that tells most.

    Args:
        policy: the sealed policy; what it ignores causes no change.
        exclude: the artifacts folder relative to the root.
        root_fd: the root; it is watched at once, so that a file system which fanotify does not
            support is noticed here and not by the first scan.
        allow_fanotify: whether to try it.

    Raises:
        UsageError: a pattern of the policy is none.
    """
    rules = compiled(policy)
    refusals = []
    for source in ("fanotify", "inotify") if allow_fanotify else ("inotify",):
        try:
            watcher = Watcher(rules=rules, exclude=exclude, source=source)
            if root_fd is not None:
                watcher.watch(root_fd, b"")
        except OSError as error:
            refusals.append(_refused(source, error))
        else:
            return Opened(watcher=watcher, problem="; ".join(refusals) or None)
    refusals.append("changes are seen by scans only")
    return Opened(watcher=None, problem="; ".join(refusals))


def read(watcher: Watcher) -> Changes:
    """Take what waits, up to a bound; call again while the descriptor is readable.

    What cannot be read is lost, and said to be.
    """
    found = watcher.read()
    return Changes(
        folders=tuple(found.folders),
        artifacts=found.artifacts,
        root_gone=found.root_gone,
        lost=found.lost,
        events=found.events,
        failed=found.failed,
        origins=tuple(
            Origin(path=path, pid=pid, uid=uid, command=command)
            for path, pid, uid, command in found.origins
        ),
    )


def problem_of(watcher: Watcher) -> str | None:
    """Say for a person why some folders have no events; None when all that were tried have."""
    refused, number = watcher.refused, watcher.refusal
    if refused == 0 or number is None:
        return None
    reason = (
        _NO_WATCHES
        if number == errno.ENOSPC
        else f"{watcher.source} refuses to watch: {os.strerror(number)}"
    )
    folders = "1 folder is" if refused == 1 else f"{refused} folders are"
    return f"{reason}; {folders} seen by scans only"


def _refused(source: str, error: OSError) -> str:
    if source == "fanotify" and error.errno == errno.EPERM:
        return "who makes a change is not known: fanotify asks for CAP_SYS_ADMIN"
    if source == "inotify" and error.errno == errno.EMFILE:
        limits = "fs.inotify.max_user_instances or the limit of open files"
        return f"inotify has no queue left: raise {limits}"
    if error.errno == errno.ENOSPC:
        return _NO_WATCHES
    return f"{source} cannot be used: {os.strerror(error.errno or errno.EIO)}"
