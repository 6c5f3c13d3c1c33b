"""Which folder is watched, and that it is the right one.

A container does not see its neighbour's image: a watcher beside an application that judges its own
copy of the release proves nothing. So the root is one of

    a path            of our own file system; in Kubernetes only on a mounted volume, unless the
                      application is said to run in this very container
    a target's path   inside the root of another process, which sees another file system than ours

Guarantees: a target's root is resolved inside the target, links and all, and never by way of ours;
whatever stands in the way is an UnverifiableError that names it, never another folder's verdict.
What was opened belongs to the process that is named, not to a later one with its number.

Leaves to others: when to open again (`reopened` tells at once, `open_target` tells for certain),
and whether what lies there is a release. Read it through `Opened.fd` only: `Opened.path` is for
people, and resolving it again could leave the target. A process's name is what the process says it
is: docs/decisions/0014 says what that means.
"""

import contextlib
import os
from collections.abc import Iterator
from types import TracebackType
from typing import Self

import msgspec

from duri.errors import UnverifiableError, UsageError
from duri.tree import rooted, scan
from duri.watch import process, rights, selection
from duri.watch.process import GoneError, Process, View

_ATTEMPTS = 3  # a process that restarts between two looks is found at the second


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """What the user says is to be watched.

    Attributes:
        root: the folder; of the target where one is named.
        pid: the target by its number; `bind` ties it to one process.
        process: the target by a name that it goes by; followed when it restarts.
        same_container: whether the application runs in this very container.
        started: when the process that the pid means started, in clock ticks since the boot; 0 for
            a pid that nobody had. None takes whatever process has the number.
    """

    root: str
    pid: int | None = None
    process: str | None = None
    same_container: bool = False
    started: int | None = None

    def __post_init__(self) -> None:
        """Refuse what names two targets, or none."""
        if self.pid is not None and self.process is not None:
            raise UsageError("name the target by its pid or by its name, not by both")
        if self.process == "" or (self.pid is not None and self.pid < 1):
            raise UsageError("no process is named so", got=repr(self.process or self.pid))
        if not self.is_ours and not self.root.startswith("/"):
            raise UsageError("a target's root is an absolute path there", got=repr(self.root))

    @property
    def is_ours(self) -> bool:
        """Whether the root is a path of our own file system."""
        return self.pid is None and self.process is None


class Identity(msgspec.Struct, frozen=True):
    """Which folder was opened, whatever its name is now."""

    device: int
    inode: int
    mount: int


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """The root, open; it closes itself at the end of a `with`.

    Attributes:
        fd: everything is read below it.
        path: where it is, for a person.
        identity: which folder it is.
        target: the process whose root it is in; None for a path of our own.
    """

    fd: int
    path: str
    identity: Identity
    target: Process | None = None

    @property
    def pid(self) -> int | None:
        """The target's number."""
        return None if self.target is None else self.target.pid

    @property
    def description(self) -> str | None:
        """The target for a person, such as "process 4711 (gunicorn)"."""
        return None if self.target is None else str(self.target)

    def close(self) -> None:
        """Close the descriptor; once."""
        os.close(self.fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def bind(target: Target) -> Target:
    """Return the target, its pid tied for good to the process that has it now.

    Whoever keeps the result keeps the tie, also through times when the root cannot be opened.
    """
    if target.pid is None:
        return target
    try:
        with process.folder(target.pid) as held:
            started = process.look(held, target.pid).started
    except (OSError, GoneError):
        started = 0
    return msgspec.structs.replace(target, started=started)


def open_target(
    target: Target, *, in_kubernetes: bool, own_pid: int, last: Opened | None = None
) -> Opened:
    """Find the root again, from nothing, and open it.

    Args:
        target: what the user says.
        in_kubernetes: whether this process runs in a pod.
        own_pid: of this process.
        last: what the last successful call gave, closed or not; ties a pid that `bind` did not.

    Raises:
        UnverifiableError: there is no such root, it may not be read, or it is not the right one.
    """
    if target.is_ours:
        return _open_ours(target, in_kubernetes=in_kubernetes)
    for _ in range(_ATTEMPTS):
        with contextlib.suppress(GoneError):
            ours = selection.own_view()
            found = _found(target, own_pid=own_pid, ours=ours, last=last)
            return _open_inside(found, target.root, ours)
    where = target.process or f"process {target.pid}"
    raise UnverifiableError("the target keeps ending while it is looked at", where=where)


def reopened(opened: Opened, target: Target) -> int | None:
    """Return the root, open anew, where it is still what was opened; a few system calls.

    None means that `open_target` has something to say. A descriptor does not rule out a second
    process that goes by the target's name since.
    """
    try:
        if opened.target is None:
            fd = scan.open_root(target.root)
        else:
            with process.folder(opened.target.pid) as held:
                if process.look(held, opened.target.pid).started != opened.target.started:
                    return None
                with _descriptor(process.open_root(held)) as root_fd:
                    fd = rooted.open_in_root(root_fd, os.fsencode(target.root))
        with _closed_on_error(fd):
            same = _identity(fd) == opened.identity
    except (OSError, ValueError, GoneError, UsageError):
        return None
    if same:
        return fd
    os.close(fd)
    return None


def _open_ours(target: Target, *, in_kubernetes: bool) -> Opened:
    """Open a path of our own, which in Kubernetes lies on a volume."""
    try:
        fd = scan.open_root(target.root)
    except UsageError as error:
        raise UnverifiableError(error.what, where=error.where, got=error.got) from error
    with _closed_on_error(fd):
        try:
            identity = _identity(fd)
            with _descriptor(os.open("/", os.O_PATH | os.O_CLOEXEC)) as own:
                is_image = process.mount_of(own) == identity.mount
        except OSError as error:
            raise UnverifiableError(
                "it is not known which mount the root is on",
                where=target.root,
                got=str(error),
                todo="Mount /proc where the watcher runs.",
            ) from error
        if in_kubernetes and is_image and not target.same_container:
            raise UnverifiableError(
                "this folder is of the watcher's own image, not of the application's",
                where=target.root,
                expected="a folder on a volume that both containers mount",
                got="the file system of the watcher's container",
                todo="Mount the release's volume here; or set shareProcessNamespace: true and name "
                "the application with --target-process; or say --same-container if the "
                "application runs in this very container.",
            )
        return Opened(fd=fd, path=target.root, identity=identity)


def _found(target: Target, *, own_pid: int, ours: View, last: Opened | None) -> Process:
    """Return the target's process."""
    if target.pid is None:
        return selection.by_name(target.process or "", ours=ours)
    started = target.started
    if started is None and last is not None and last.target is not None and last.pid == target.pid:
        started = last.target.started
    return selection.by_pid(target.pid, own_pid=own_pid, ours=ours, started=started)


def _open_inside(found: Process, root: str, ours: View) -> Opened:
    """Open the root inside a process's own."""
    try:
        with (
            process.folder(found.pid) as held,
            _descriptor(process.open_root(held)) as root_fd,
        ):
            before = process.view(held, root_fd)
            if before == ours or process.look(held, found.pid).started != found.started:
                raise GoneError
            fd = _open_in(root_fd, root, found)
            with _closed_on_error(fd):
                with _descriptor(process.open_root(held)) as again:
                    after = process.view(held, again)
                if after != before or process.look(held, found.pid).started != found.started:
                    raise GoneError
                return Opened(
                    fd=fd,
                    path=f"/proc/{found.pid}/root{_inside(root_fd, fd, root)}",
                    identity=_identity(fd),
                    target=found,
                )
    except OSError as error:
        raise rights.refusal(str(found), found.pid, error) from error


def _open_in(root_fd: int, root: str, found: Process) -> int:
    """Open a folder inside a root, with the reason where that is impossible."""
    where = f"{root} in {found}"
    try:
        return rooted.open_in_root(root_fd, os.fsencode(root))
    except PermissionError as error:
        what, todo = "the root may not be read", "Run the watcher as a user that may read it."
        raise UnverifiableError(what, where=where, got=str(error), todo=todo) from error
    except (OSError, ValueError) as error:
        raise UnverifiableError(
            "the root cannot be opened in the target",
            where=where,
            expected="a folder there, by links that stay there",
            got=str(error),
        ) from error


def _inside(root_fd: int, fd: int, given: str) -> str:
    """Return where an open folder is below an open root, its links resolved; as given if unknown.

    The kernel writes both names from the same point, whether that is our root or the top of the
    target's own mounts, which we do not see.
    """
    top, full = (os.readlink(f"/proc/self/fd/{one}") for one in (root_fd, fd))
    if full == top:
        return "/"
    prefix = top.rstrip("/") + "/"
    return full[len(prefix) - 1 :] if full.startswith(prefix) else given


def _identity(fd: int) -> Identity:
    known = os.fstat(fd)
    return Identity(known.st_dev, known.st_ino, process.mount_of(fd))


@contextlib.contextmanager
def _descriptor(fd: int) -> Iterator[int]:
    try:
        yield fd
    finally:
        os.close(fd)


@contextlib.contextmanager
def _closed_on_error(fd: int) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        stack.callback(os.close, fd)
        yield
        stack.pop_all()
