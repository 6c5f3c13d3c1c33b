"""A release of a small shop, sealed through the command line, and what must not be lost.

Guarantees: `evidence` gives every byte of the artifacts and what lies beside the root, so that
"nothing lost" is a comparison of two answers. `complaint` is the message as a person reads it.
"""

import io
import json
import os
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypedDict, Unpack

from tests.conftest import File, Folder, Link, Node, Ran, RunDuri, Tree

SHOP: Mapping[str | bytes, Node] = {
    "shop.py": b"print('open')\n",
    "bin/start": File(b"#!/bin/sh\necho started\n", 0o755),
    "lib/prices.py": b"PRICES = {'tea': 3}\n",
    "lib/current": Link("prices.py"),
    "uploads": Folder(),
}


class How(TypedDict, total=False):
    """How a command is run; see `RunDuri`."""

    env: Mapping[str, str]
    check: int
    timeout: float
    as_nobody: bool


class Shop(NamedTuple):
    """A root and its keyring, each where a person would have it."""

    root: Path
    keyring: Path
    duri: RunDuri

    def seal(self, *options: str, **how: Unpack[How]) -> Ran:
        """Run `duri seal`."""
        version = () if "--version" in options else ("--version", "1.0.0")
        keyring = () if "--keyring" in options else ("--keyring", self.keyring)
        return self.duri("seal", self.root, *version, *keyring, *options, **how)

    def verify(self, *options: str, **how: Unpack[How]) -> Ran:
        """Run `duri verify`."""
        keyring = () if "--keyring" in options else ("--keyring", self.keyring)
        return self.duri("verify", self.root, *keyring, *options, **how)

    def report(self, *options: str, **how: Unpack[How]) -> dict[str, Any]:
        """Run `duri verify --json` and return what it printed; it ended with what it says."""
        ran = self.verify("--json", *options, **how)
        loaded: dict[str, Any] = json.loads(ran.stdout)
        assert ran.code == loaded["exit_code"]
        return loaded

    def found(self, *options: str, **how: Unpack[How]) -> set[tuple[str, str | None]]:
        """Return (kind, path) of every finding."""
        return {(one["kind"], one["path"]) for one in self.report(*options, **how)["findings"]}

    @property
    def artifacts(self) -> Path:
        """The artifacts folder."""
        return self.root / ".duri"

    def evidence(self) -> dict[str, bytes | None]:
        """Return the artifacts' bytes by name, and the names beside the root."""
        kept: dict[str, bytes | None] = {}
        if self.artifacts.is_dir():
            kept |= {path.name: path.read_bytes() for path in sorted(self.artifacts.iterdir())}
        return kept | dict.fromkeys(f"../{name}" for name in os.listdir(self.root.parent))


def opened(tree: Tree, duri: RunDuri, nodes: Mapping[str | bytes, Node] = SHOP) -> Shop:
    """Return a shop with a keyring, nothing sealed yet."""
    root = tree(nodes, name="shop")
    keyring = root.parent / "keyring.json"
    duri("keys", "new", "--out", keyring, check=0)
    return Shop(root, keyring, duri)


_packed: list[bytes] = []
"""The sealed shop, made once a process and unpacked for each test."""


def sealed(tree: Tree, duri: RunDuri) -> Shop:
    """Return a shop that was sealed, and verified as it stands."""
    place = tree({}, name="shop").parent
    if not _packed:
        made = opened(tree, duri)
        made.seal(check=0)
        made.verify(check=0)
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            for name in ("shop", "keyring.json"):
                tar.add(place / name, name)
        _packed.append(archive.getvalue())
    else:
        with tarfile.open(fileobj=io.BytesIO(_packed[0])) as tar:
            tar.extractall(place, filter="fully_trusted")  # noqa: S202 - packed above
    return Shop(place / "shop", place / "keyring.json", duri)


def complaint(ran: Ran, code: int) -> str:
    """Return the one message of a command that ended with this code, whatever it printed before.

    A message is for a person: it starts with the program's name, and is no traceback.
    """
    assert ran.code == code, ran
    assert b"Traceback" not in ran.stderr, ran.err
    assert b"unexpected failure" not in ran.stderr, ran.err
    _, found, message = ran.err.partition("duri: ")
    assert found, ran
    return message
