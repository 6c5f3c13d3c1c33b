"""`duri keys`, killed at each system call of writing: the old keyring or the new one, never a part.

A kill can leave a temporary file with a secret, readable by its owner alone; it is not the keyring.
"""

import os
import stat
from pathlib import Path

import pytest
from tests.crash.place import Place
from tests.crash.syscalls import until_last

from duri.evidence.keys import keyring as keyrings
from duri.evidence.keys.keyring import Keyring, State

MARK = b".keyring-"


def load(path: Path) -> Keyring | None:
    """Return the keyring in a file, strictly parsed; None where there is no file."""
    if not path.exists():
        return None
    return keyrings.parse(path.read_bytes(), prod=True).keyring


def check_private(folder: Path) -> None:
    """Fail where anybody but the owner may read a file that holds a secret."""
    for path in folder.iterdir():
        if path.is_file() and b"PRIVATE KEY" in path.read_bytes():
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def clean(folder: Path) -> None:
    """Remove what is in a folder."""
    for path in folder.iterdir():
        path.unlink()


@pytest.fixture
def vault(tmp_path: Path) -> Path:
    """Return the folder that the keyring lies in."""
    folder = tmp_path / "vault"
    folder.mkdir()
    return folder


def test_killed_making_of_a_keyring_leaves_all_or_nothing(place: Place, vault: Path) -> None:
    path = vault / "keyring.json"
    process = place.process("keys", "new", "--out", path)
    calls = process.traced(since=MARK)
    assert {"openat", "write", "fchmod", "fsync", "linkat"} <= {call.name for call in calls}
    seen = set()
    left_behind: set[str] = set()
    old_mask = os.umask(0)
    try:
        for call in calls:
            clean(vault)
            process.killed_at(call)
            check_private(vault)
            made = load(path)
            seen.add(None if made is None else made.keys[0].state)
            others = {one.name for one in vault.iterdir()} - {path.name}
            assert all(name.startswith(".keyring-") for name in others)
            left_behind |= others
            path.unlink(missing_ok=True)
            if others:
                assert process.failing().code == 0  # nothing fails: it runs whole
                assert {one.name for one in vault.iterdir()} == {path.name}
    finally:
        os.umask(old_mask)
    assert seen == {None, State.ACTIVE}
    assert left_behind


def test_killed_step_of_a_keyring_leaves_the_old_or_the_new_one(place: Place, vault: Path) -> None:
    path = vault / "keyring.json"
    keyring_flag = ("--keyring", path)
    path.write_bytes(place.keyring.read_bytes())
    path.chmod(0o600)
    rotate = place.process("keys", "rotate", "--name", "next", *keyring_flag)
    rotate.traced(since=MARK)
    before = path.read_bytes()
    activate = place.process("keys", "activate", "next", *keyring_flag)
    calls = activate.traced(since=MARK)
    assert {"openat", "write", "fchmod", "fsync", "renameat"} <= {call.name for call in calls}
    after = load(path)
    assert after is not None
    seen = set()
    for call in calls:
        clean(vault)
        path.write_bytes(before)
        path.chmod(0o600)
        activate.killed_at(call)
        check_private(vault)
        left = load(path)
        assert left is not None, f"{call}: the keyring is gone"
        states = frozenset(key.state for key in left.keys)
        assert (states == {State.ACTIVE, State.PENDING}) == (path.read_bytes() == before)
        seen.add(states)
    assert seen == {
        frozenset({State.ACTIVE, State.PENDING}),
        frozenset({State.RETIRING, State.ACTIVE}),
    }


@pytest.mark.parametrize("error", ["ENOSPC", "EIO"])
def test_failing_disk_keeps_the_old_keyring(place: Place, vault: Path, error: str) -> None:
    path = vault / "keyring.json"
    process = place.process("keys", "new", "--out", path)
    # Without a lock the new file is only less well told from a leftover; it goes on.
    calls = [
        call for call in until_last(process.traced(since=MARK), "fsync") if call.name != "flock"
    ]
    assert [call.name for call in calls] == [
        *("openat", "write", "fchmod", "fsync", "linkat", "fsync")
    ]
    for call in calls:
        clean(vault)
        ran = process.failed_at(call, error)
        assert ran.code == 1, f"{call}: {ran.err}"
        assert "could not be written" in ran.err
        # After the link only the sync of the folder can fail: the keyring is there, whole.
        left = [one.name for one in vault.iterdir()]
        assert left == (["keyring.json"] if call is calls[-1] else []), call
        assert not left or load(path)
