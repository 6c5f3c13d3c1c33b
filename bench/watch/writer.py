"""One process of the storm: `python -m bench.watch.writer`; its parts do not overlap with others'.

Guarantees: the same numbers make the same events; it says how many it made, as one JSON line; what
it leaves behind (LEFT of each kind) is for the oracle to find.

An event is one system call that changes the tree: a file created, written, renamed or removed. The
kernel reports several for some of them; they count once.
"""

import json
import os
import random
import sys
import time

LEFT = 20
SLICE_SECONDS = 0.01
ONE_SEALED_IN = 10


class Storm:
    """The events of one process: mostly on planted files, one in ten on sealed ones."""

    def __init__(self, root: str, *, share: int, of: int, seed: int) -> None:
        """List the part of the tree that is this process's."""
        self._random = random.Random(seed * 1000 + share)
        self._share = share
        files = sorted(
            os.path.join(folder, name)
            for folder, _, names in os.walk(root)
            if os.path.basename(folder) != ".duri"
            for name in names
        )
        self.sealed = [path for path in files[share::of] if os.path.getsize(path)]
        self.folders = sorted({os.path.dirname(path) for path in self.sealed})
        self.planted: list[str] = []
        self.made = 0

    def event(self) -> None:
        """Make one event, or two that belong together."""
        self.made += 1
        if self.made % ONE_SEALED_IN == 0:
            # There and back: two writes.
            path = self._random.choice(self.sealed)
            flip(path)
            flip(path)
            self.made += 1
            return
        word = self._random.choice(("create", "write", "rename", "delete"))
        if word == "create" or len(self.planted) < LEFT:
            name = f"storm_{self._share}_{self.made:06d}"
            path = os.path.join(self._random.choice(self.folders), name)
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644))
            self.planted.append(path)
            return
        at = self._random.randrange(len(self.planted))
        path = self.planted[at]
        if word == "write":
            file = os.open(path, os.O_WRONLY | os.O_APPEND)
            os.write(file, b"storm")
            os.close(file)
        elif word == "rename":
            self.planted[at] = f"{path}r" if len(path) % 7 else path.rstrip("r") + "_"
            os.rename(path, self.planted[at])
        else:
            os.unlink(self.planted.pop(at))

    def end(self) -> None:
        """Leave a few of everything: planted, edited, deleted and chmodded files."""
        while len(self.planted) > LEFT:
            os.unlink(self.planted.pop())
        chosen = self._random.sample(self.sealed, 3 * LEFT)
        for path in chosen[:LEFT]:
            flip(path)
        for path in chosen[LEFT : 2 * LEFT]:
            os.unlink(path)
        for path in chosen[2 * LEFT :]:
            os.chmod(path, 0o600)


def flip(path: str) -> None:
    """Flip the first byte of a file in place."""
    file = os.open(path, os.O_RDWR)
    byte = os.pread(file, 1, 0)
    os.pwrite(file, bytes([byte[0] ^ 0xFF]), 0)
    os.close(file)


def main(argv: list[str]) -> int:
    """Wait for a line on standard input, then make `events` in `seconds`."""
    root, share, of, seed, events, seconds = argv
    storm = Storm(root, share=int(share), of=int(of), seed=int(seed))
    print("ready", flush=True)
    sys.stdin.readline()
    begin, wanted, span = time.monotonic(), int(events), float(seconds)
    while storm.made < wanted:
        due = min(wanted, int((time.monotonic() - begin) / span * wanted) + 1)
        while storm.made < due:
            storm.event()
        time.sleep(SLICE_SECONDS)
    took = time.monotonic() - begin
    storm.end()
    print(json.dumps({"events": storm.made, "seconds": took}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
