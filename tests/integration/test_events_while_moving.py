"""A tree whose folders move while scans watch them: in the end each is watched where it is."""

import contextlib
import os
import random
import shutil
import threading
import time
from pathlib import Path

import pytest
from tests.conftest import Tree, require
from tests.integration.test_events import fanotify_works
from tests.integration.watched import Watched

TURNS = 4
SECONDS = 0.3
TOP = [b"a", b"b", b"c", b"d"]


def churn(root: bytes, outside: bytes, end: threading.Event, seed: int) -> None:
    """Make, move, exchange and delete folders, some of them out of the tree."""
    choose = random.Random(seed)  # noqa: S311 - the same changes for the same seed
    while not end.is_set():
        one, other = (
            os.path.join(root, *choose.choices(TOP, k=choose.randint(1, 3))) for _ in range(2)
        )
        beside = os.path.join(outside, choose.choice(TOP))
        with contextlib.suppress(OSError):
            match choose.randrange(6):
                case 0 | 1:
                    os.makedirs(one)
                case 2 | 3:
                    os.rename(one, other)
                case 4:
                    os.rename(*((one, beside) if choose.random() < 0.5 else (beside, one)))
                case 5:
                    shutil.rmtree(other)
        time.sleep(0.0002)


def scan(watched: Watched, end: threading.Event) -> None:
    """Scan the whole tree again and again, as if no event was ever read."""
    while not end.is_set():
        with contextlib.suppress(OSError):
            watched.walk(b"")


def catch_up(watched: Watched) -> bool:
    """Read what waits and look at what is unknown; say whether there was anything."""
    found = watched.settle()
    for path, deep in found.folders:
        if deep or found.lost:
            with contextlib.suppress(OSError):
                watched.walk(b"" if found.lost else path)
    return found.events > 0


@pytest.mark.parametrize("scans", [False, True])
@pytest.mark.parametrize("source", ["inotify", "fanotify"])
def test_every_folder_is_watched_where_it_is_in_the_end(
    source: str, tree: Tree, tmp_path: Path, *, scans: bool
) -> None:
    if source == "fanotify":
        require("fanotify", present=fanotify_works())
    outside = tmp_path / "outside"
    outside.mkdir()
    watched = Watched(tree({"a/b/c/f": b"", "b/c/f": b"", "d/f": b""}), source=source)
    for turn in range(TURNS):
        end, stop = threading.Event(), threading.Event()
        movers = [
            threading.Thread(target=churn, args=(watched.root, os.fsencode(outside), end, seed))
            for seed in (2 * turn, 2 * turn + 1)
        ]
        scanners = [threading.Thread(target=scan, args=(watched, stop))] if scans else []
        for thread in [*movers, *scanners]:
            thread.start()
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            catch_up(watched)
        # The scan ends before the changes do, so that it does not mend what events got wrong.
        stop.set()
        for thread in scanners:
            thread.join()
        end.set()
        for thread in movers:
            thread.join()
        while catch_up(watched):
            pass
        for folder, _, _ in os.walk(watched.root):
            path = os.path.relpath(folder, watched.root) if folder != watched.root else b""
            with open(os.path.join(folder, b"probe"), "ab") as file:
                file.write(b"x")
            assert watched.named() == {path: False}
