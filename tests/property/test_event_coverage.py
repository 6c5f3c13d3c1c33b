"""Whatever is done to a watched tree, the folder of each changed entry is named."""

import os
import shutil
import tempfile
from collections.abc import Collection
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.conftest import require
from tests.integration.watched import Watched

from duri.policy import Policy
from duri.tree import events

FOLDERS = [b"", b"a", b"a/b", b"a/b/c", b"d", b"n"]
NAMES = [b"f", b"g", b"\xff", b"a", b"b", b"c", b"d", b"n"]
PATHS = [os.path.join(folder, name) for folder in FOLDERS for name in NAMES]

OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from(
            ["write", "make", "remove", "move", "link", "chmod", "out", "in", "look", "read"]
        ),
        st.sampled_from(PATHS),
        st.sampled_from(PATHS),
    ),
    max_size=14,
)


def act(root: bytes, outside: bytes, operation: str, one: bytes, other: bytes) -> None:
    """Do one thing to a tree, if it can be done."""
    source, target = os.path.join(root, one), os.path.join(root, other)
    beside = os.path.join(outside, os.path.basename(one))
    try:
        match operation:
            case "write":
                with open(source, "ab") as file:
                    file.write(b"x")
            case "make":
                os.makedirs(source)
            case "remove":
                shutil.rmtree(source) if os.path.isdir(source) else os.unlink(source)
            case "move":
                os.rename(source, target)
            case "link":
                os.link(source, target)
            case "chmod":
                os.chmod(source, 0o777 ^ os.stat(source).st_mode & 0o77)
            case "out":
                os.rename(source, beside)
            case "in":
                os.rename(beside, source)
    except OSError:
        pass


def content(root: bytes) -> dict[bytes, tuple[object, ...]]:
    """Return what a scan would see of each entry."""
    found: dict[bytes, tuple[object, ...]] = {}
    for folder, folders, files in os.walk(root):
        for name in [*folders, *files]:
            path = os.path.join(folder, name)
            entry = os.lstat(path)
            size = entry.st_size if name in files else 0
            found[os.path.relpath(path, root)] = (entry.st_ino, entry.st_mode, size)
    return found


def is_covered(path: bytes, named: dict[bytes, bool], now: Collection[bytes]) -> bool:
    """Say whether looking at what was named finds a change of this entry."""
    parts = path.split(b"/")
    above = [b"/".join(parts[:end]) for end in range(1, len(parts) + 1)]
    # What went with a folder is found missing where the folder is.
    first = next((entry for entry in above if entry not in now), path)
    return os.path.dirname(first) in named or any(named.get(entry, False) for entry in above)


@pytest.mark.parametrize("source", ["inotify", "fanotify"])
@given(operations=OPERATIONS)
@example(operations=[("move", b"a/b", b"d/b"), ("read", b"f", b"f"), ("write", b"d/b/f", b"f")])
@example(operations=[("out", b"a", b"f"), ("make", b"a/b", b"f"), ("look", b"f", b"f")])
@example(operations=[("move", b"a", b"n"), ("look", b"f", b"f"), ("move", b"n/b", b"a")])
def test_folder_of_every_changed_entry_is_named(
    source: str, operations: list[tuple[str, bytes, bytes]]
) -> None:
    if source == "fanotify":
        opened = events.open_watcher(Policy(), None)
        usable = opened.watcher is not None and opened.watcher.source == source
        require("fanotify", present=usable)
    with tempfile.TemporaryDirectory() as place:
        root, outside = os.fsencode(place) + b"/tree", os.fsencode(place) + b"/outside"
        os.makedirs(root + b"/a/b/c")
        os.makedirs(root + b"/d")
        os.mkdir(outside)
        for name in (b"/f", b"/a/f", b"/a/b/f", b"/a/b/c/f", b"/d/f"):
            with open(root + name, "wb"):
                pass
        watched = Watched(Path(os.fsdecode(root)), source=source)
        known = content(root)
        for operation, one, other in [*operations, ("read", b"", b"")]:
            match operation:
                case "look":  # a scan of everything, whose events were not read yet
                    watched.walk(b"")
                case "read":
                    named = watched.named()
                    now = content(root)
                    changed = {path for path in known | now if known.get(path) != now.get(path)}
                    missed = {path for path in changed if not is_covered(path, named, now)}
                    assert not missed, named
                    for path, deep in named.items():
                        if deep:
                            watched.walk(path)
                    known = content(root)
                case _:
                    act(root, outside, operation, one, other)
