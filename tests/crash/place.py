"""A place to seal in again and again: a tree, keys, artifacts that can be put back as they were.

Guarantees: `reset` leaves nothing of the runs before it; what is judged is judged by `duri.verify`
in this process, so only the interrupted command costs the start of one.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from tests.conftest import Component, require
from tests.crash.syscalls import Process

import duri
from duri.evidence import canonical
from duri.evidence.keys import generate, store
from duri.verdict import Kind, Status, Verdict

MARK = ".duri-sealing-"
NODES: dict[str | bytes, bytes] = {"app.py": b"print(1)\n", "lib/data.bin": bytes(range(256)) * 64}

Snapshot = Mapping[str, bytes]


class Place(NamedTuple):
    """A folder that holds a root, its keyring and a home, and nothing else."""

    folder: Path
    root: Path
    keyring: Path

    @property
    def artifacts(self) -> Path:
        """The artifacts folder."""
        return self.root / ".duri"

    def seal(self, version: str) -> None:
        """Seal in this process."""
        duri.seal(self.root, version=version, keyring=self.keyring)

    def sealing(self, version: str, *, env: Mapping[str, str] | None = None) -> Process:
        """Return the command that seals, to be run under strace."""
        args = ("seal", self.root, "--version", version, "--keyring", self.keyring)
        # One thread, so that every run makes its calls in the same order.
        return self.process(*args, "--threads", "1", "--quiet", env=env)

    def process(self, *args: str | Path, env: Mapping[str, str] | None = None) -> Process:
        """Return any command, to be run under strace."""
        return Process(require("strace"), self.folder / "home", args, env or {})

    def verify(self) -> Verdict:
        """Verify in this process."""
        return duri.verify(self.root, keyring=self.keyring)

    def snapshot(self) -> dict[str, bytes]:
        """Return the artifacts as they are; empty where there are none."""
        if not self.artifacts.is_dir():
            return {}
        return {path.name: path.read_bytes() for path in self.artifacts.iterdir()}

    def reset(self, snapshot: Snapshot) -> None:
        """Put the artifacts back, and remove what a sealing left."""
        for leftover in self.leftovers():
            shutil.rmtree(leftover)
        shutil.rmtree(self.artifacts, ignore_errors=True)
        if snapshot:
            self.artifacts.mkdir()
            for name, data in snapshot.items():
                (self.artifacts / name).write_bytes(data)

    def leftovers(self) -> list[Path]:
        """Return what sealing left, wherever it may leave anything."""
        return [
            path
            for place in (self.folder, self.root, self.artifacts)
            if place.is_dir()
            for path in place.iterdir()
            if path.name.startswith(MARK)
        ]


def make(folder: Path, root: Path) -> Place:
    """Return a place with a new keyring around a root."""
    (folder / "home").mkdir()
    keyring = folder / "keyring.json"
    make_keyring(keyring)
    return Place(folder, root, keyring)


def make_keyring(path: Path) -> None:
    """Write a keyring with one active key, made now."""
    now = int(time.time())
    keyring = generate.new_keyring(generate.new_key(now=now), now=now)
    store.write_file(os.fspath(path), keyring, replace=False)


def missing_only(verdict: Verdict) -> bool:
    """Say whether the verdict is that nothing was ever sealed here."""
    return verdict.status is Status.UNVERIFIABLE and [one.kind for one in verdict.findings] == [
        Kind.ARTIFACTS_MISSING
    ]


def check_whole(snapshot: Snapshot) -> None:
    """Fail where a JSON artifact is not whole."""
    for name, data in snapshot.items():
        canonical.decode(data, dict[str, object], name=name)


def in_mount_namespace(component: Component, script: str) -> subprocess.CompletedProcess[str]:
    """Run a shell script where its mounts end with it."""
    command = [component("unshare"), "-m", "--propagation", "private", "sh", "-euc"]
    probe = subprocess.run(
        [*command, "mount -t tmpfs tmpfs /mnt"], capture_output=True, check=False
    )
    component("mount namespaces", present=probe.returncode == 0)
    return subprocess.run(
        [*command, script], capture_output=True, text=True, check=False, timeout=120
    )
