"""A small sealed release to attack, and exact questions about what verifying it says.

Guarantees: `sealed` asks for the accepted twin at once: what it returns was verified before anybody
touched it, so a case that ends in a refusal is refused for what the case did. `found` gives every
finding, so a case cannot pass on another one's account.
"""

import contextlib
import functools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, TypeAlias

import msgspec
from tests.conftest import DURI, File, Folder, Link, Node, clean_environment, require

import duri
from duri.evidence import provenance, release, signing
from duri.evidence.keys import generate, store
from duri.evidence.keys.keyring import Keyring
from duri.evidence.keys.material import Algorithm
from duri.settings import Settings

VERSION = "1.4.2"

CODE: Mapping[str | bytes, Node] = {
    "main.py": b"print('hello')\n",
    "run.sh": File(b"#!/bin/sh\nexec true\n", 0o755),
    "pkg/__init__.py": b"",
    "pkg/core.py": b"VALUE = 1\n",
    "pkg/data/table.bin": bytes(range(256)) * 16,
    "current": Link("pkg"),
    "uploads": Folder(),
}
"""A release with a plain file, a program, a package, an inner link and an empty folder."""

Found: TypeAlias = set[tuple[str, bytes | None]]


class Release(NamedTuple):
    """A sealed root and the keyring that it was sealed with."""

    root: Path
    keyring: Keyring

    def verify(self, **settings: object) -> duri.Verdict:
        """Verify it in this process, with nothing of the environment."""
        told = Settings(**settings)  # type: ignore[arg-type] # each test names real settings
        return duri.verify(self.root, keyring=self.keyring, settings=told)

    def found(self, status: str) -> Found:
        """Return (kind, path) of every finding, once the status is this one."""
        verdict = self.verify()
        assert verdict.status == status, verdict
        return {(str(one.kind), one.path) for one in verdict.findings}

    def keyring_file(self) -> Path:
        """Return the keyring as a file beside the root, for the command line."""
        file = self.root.parent / f"{self.root.name}-keyring.json"
        if not file.exists():
            store.write_file(os.fspath(file), self.keyring, replace=False)
        return file

    def command(self, *options: str) -> list[str]:
        """Return the command line that verifies it."""
        return [
            *(str(DURI), "verify", os.fspath(self.root)),
            *("--keyring", os.fspath(self.keyring_file()), *options),
        ]


@functools.cache
def keyring() -> Keyring:
    """Return a keyring with one active key, made once a process."""
    now = int(time.time()) - 60
    return generate.new_keyring(generate.new_key(Algorithm.ED25519, now=now), now=now)


def sealed(root: Path, **settings: object) -> Release:
    """Seal a root and see that it is verified as it stands."""
    told = Settings(**settings)  # type: ignore[arg-type] # each test names real settings
    duri.seal(root, version=VERSION, keyring=keyring(), settings=told)
    made = Release(root, keyring())
    assert made.found("verified") == set()
    return made


def seal_anew(made: Release, change: Callable[[bytes], bytes], **fields: object) -> None:
    """Write the evidence with other checksums and metadata, all of it consistent, well signed."""
    folder = made.root / ".duri"
    checksums = change((folder / release.CHECKSUMS).read_bytes())
    metadata = release.parse_metadata((folder / release.METADATA).read_bytes())
    assert isinstance(metadata, release.Metadata)
    metadata = msgspec.structs.replace(
        metadata, checksums_digest=release.digest(checksums), **fields
    )
    files = {release.CHECKSUMS: checksums, release.METADATA: release.write_metadata(metadata)}
    files[release.PROVENANCE] = provenance.write(
        files,
        deployment_id=metadata.deployment_id,
        started_on=metadata.created_at,
        finished_on=metadata.created_at,
        parameters={},
    )
    now = int(time.time())
    signers = signing.choose(made.keyring, now=now, dual_verify=True, period_days=90)
    files |= signing.sign_release(files, metadata, signers.keys, signed_at=now)
    for name, data in files.items():
        (folder / name).write_bytes(data)


class Ended(NamedTuple):
    """How a process ended."""

    code: int
    out: str
    err: str


def in_mount_namespace(script: str, command: list[str]) -> Ended:
    """Run mounts and then a command where nobody else sees them; $0 stands for the command's root.

    A machine that allows no mount namespace misses a component.
    """
    unshare = [require("unshare"), "--mount"]
    if os.geteuid() != 0:
        unshare.insert(1, "--map-root-user")
    probe = subprocess.run([*unshare, "true"], capture_output=True, check=False)
    require("mount namespaces", present=probe.returncode == 0)
    ended = run([*unshare, "sh", "-ec", f'{script}\nshift\nexec "$@"', "sh", "-", *command])
    assert "mount:" not in ended.err, ended
    return ended


def with_failing_calls(command: list[str], *options: str) -> Ended:
    """Run a command under strace with errors injected; options are strace's."""
    strace = require("strace")
    probe = subprocess.run([strace, "-o", "/dev/null", "true"], capture_output=True, check=False)
    require("ptrace", present=probe.returncode == 0)
    return run([strace, "-f", "-qq", "-o", "/dev/null", *options, *command])


def run(command: list[str]) -> Ended:
    """Run a command to its end in a clean environment."""
    ran = subprocess.run(
        command,
        capture_output=True,
        check=False,
        env=clean_environment("/nonexistent"),
        timeout=60,
    )
    return Ended(ran.returncode, os.fsdecode(ran.stdout), os.fsdecode(ran.stderr))


@contextlib.contextmanager
def meanwhile(program: str, *arguments: str | os.PathLike[str]) -> Iterator[None]:
    """Run a Python program that never ends by itself beside the body, once it says it has begun."""
    process = subprocess.Popen(
        [sys.executable, "-I", "-c", program, *(os.fspath(one) for one in arguments)],
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        yield
        assert process.poll() is None, "it ended before the body did"
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
