"""Which process is the target: one that sees another file system than the watcher does.

Guarantees: processes that see the watcher's own file system, the watcher first, are never the
target; two that go by one name and see different file systems are no target either, and neither is
one among several of which some may not be looked at. Refusals are UnverifiableErrors that name
the processes.

Leaves to others: what is below the target's root (`duri.watch.target`). A name is what a process
says of itself: docs/decisions/0014 says what that means.
"""

import contextlib
import os

from duri.errors import UnverifiableError
from duri.watch import process, rights
from duri.watch.process import GoneError, Process, View

SHARE = "Set shareProcessNamespace: true in the pod"
_FOLLOW = "Name the target with --target-process to follow it when it restarts."


def own_view() -> View:
    """Return what the watcher itself sees.

    Raises:
        UnverifiableError: there is no `/proc` that tells.
    """
    try:
        return process.view_of("self")
    except (OSError, GoneError) as error:
        raise _no_proc(error) from error


def by_pid(pid: int, *, own_pid: int, ours: View, started: int | None) -> Process:
    """Return the process of that number.

    Args:
        pid: its number.
        own_pid: of the watcher.
        ours: what the watcher sees.
        started: when the process that is meant started; None takes whatever has the number.

    Raises:
        GoneError: it ended meanwhile.
        UnverifiableError: it is not there, not the one it was, not a target, or hidden from us.
    """
    where = f"process {pid}"
    try:
        with process.folder(pid) as held:
            found = process.look(held, pid)
    except GoneError as error:
        raise UnverifiableError(
            "no such process is visible",
            where=where,
            got="it has ended" if started else None,
            todo=f"{_FOLLOW} {SHARE} if it runs in another container.",
        ) from error
    except OSError as error:
        raise rights.refusal(where, pid, error) from error
    if started is not None and started != found.started:
        raise UnverifiableError(
            "the number belongs to another process now",
            where=where,
            expected="the process that had it when the watch began",
            got=str(found),
            todo=_FOLLOW,
        )
    if pid == own_pid or _view_of(found) == ours:
        raise _own_view([found])
    return found


def by_name(name: str, *, ours: View) -> Process:
    """Return the oldest process of that name; all of them see one file system, which is not ours.

    Raises:
        GoneError: all of them ended meanwhile.
        UnverifiableError: there is none, it is not clear which, or one is hidden from us.
    """
    try:
        found, hidden = process.named(name)
    except OSError as error:
        raise _no_proc(error) from error
    if not found:
        raise UnverifiableError(
            f"no process named {name!r} is visible",
            got=f"{hidden} processes that may not be looked at (hidepid)" if hidden else None,
            todo=f"{SHARE}, if it runs in another container, and see that it runs.",
        )
    views: dict[View, Process] = {}
    for one in found:
        with contextlib.suppress(GoneError):
            views.setdefault(_view_of(one), one)
    others = [one for seen, one in views.items() if seen != ours]
    if len(others) > 1:
        raise UnverifiableError(
            f"{len(others)} processes named {name!r} see different file systems",
            expected="one",
            got=", ".join(map(str, others)),
            todo="Name the target by a name that only it goes by, or with --target-pid.",
        )
    if not views:
        raise GoneError
    if not others:
        raise _own_view(list(views.values()))
    return others[0]


def _own_view(found: list[Process]) -> UnverifiableError:
    return UnverifiableError(
        "the target sees the watcher's own file system",
        where=", ".join(map(str, found)),
        expected="a process of another container",
        got="the same mount namespace and root as the watcher's",
        todo="Name the root without a target if that is meant (in Kubernetes with "
        f"--same-container). {SHARE} if the target runs in another container.",
    )


def _view_of(found: Process) -> View:
    """Return what a process sees; for certain the one that was found."""
    try:
        with process.folder(found.pid) as held:
            if process.look(held, found.pid).started != found.started:
                raise GoneError
            root_fd = process.open_root(held)
            try:
                return process.view(held, root_fd)
            finally:
                os.close(root_fd)
    except OSError as error:
        raise rights.refusal(str(found), found.pid, error) from error


def _no_proc(error: Exception) -> UnverifiableError:
    todo = "Mount /proc where the watcher runs."
    return UnverifiableError(
        "no process can be looked at", where="/proc", got=str(error) or None, todo=todo
    )
