"""Others over the same tree: inotifywait, AIDE, find.

Guarantees: a program that is not installed is named with that reason, and nothing else stops; what
is started here is ended here.
"""

import os
import random
import shutil
import subprocess
import threading
import time
from typing import Self

from bench import stopwatch
from bench.contestants import MissingError
from bench.corpora import Corpus
from bench.peers import Aide
from bench.watch import changes
from bench.watch.release import Release

PATIENCE_SECONDS = 60.0
QUIET_SECONDS = 0.02


class Inotifywait:
    """`inotifywait -m -r` over a tree, and when its last line came."""

    def __init__(self, root: str) -> None:
        """Start nothing yet.

        Raises:
            MissingError: it is not installed.
        """
        self._program = shutil.which("inotifywait") or ""
        if not self._program:
            raise MissingError("inotifywait is not installed")
        self._root = root
        self._process: subprocess.Popen[bytes] | None = None
        self._last = 0.0
        self._first_since = 0.0
        self._armed = threading.Event()
        self._seen = threading.Event()
        self._ready = threading.Event()

    def __enter__(self) -> Self:
        """Start it and wait until its watches are set.

        Raises:
            MissingError: it did not get so far.
        """
        events = "modify,attrib,move,create,delete"
        self._process = subprocess.Popen(
            [self._program, "-m", "-r", "-e", events, self._root],
            env=stopwatch.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
        )
        threading.Thread(target=self._listen, daemon=True).start()
        threading.Thread(target=self._complaints, daemon=True).start()
        if not self._ready.wait(PATIENCE_SECONDS):
            self.__exit__()
            raise MissingError(f"no watches after {PATIENCE_SECONDS:g} s")
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def _complaints(self) -> None:
        assert self._process is not None
        assert self._process.stderr is not None
        for line in self._process.stderr:
            if b"Watches established" in line:
                self._ready.set()

    def _listen(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        stream = self._process.stdout.fileno()
        while os.read(stream, 1 << 16):
            self._last = time.monotonic()
            if self._armed.is_set() and not self._seen.is_set():
                self._first_since = self._last
                self._seen.set()

    def seconds_of(self, change: changes.Change) -> float | None:
        """Make a change and return seconds until a line came; None where none came in a second."""
        self._seen.clear()
        self._armed.set()
        begin = time.monotonic()
        change.make()
        came = self._seen.wait(1.0)
        self._armed.clear()
        return self._first_since - begin if came else None

    def drain(self) -> None:
        """Wait until no line comes any more."""
        begin = time.monotonic()
        while time.monotonic() - max(self._last, begin) < QUIET_SECONDS:
            time.sleep(QUIET_SECONDS / 4)


def inotifywait(release: Release, *, count: int, seed: int) -> tuple[list[float], int]:
    """Return seconds from change to line for so many changes, and how many had none.

    Raises:
        MissingError: it is not installed or does not start.
    """
    generator = random.Random(seed)
    found: list[float] = []
    with Inotifywait(release.root) as waiting:
        for number in range(count):
            change = changes.draw(generator, release, number=number)
            seconds = waiting.seconds_of(change)
            change.undo()
            waiting.drain()
            if seconds is not None:
                found.append(seconds)
    return found, count - len(found)


def aide(corpus: Corpus, *, home: str, tools: stopwatch.Tools, cores: int) -> float:
    """Return seconds of one whole check by AIDE, after its database was made.

    Raises:
        MissingError: it is not installed, or refuses the tree.
    """
    os.makedirs(home, exist_ok=True)
    contestant = Aide().prepare(corpus, home=home, cores=cores)
    run = stopwatch.run(list(contestant.argv), cwd=home, tools=tools)
    if run.code:
        raise MissingError(f"ends with code {run.code}")
    return run.wall


def find(root: str, *, runs: int) -> list[float]:
    """Return seconds of walks with lstat of everything by `find`: what a stat pass needs at least.

    One thread; it remembers and compares nothing.
    """
    found = []
    for _ in range(runs):
        begin = time.monotonic()
        with open(os.devnull, "wb") as nowhere:
            subprocess.run(["find", root, "-printf", "%i%C@%s"], stdout=nowhere, check=True)
        found.append(time.monotonic() - begin)
    return found
