"""Changes of a tree that come again and again, each with the folders that events would name.

Names are few, so that things are moved onto each other, replaced and put back. A change names the
parent of each name that changed, and, as deep, each folder that appeared: what the watcher does.
"""

import os
import shutil
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias, TypeVar

from duri.policy import Policy

T = TypeVar("T")
Dirty: TypeAlias = set[tuple[bytes, bool]]

POLICY = Policy(ignore=("*.skip",), mutable=("data/", "*.log"))
NAMES = (b"a", b"a-", b"b", b"c", b"data", b"x.log", b"y.skip")
CONTENTS = (b"", b"one", b"two", b"three" * 200)
MODES = (0o644, 0o755, 0o600, 0o4755)


class Choose(NamedTuple):
    """Where choices come from: hypothesis, or a seeded generator."""

    draw: Callable[[Sequence[object]], object]

    def of(self, options: Sequence[T]) -> T:
        """Return one of some options."""
        return self.draw(options)  # type: ignore[return-value]


class Place(NamedTuple):
    """A tree that is changed, and a folder beside it that things are moved to and from."""

    root: bytes
    stash: bytes

    def at(self, path: bytes) -> bytes:
        """Return the place of a path on disk."""
        return os.path.join(self.root, path)

    def walk(self) -> tuple[list[bytes], list[bytes]]:
        """Return (folders, leaves) relative to the root; the root is a folder too."""
        folders: list[bytes] = [b""]
        leaves: list[bytes] = []
        for parent, below, files in os.walk(self.root):
            for name in below + files:
                path = os.path.relpath(os.path.join(parent, name), self.root)
                is_folder = name in below and not os.path.islink(self.at(path))
                (folders if is_folder else leaves).append(path)
        return sorted(folders), sorted(leaves)


def is_silent(place: Place) -> bool:
    """Say whether a file that nobody looks at is also another, which no event tells of."""
    _, leaves = place.walk()
    return any(b".skip" in path and os.lstat(place.at(path)).st_nlink > 1 for path in leaves)


def write_tree(place: Place, choose: Choose) -> None:
    """Write something to begin with, some of it with a name outside."""
    for _ in range(16):
        change(place, choose, kinds=("plant", "plant", "mkdir", "nest", "link", "pair"))
    _, leaves = place.walk()
    files = [path for path in leaves if not os.path.islink(place.at(path))]
    for path in files[:2]:
        os.link(place.at(path), os.path.join(place.stash, b"outside-" + path.replace(b"/", b"_")))


KINDS = (
    *("plant", "mkdir", "nest", "link", "pair", "edit", "edit", "chmod", "chmod folder"),
    *("delete", "delete", "retype", "retype folder", "move", "move", "out", "in", "swap"),
)


def change(  # noqa: C901, PLR0912 - one case a change
    place: Place, choose: Choose, *, kinds: Sequence[str] = KINDS
) -> tuple[str, Dirty]:
    """Make one change; return what was done, and which folders are to be looked at."""
    folders, leaves = place.walk()
    files = [path for path in leaves if not os.path.islink(place.at(path))]
    kind = choose.of(kinds)
    below = folders[1:]
    if kind in {"plant", "mkdir", "nest", "link", "pair"}:
        return _add(place, choose, kind, folders, files)
    if kind == "in":
        return _move_in(place, choose, folders)
    pool = {"edit": files, "chmod": files, "retype": leaves}.get(kind)
    pool = below if "folder" in kind else (below + leaves if pool is None else pool)
    if not pool:
        return "nothing", set()
    path = choose.of(pool)
    parent = os.path.dirname(path)
    done, dirty = f"{kind} {path!r}", {(parent, False)}
    match kind:
        case "edit":
            with open(place.at(path), "wb") as file:
                file.write(choose.of(CONTENTS))
        case "chmod":
            os.chmod(place.at(path), choose.of(MODES))
        case "chmod folder":
            os.chmod(place.at(path), choose.of((0o755, 0o700)))
        case "delete":
            _remove(place.at(path))
        case "retype":
            _remove(place.at(path))
            os.mkdir(place.at(path))
            _write(place.at(path + b"/a"), b"within")
            dirty.add((path, True))
        case "retype folder":
            _remove(place.at(path))
            _write(place.at(path), b"instead")
        case "out":
            os.rename(place.at(path), _fresh(place.stash))
        case "swap":
            # Out, and another in under the same name before anybody looks.
            os.rename(place.at(path), _fresh(place.stash))
            dirty |= _take(place, choose, path)
        case "move":
            target = os.path.join(choose.of(folders), choose.of(NAMES))
            if target == path or (target + b"/").startswith(path + b"/"):
                return "nothing", set()
            if (path + b"/").startswith(target + b"/"):
                return "nothing", set()
            _remove(place.at(target))
            os.rename(place.at(path), place.at(target))
            done += f" to {target!r}"
            dirty |= {(os.path.dirname(target), False)} | _appeared(place, target)
    return done, dirty


def _add(
    place: Place, choose: Choose, kind: str, folders: list[bytes], files: list[bytes]
) -> tuple[str, Dirty]:
    parent = choose.of(folders)
    path = os.path.join(parent, choose.of(NAMES))
    if os.path.lexists(place.at(path)):
        return "nothing", set()
    match kind:
        case "plant":
            _write(place.at(path), choose.of(CONTENTS))
            os.chmod(place.at(path), choose.of(MODES))
        case "mkdir":
            os.mkdir(place.at(path))
        case "nest":
            os.makedirs(place.at(os.path.join(path, choose.of(NAMES), b"b")))
            _write(place.at(os.path.join(path, b"d")), choose.of(CONTENTS))
        case "link":
            os.symlink(choose.of(NAMES), place.at(path))
        case "pair":
            if not files:
                return "nothing", set()
            os.link(place.at(choose.of(files)), place.at(path))
    return f"{kind} {path!r}", {(parent, False)} | _appeared(place, path)


def _move_in(place: Place, choose: Choose, folders: list[bytes]) -> tuple[str, Dirty]:
    path = os.path.join(choose.of(folders), choose.of(NAMES))
    if os.path.lexists(place.at(path)):
        return "nothing", set()
    return f"in {path!r}", {(os.path.dirname(path), False)} | _take(place, choose, path)


def _take(place: Place, choose: Choose, path: bytes) -> Dirty:
    stashed = sorted(name for name in os.listdir(place.stash) if name.isdigit())
    if stashed:
        os.rename(os.path.join(place.stash, choose.of(stashed)), place.at(path))
    return _appeared(place, path)


def _appeared(place: Place, path: bytes) -> Dirty:
    is_folder = os.path.isdir(place.at(path)) and not os.path.islink(place.at(path))
    return {(path, True)} if is_folder else set()


def _fresh(stash: bytes) -> bytes:
    taken = [int(name) for name in os.listdir(stash) if name.isdigit()]
    return os.path.join(stash, b"%d" % (max(taken, default=0) + 1))


def _write(path: bytes, content: bytes) -> None:
    with open(path, "xb") as file:
        file.write(content)


def _remove(path: bytes) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)
