"""A disk that is full or fails while sealing: a clear error, and the artifacts as they were."""

import sys
from pathlib import Path

import pytest
from tests.conftest import DURI, Component
from tests.crash.place import MARK, Place, in_mount_namespace, missing_only
from tests.crash.syscalls import Call

from duri.verdict import Status

WRITES = {"mkdir", "openat", "write", "fchmod", "fsync", "rename", "renameat2"}


def failing_calls(place: Place, error: str) -> list[Call]:
    """Return the publishing calls that a disk can fail in this way."""
    calls = place.sealing("2").traced(since=MARK.encode())
    # fsync reports a full disk too: space is found only when delayed blocks are written.
    none = {"fchmod"} if error == "ENOSPC" else set()
    found = [call for call in calls if call.name in WRITES - none]
    assert len(found) > 20
    return found


@pytest.mark.parametrize(
    ("over", "error"),
    [("nothing", "ENOSPC"), ("an older release", "ENOSPC"), ("an older release", "EIO")],
)
def test_failing_call_leaves_the_artifacts_as_they_were(
    place: Place, over: str, error: str
) -> None:
    if over == "an older release":
        place.seal("1")
    before = place.snapshot()
    failures = 0
    for call in failing_calls(place, error):
        place.reset(before)
        ran = place.sealing("2").failed_at(call, error)
        if ran.code == 0:
            # Only what comes after the last sync may fail without a word: clearing up.
            assert place.verify().version == "2", call
            continue
        failures += 1
        assert ran.code == 1, f"{call}: {ran.code} {ran.err}"
        assert "could not be written; those that were there before are untouched" in ran.err
        assert {"ENOSPC": "No space left on device", "EIO": "Input/output error"}[error] in ran.err
        assert "unexpected failure" not in ran.err
        assert place.snapshot() == before, call
        if before:
            assert place.verify().version == "1", call
        else:
            assert missing_only(place.verify()), call
        assert place.leftovers() == [], call
    # mkdir, the folder's opening, six files opened, written and synced, the swap, three syncs.
    assert failures >= 22


def test_failed_clearing_up_is_made_good_by_the_next_seal(place: Place) -> None:
    place.seal("1")
    ran = place.sealing("2").failing(("unlinkat", "EIO", "1+"))
    ran_rmdir = place.sealing("2").failing(("unlink", "EIO", "1+"))
    assert (ran.code, ran_rmdir.code) == (0, 0), ran.err
    assert place.verify().version == "2"
    place.seal("3")
    assert place.verify().version == "3"
    assert place.leftovers() == []


FULL = """
import json, os, subprocess, sys
disk, duri, keyring = sys.argv[1:4]
root = os.path.join(disk, "tree")
page = 4096

def run(*args):
    return subprocess.run([duri, *args], capture_output=True, text=True)

def seal(version):
    return run("seal", root, "--version", version, "--keyring", keyring, "--threads", "1")

def artifacts():
    folder = os.path.join(root, ".duri")
    return {name: open(os.path.join(folder, name), "rb").read() for name in os.listdir(folder)}

def fill():
    with open(os.path.join(disk, "ballast"), "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(page))
        except OSError:
            pass

def version():
    ran = run("verify", root, "--keyring", keyring, "--json")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return json.loads(ran.stdout)["release"]["version"]

first = seal("1")
assert first.returncode == 0, first.stderr
before = artifacts()
fill()
refused = 0
for free in range(0, 16):
    ran = seal("2")
    if ran.returncode == 0:
        assert version() == "2"
        break
    refused += 1
    assert ran.returncode == 1, ran.stderr
    assert "No space left on device" in ran.stderr, ran.stderr
    assert artifacts() == before
    assert version() == "1"
    assert [name for name in os.listdir(disk) if name.startswith(".duri")] == []
    size = os.path.getsize(os.path.join(disk, "ballast"))
    os.truncate(os.path.join(disk, "ballast"), size - page)
else:
    raise SystemExit("it never fitted")
assert refused >= 4, refused
print("refused", refused)
"""


def test_really_full_disk_keeps_the_older_release(
    place: Place, component: Component, tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    script = tmp_path / "full.py"
    script.write_text(FULL)
    done = in_mount_namespace(
        component,
        f"""
        mount -t tmpfs -o size=160k,mode=755 tmpfs {disk}
        cp -rp {place.root} {disk}/tree
        {sys.executable} {script} {disk} {DURI} {place.keyring}
        """,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("refused")
    assert place.verify().status is Status.UNVERIFIABLE, "the mount stayed in its namespace"
