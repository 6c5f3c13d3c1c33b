"""The checks that the project's checklist names, under these names."""

import errno
import os
from pathlib import Path

import pytest
from tests.attack import releases
from tests.attack.releases import CODE, is_refused, is_verified, make

from duri.evidence import release
from duri.verdict import Kind, Status
from DuRiCore.deployment.deployment_integrity import DeploymentIntegrity

SINCE_2_0 = ("attributes", "checksums_digest", "file_count", "hash_version", "total_bytes")
"""What metadata of an older schema may lack."""


@pytest.mark.parametrize("drop", [(), SINCE_2_0], ids=["all fields", "old fields"])
def test_schema_downgrade_detection(tmp_path: Path, drop: tuple[str, ...]) -> None:
    made = make(tmp_path / "app")
    ring = releases.keyring_file(tmp_path / "keyring.json", made.ring)
    face = DeploymentIntegrity(made.root, keyring=ring)
    assert face.verify_integrity()["status"] == "verified"
    releases.resign(made, metadata={"schema_version": "1.0"}, drop=drop)

    verdict = made.verify()
    is_refused(verdict, Status.POLICY_CHANGED, Kind.SCHEMA_OLDER)
    assert verdict.exit_code == 12
    assert verdict.schema_version == "1.0"
    # The tree is compared all the same.
    assert verdict.summary.verified_files == verdict.summary.total_files == len(CODE)
    r = face.verify_integrity()
    assert r["status"] == "policy_changed"
    assert r["integrity_verified"] is False
    assert r["schema_version"] == "1.0"

    (made.root / "main.py").write_bytes(b"evil\n")
    assert face.verify_integrity()["status"] == "corrupted"


@pytest.mark.parametrize("target", ["loop", ".", "pkg/../loop", "pkg/back"])
def test_symlink_loop_prevention(tmp_path: Path, target: str) -> None:
    """A loop ends the scan neither in a hang nor in `checksums`."""
    root = tmp_path / "app"
    (root / "pkg").mkdir(parents=True)
    (root / "loop").symlink_to(target)
    (root / "pkg" / "back").symlink_to("../pkg")
    made = make(root)
    paths = made.read()[release.CHECKSUMS]
    assert sorted(CODE) == sorted(
        line.split('"')[1] for line in paths.decode().splitlines() if '"' in line
    )
    is_verified(made.verify())
    (root / "late").symlink_to("late")
    with pytest.raises(OSError) as raised:  # noqa: PT011 - which error it is stands below
        os.stat(root / "late")
    assert raised.value.errno == errno.ELOOP
    verdict = made.verify()
    is_refused(verdict, Status.CORRUPTED, Kind.NEW, "late")
    assert verdict.summary.verified_files == len(CODE)
