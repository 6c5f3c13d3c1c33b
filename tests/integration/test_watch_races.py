"""Changes in quick succession under `duri watch`, and an independent oracle at each quiet moment.

The oracle is `bench/watch/oracle.py`: os.walk, lstat and hashlib, nothing of DuRi. More is asked
for than by the soak: without a scan's help events alone end with the oracle's findings, and a full
scan that runs beside, slowly, never puts back what it saw before a change.
"""

import contextlib
import json
import os
import random
import shutil
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from bench.watch import oracle
from bench.watch.client import findings_in
from tests.conftest import File, Folder, Link, RunDuri, Tree
from tests.integration.shop import Shop
from tests.integration.watching import Watcher, watching

from duri.tree import exchange

SECONDS = float(os.environ.get("DURI_RACE_SECONDS", "6"))
"""Of changes, for each way of watching."""

SEED = int(os.environ.get("DURI_RACE_SEED", "1"))

AGREES = 8.0
"""Seconds until the findings are the oracle's; by events it takes a tenth of one."""

BURST = 30

KINDS = {"new", "missing", "modified", "type", "mode", "link_target"}
"""What the oracle knows; a hard link that a change made is told of as well."""

Found = frozenset[tuple[str, bytes]]


@pytest.fixture
def shop(tree: Tree, run_duri: RunDuri) -> Shop:
    """Return a sealed release of 150 files in folders of folders."""
    root = tree(
        {
            **{
                f"{top}/{middle}/f{number}": b"%d" % number * (number * 700)
                for top in ("a", "b", "c")
                for middle in ("x", "y", "z/deep")
                for number in range(16)
            },
            "a/run": File(b"#!/bin/sh\n", 0o755),
            "a/link": Link("x"),
            "b/link": Link("../a/x/f1"),
            "empty": Folder(),
            "big": b"x" * 300_000,
        },
        name="app",
    )
    keyring = root.parent / "keyring.json"
    run_duri("keys", "new", "--out", keyring, check=0)
    shop = Shop(root, keyring, run_duri)
    shop.seal(check=0)
    return shop


class Place(NamedTuple):
    """What changes are made to: the live tree, a copy of the release, a folder beside."""

    root: bytes
    pristine: bytes
    beside: bytes
    choose: random.Random

    def entries(self) -> tuple[list[bytes], list[bytes]]:
        """Return files and folders that are there now: links among the files, no FIFOs."""
        files, folders = [], []
        for folder, below, names in os.walk(self.root):
            if folder == self.root:
                below.remove(b".duri")
            below.sort()
            paths = [os.path.join(folder, name) for name in names]
            files += [path for path in paths if not stat.S_ISFIFO(os.lstat(path).st_mode)]
            folders += [os.path.join(folder, name) for name in below]
        return sorted(files), sorted(folders)

    def file(self) -> bytes:
        """Choose one."""
        return self.choose.choice(self.entries()[0])

    def folder(self) -> bytes:
        """Choose one, not the root."""
        return self.choose.choice(self.entries()[1])


def flip(place: Place) -> None:
    """Change a byte, keep size and time."""
    path = place.file()
    facts = os.stat(path)
    with open(path, "r+b") as file:
        byte = file.read(1)
        file.seek(0)
        file.write(bytes([byte[0] ^ 1]) if byte else b"")
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))


def flip_twice(place: Place) -> None:
    """Change a byte and change it back: all is as it was, but for the time of change."""
    path = place.file()
    with open(path, "r+b") as file:
        byte = file.read(1)
        for value in (byte[0] ^ 1, byte[0]):
            file.seek(0)
            file.write(bytes([value]))


def rewrite(place: Place) -> None:
    """Save as editors do: beside, then by a rename over it."""
    path = place.file()
    content = Path(os.fsdecode(path)).read_bytes()
    with open(path + b"~", "wb") as file:
        file.write(content if place.choose.random() < 0.5 else content + b"more")
    shutil.copymode(path, path + b"~")
    os.rename(path + b"~", path)


def delete(place: Place) -> None:
    """Remove a file."""
    os.unlink(place.file())


def plant(place: Place) -> None:
    """Make a file, in a folder that may be new too."""
    folder = place.folder()
    if place.choose.random() < 0.5:
        folder = os.path.join(folder, b"new", b"er")
        os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, place.choose.choice([b"p", b".q", b"\xff"])), "ab") as file:
        file.write(b"planted")


def change_mode(place: Place) -> None:
    """Change a mode of anything."""
    files, folders = place.entries()
    path = place.choose.choice([*files, *folders])
    if not os.path.islink(path):
        os.chmod(path, place.choose.choice([0o644, 0o755, 0o4755, 0o777]))


def move_folder(place: Place) -> None:
    """Move a folder into another one."""
    one, other = place.folder(), place.folder()
    os.rename(one, os.path.join(other, b"moved"))


def swap_folders(place: Place) -> None:
    """Swap two folders, or a folder and a file, in one step."""
    one = place.folder()
    exchange.exchange(one, place.folder() if place.choose.random() < 0.7 else place.file())


def take_out(place: Place) -> None:
    """Move a folder away, change it there, and put it back, perhaps elsewhere."""
    one = place.folder()
    away = os.path.join(place.beside, b"away")
    os.rename(one, away)
    for folder, _, names in os.walk(away):
        for name in names[:1]:
            file = os.open(os.path.join(folder, name), os.O_RDWR | os.O_APPEND | os.O_NONBLOCK)
            os.write(file, b"!")
            os.close(file)
    os.rename(away, one if place.choose.random() < 0.6 else one + b"2")


def take_away(place: Place) -> None:
    """Remove a folder with everything in it."""
    shutil.rmtree(place.folder())


def link_instead(place: Place) -> None:
    """Put a link to a copy in a folder's place."""
    one = place.folder()
    away = os.path.join(place.beside, b"linked%d" % place.choose.randrange(10**9))
    os.rename(one, away)
    os.symlink(away, one)


def retype(place: Place) -> None:
    """Make a folder, a link or a FIFO of a file."""
    path = place.file()
    os.unlink(path)
    place.choose.choice([os.mkdir, os.mkfifo, lambda name: os.symlink(b"x", name)])(path)


def heal(place: Place) -> None:
    """Put some folder back as it was released, file by file."""
    at = place.choose.choice([b"a", b"b", b"c", b"a/x", b"b/z", b""])
    one, other = os.path.join(place.pristine, at), os.path.join(place.root, at)
    command = ["rsync", "-a", "--delete", "--force", "--exclude=/.duri"]
    subprocess.run(
        [*map(os.fsencode, command), one + b"/", other], check=False, stderr=subprocess.DEVNULL
    )


CHANGES: list[Callable[[Place], None]] = [
    *(flip, flip, flip_twice, rewrite, delete, plant, plant, change_mode, move_folder),
    *(swap_folders, take_out, take_away, link_instead, retype, heal, heal),
]


def burst(place: Place) -> list[str]:
    """Make changes one after another; return what was done."""
    done = []
    for _ in range(place.choose.randint(1, BURST)):
        change = place.choose.choice(CHANGES)
        with contextlib.suppress(OSError, IndexError):
            change(place)
            done.append(change.__name__)
        time.sleep(place.choose.choice((0, 0, 0, 0.002, 0.03, 0.1)))
    return done


def said(watcher: Watcher) -> Found:
    """Return the findings that the watcher tells, in the oracle's words."""
    code, body, _ = watcher.get("/api/v1/status?findings=10000")
    assert code == 200, body
    _, findings = findings_in(json.loads(body))
    return frozenset(one for one in findings if one[0] in KINDS)


@contextlib.contextmanager
def place_of(shop: Shop, tmp_path: Path, seed: int) -> Iterator[Place]:
    """Return where changes are made."""
    pristine, beside = tmp_path / "pristine", tmp_path / "beside"
    subprocess.run(["cp", "-a", shop.root, pristine], check=True)
    beside.mkdir()
    choose = random.Random(seed)  # noqa: S311 - the same changes for the same seed
    yield Place(os.fsencode(shop.root), os.fsencode(pristine), os.fsencode(beside), choose)


SLOW = ("--interval", "5", "--stat-passes", "0", "--max-bytes-per-second", "400000")
"""Full scans of four seconds, one after the other."""

ALONE = ("--interval", "86400", "--stat-passes", "0")
"""No scan but the first."""


@pytest.mark.parametrize(
    ("options", "stays"),
    [
        pytest.param(ALONE, 0.3, id="fanotify-alone"),
        pytest.param((*ALONE, "--no-fanotify"), 0.3, id="inotify-alone"),
        pytest.param(SLOW, 4.5, id="fanotify-beside-full-scans"),
        pytest.param((*SLOW, "--no-fanotify"), 4.5, id="inotify-beside-full-scans"),
        pytest.param(
            ("--interval", "5", "--stat-passes", "9", "--no-events"), 0.6, id="scans-alone"
        ),
    ],
)
def test_findings_are_the_oracles_at_every_quiet_moment(
    shop: Shop, tmp_path: Path, options: tuple[str, ...], stays: float
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    rounds: list[list[str]] = []
    with (
        place_of(shop, tmp_path, SEED) as place,
        watching(shop.root, "--keyring", shop.keyring, *options, home=home) as watcher,
    ):
        watcher.until_status("verified")
        sealed = oracle.look(os.fsdecode(place.pristine))
        end = time.monotonic() + SECONDS
        while not rounds or time.monotonic() < end:
            rounds.append(burst(place))
            right = frozenset(oracle.differences(sealed, oracle.look(os.fsdecode(place.root))))
            agree(watcher, right, rounds)
            until = time.monotonic() + stays * place.choose.random()
            while time.monotonic() < until:
                now = said(watcher)
                assert now == right, difference(now, right, rounds)
                time.sleep(0.05)
        assert not watcher.events("watch.events_lost")
    assert sum(map(len, rounds)) > 20


def agree(watcher: Watcher, right: Found, rounds: list[list[str]]) -> None:
    """Return once the watcher's findings are the oracle's."""
    end = time.monotonic() + AGREES
    while (now := said(watcher)) != right:
        assert time.monotonic() < end, difference(now, right, rounds)
        time.sleep(0.02)


def difference(now: Found, right: Found, rounds: list[list[str]]) -> str:
    """Say for a person in what two answers differ, and after what."""
    unseen, invented = sorted(right - now), sorted(now - right)
    return f"round {len(rounds)}: not found {unseen}; invented {invented}; done {rounds[-1]}"
