"""Processes as `/proc` shows them: their names, and the file system that each of them sees.

Guarantees: what is said of a process is said of one process. Everything about it is read through
one descriptor of its folder under `/proc`, which never comes to mean a later process with the same
number. A zombie, which has no file system any more, is no process here.

Leaves to others: which process is the right one (`duri.watch.target`), and what to say when one may
not be looked at (`duri.watch.rights`).
"""

import contextlib
import os
import re
from collections.abc import Iterator

import msgspec

_HEAD_BYTES = 4096
_GONE = (FileNotFoundError, ProcessLookupError)
_INTERPRETER = re.compile(
    r"(?:python|pypy|node|nodejs|deno|bun|java|ruby|perl|php|sh|bash|dash)[\d.]*\Z"
)
_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC


class GoneError(Exception):
    """The process has ended."""


class View(msgspec.Struct, frozen=True):
    """The file system that a process sees: two processes with equal views see the same files.

    Attributes:
        namespace: device and inode of its mount namespace.
        device: of its root folder; with `inode` and `mount` it tells a chroot.
        inode: of its root folder.
        mount: the kernel's number of the mount that its root folder is on.
    """

    namespace: tuple[int, int]
    device: int
    inode: int
    mount: int


class Process(msgspec.Struct, frozen=True):
    """One process; `started` is in clock ticks since the boot, and tells reused numbers apart."""

    pid: int
    started: int
    command: str
    names: frozenset[str] = frozenset()

    def __str__(self) -> str:
        """Return what a person knows it by."""
        return f"process {self.pid} ({self.command})"


@contextlib.contextmanager
def folder(pid: int | str) -> Iterator[int]:
    """Hold the process's folder under `/proc`; `self` is this process.

    Raises:
        GoneError: there is no such process, or it ended while the folder was held.
        OSError: it may not be looked at.
    """
    try:
        held = os.open(f"/proc/{pid}", _FOLDER)
    except _GONE as error:
        raise GoneError(str(pid)) from error
    try:
        yield held
    finally:
        os.close(held)


def look(held: int, pid: int) -> Process:
    """Return who the process is, without its names; a few microseconds.

    Raises:
        GoneError: it has ended.
        OSError: it may not be looked at.
    """
    line = _read(held, "stat")
    # The command stands in brackets and may hold brackets itself (proc_pid_stat(5)).
    begin, end = line.find(b"("), line.rfind(b")")
    fields = line[end + 1 :].split()
    if fields[0] in {b"Z", b"X"}:
        raise GoneError(str(pid))
    return Process(pid, int(fields[19]), os.fsdecode(line[begin + 1 : end]))


def look_whole(held: int, pid: int) -> Process:
    """Return who the process is, with every name that it goes by.

    Raises:
        GoneError: it has ended.
        OSError: it may not be looked at.
    """
    known = look(held, pid)
    words = [os.fsdecode(word) for word in _read(held, "cmdline").split(b"\0")]
    return msgspec.structs.replace(
        known, names=names(known.command, words, executable=_executable(held))
    )


def names(command: str, words: list[str], *, executable: str | None) -> frozenset[str]:
    """Return the names that a process goes by.

    Args:
        command: what the kernel calls it, 15 bytes at most.
        words: its arguments, from the program on.
        executable: the file that it runs; None where that may not be known.
    """
    # Servers write what they do behind their name: "gunicorn: master [shop]".
    program = os.path.basename(words[0].partition(": ")[0]) if words else ""
    found = {command, program}
    if executable is not None:
        found.add(os.path.basename(executable))
    if any(_INTERPRETER.match(name) for name in found):
        # `python -m gunicorn` and `java -jar app.jar` name what they run behind the option.
        script = next((word for word in words[1:] if not word.startswith("-")), "")
        found.add(os.path.basename(script))
    return frozenset(found - {""})


def named(name: str) -> tuple[list[Process], int]:
    """Return the processes that go by a name, oldest first, and how many may not be looked at.

    Raises:
        OSError: there is no `/proc`, or it cannot be read for another reason than a right.
    """
    found, hidden = [], 0
    for entry in os.listdir("/proc"):
        if not entry.isdecimal():
            continue
        try:
            with folder(entry) as held:
                process = look_whole(held, int(entry))
        except GoneError:
            continue
        except PermissionError:
            hidden += 1
            continue
        if name in process.names:
            found.append(process)
    return sorted(found, key=lambda one: (one.started, one.pid)), hidden


def open_root(held: int) -> int:
    """Open the root folder that the process sees.

    Raises:
        GoneError: it has ended.
        OSError: it may not be looked at.
    """
    try:
        return os.open("root", _FOLDER, dir_fd=held)
    except _GONE as error:
        raise GoneError from error


def view(held: int, root_fd: int) -> View:
    """Return what the process sees, its root folder being open.

    Raises:
        GoneError: it has ended.
        OSError: it may not be looked at.
    """
    try:
        namespace = os.stat("ns/mnt", dir_fd=held)
    except _GONE as error:
        raise GoneError from error
    root = os.fstat(root_fd)
    return View((namespace.st_dev, namespace.st_ino), root.st_dev, root.st_ino, mount_of(root_fd))


def view_of(pid: int | str) -> View:
    """Return what a process sees; `self` is this process.

    Raises:
        GoneError: it has ended.
        OSError: it may not be looked at.
    """
    with folder(pid) as held:
        root_fd = open_root(held)
        try:
            return view(held, root_fd)
        finally:
            os.close(root_fd)


def mount_of(fd: int) -> int:
    """Return the kernel's number of the mount that an open file is on.

    Raises:
        OSError: there is no `/proc`.
    """
    with open(f"/proc/self/fdinfo/{fd}", "rb") as file:
        for line in file:
            name, _, value = line.partition(b":")
            if name == b"mnt_id":
                return int(value)
    raise OSError("the kernel does not say which mount a file is on")


def _read(held: int, name: str) -> bytes:
    """Return the beginning of a file in the process's folder."""
    try:
        file = os.open(name, os.O_RDONLY | os.O_CLOEXEC, dir_fd=held)
        try:
            return os.read(file, _HEAD_BYTES)
        finally:
            os.close(file)
    except _GONE as error:
        raise GoneError from error


def _executable(held: int) -> str | None:
    """Return the file that the process runs, where that may be known."""
    try:
        return os.readlink("exe", dir_fd=held).removesuffix(" (deleted)")
    except OSError:
        return None
