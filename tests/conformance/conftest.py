"""A release sealed by the command itself, for judges that know nothing of DuRi."""

import json
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.conftest import File, Link, RunDuri, Tree


class Release(NamedTuple):
    """A sealed root and the keyring that sealed it."""

    root: Path
    keyring: Path

    def artifact(self, name: str) -> bytes:
        """Return an artifact's bytes."""
        return (self.root / ".duri" / name).read_bytes()

    def public_pem(self) -> str:
        """Return the public key, as the keyring has it."""
        return str(json.loads(self.keyring.read_bytes())["keys"][0]["public_key"])


@pytest.fixture(params=["ecdsa-p256-sha256", "ed25519"])
def release(
    request: pytest.FixtureRequest, tree: Tree, run_duri: RunDuri, tmp_path: Path
) -> Release:
    """Return a release signed by a key of each asymmetric kind."""
    return sealed(request.param, tree, run_duri, tmp_path)


def sealed(algorithm: str, tree: Tree, run_duri: RunDuri, tmp_path: Path) -> Release:
    """Make a keyring and seal a tree with it, by the command line."""
    keyring = tmp_path / "keyring.json"
    run_duri("keys", "new", "--out", keyring, "--algorithm", algorithm, check=0)
    root = tree(
        {
            "app.py": b"print(1)\n",
            "bin/run": File(b"#!/bin/sh\n", 0o755),
            "new\nline": b"1",
            "back\\slash": b"2",
            "both\\\n": b"3",
            "car\rriage": b"4",
            " space ": b"5",
            "-dash": b"6",
            "gr\u00fc\u00df": b"7",
            "link": Link("app.py"),
        }
    )
    args = ("seal", root, "--version", "1", "--product", "p", "--keyring", keyring)
    run_duri(*args, check=0)
    return Release(root, keyring)
