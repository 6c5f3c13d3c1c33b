"""One change of a release, with its exact undoing, drawn from a seed.

Guarantees: the same seed draws the same changes over the same release; what is slow (reading what
an edit replaces) is done when a change is drawn, so that `make` is the change and nothing else;
after `undo` content, mode and time of modification are what they were.
"""

import os
import random
import stat
from collections.abc import Callable
from dataclasses import dataclass

from bench.watch.release import Release

KINDS = ("edit", "edit, other size", "plant", "delete", "rename", "chmod")


@dataclass(frozen=True, slots=True)
class Change:
    """What to do and how to take it back; `path` is relative, the one that a watcher would name."""

    kind: str
    path: str
    make: Callable[[], None]
    undo: Callable[[], None]


def draw(generator: random.Random, release: Release, *, number: int) -> Change:
    """Return a change of any kind; `number` tells planted names apart."""
    kind = generator.choice(KINDS)
    if kind == "plant":
        folder = generator.choice(release.folders)
        path = os.path.join(folder, f"planted_{number:05d}.py")
        return _plant(release, path, generator.randbytes(generator.randint(0, 4096)))
    path = generator.choice(release.files)
    full = os.path.join(release.root, path)
    while kind == "edit" and os.path.getsize(full) == 0:
        path = generator.choice(release.files)
        full = os.path.join(release.root, path)
    if kind == "edit":
        return _edit(path, full, at=generator.randrange(os.path.getsize(full)))
    if kind == "edit, other size":
        return _resize(path, full, added=generator.randbytes(generator.randint(1, 512)))
    if kind == "rename":
        folder = generator.choice(release.folders)
        other = os.path.join(release.root, folder, f"renamed_{number:05d}.py")
        return Change(kind, path, lambda: os.rename(full, other), lambda: os.rename(other, full))
    if kind == "chmod":
        before = stat.S_IMODE(os.lstat(full).st_mode)
        after = before ^ (1 << generator.randrange(9))
        return Change(kind, path, lambda: os.chmod(full, after), lambda: os.chmod(full, before))
    return _delete(path, full)


def _plant(release: Release, path: str, content: bytes) -> Change:
    full = os.path.join(release.root, path)

    def make() -> None:
        file = os.open(full, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        os.write(file, content)
        os.close(file)

    return Change("plant", path, make, lambda: os.unlink(full))


def _edit(path: str, full: str, *, at: int) -> Change:
    """Flip one byte in place and set the times back, as somebody who hides does."""
    facts = os.stat(full)
    times = (facts.st_atime_ns, facts.st_mtime_ns)
    with open(full, "rb") as file:
        file.seek(at)
        before = file.read(1)
    after = bytes([before[0] ^ 0xFF])

    def write(byte: bytes) -> None:
        file = os.open(full, os.O_WRONLY)
        os.pwrite(file, byte, at)
        os.close(file)
        os.utime(full, ns=times)

    return Change("edit", path, lambda: write(after), lambda: write(before))


def _resize(path: str, full: str, *, added: bytes) -> Change:
    facts = os.stat(full)

    def make() -> None:
        file = os.open(full, os.O_WRONLY | os.O_APPEND)
        os.write(file, added)
        os.close(file)

    def undo() -> None:
        os.truncate(full, facts.st_size)
        os.utime(full, ns=(facts.st_atime_ns, facts.st_mtime_ns))

    return Change("edit, other size", path, make, undo)


def _delete(path: str, full: str) -> Change:
    facts = os.stat(full)
    with open(full, "rb") as file:
        content = file.read()

    def undo() -> None:
        # In place, in several steps, as `cp -p` does it: harder for a watcher than one rename.
        file = os.open(full, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        os.write(file, content)
        os.fchmod(file, stat.S_IMODE(facts.st_mode))
        os.close(file)
        os.utime(full, ns=(facts.st_atime_ns, facts.st_mtime_ns))

    return Change("delete", path, lambda: os.unlink(full), undo)
