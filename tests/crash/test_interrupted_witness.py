"""The verifier's state, killed, raced and short of space: the floor never falls, never halves."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.crash.place import Place
from tests.crash.syscalls import Process, until_last

from duri.evidence import canonical, witness
from duri.evidence.witness import Witness

RECORD = """
import sys
from duri.evidence import witness
path, product, count = sys.argv[1:4]
for number in range(int(count)):
    witness.record(path, product=product, environment="", sequence=number, now=1000 + number)
"""


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Return the path of a state file in a folder of its own."""
    folder = tmp_path / "state"
    folder.mkdir()
    return folder / "witness.json"


def verifying(place: Place, state: Path) -> Process:
    """Return a verification that raises the floor."""
    args = ("verify", place.root, "--keyring", place.keyring, "--state", state, "--threads", "1")
    return place.process(*args)


def test_killed_verification_leaves_the_old_or_the_new_floor(place: Place, state: Path) -> None:
    place.seal("1")
    old = canonical.encode(Witness(floors={"tree/": 5, "other/prod": 9}, last_seen=7))
    state.write_bytes(old)
    calls = verifying(place, state).traced(since=state.name.encode())
    assert {"openat", "flock", "write", "fsync", "rename"} <= {call.name for call in calls}
    new = witness.read(str(state))
    assert new.floors["tree/"] > 5
    seen = set()
    for call in calls:
        state.write_bytes(old)
        verifying(place, state).killed_at(call)
        left = witness.read(str(state))
        assert left.floors["other/prod"] == 9
        seen.add(left.floors["tree/"])
        # The lock died with its holder, and what it left does not stand in the way.
        assert place.verify().version == "1"
        witness.record(str(state), product="tree", environment="", sequence=10**12, now=8)
        assert witness.read(str(state)).floors["tree/"] == 10**12
    assert seen == {5, new.floors["tree/"]}


@pytest.mark.parametrize("error", ["ENOSPC", "EIO"])
def test_floor_that_cannot_be_kept_is_unverifiable_and_keeps_the_old_one(
    place: Place, state: Path, error: str
) -> None:
    place.seal("1")
    old = canonical.encode(Witness(floors={"tree/": 5}, last_seen=7))
    state.write_bytes(old)
    traced = verifying(place, state).traced(since=b'.tmp"')
    # The last sync is of the folder, after the rename: by then the new floor stands.
    calls = [call for call in until_last(traced, "fsync") if call.name != "fchmod"]
    assert [call.name for call in calls][-5:] == ["write", "fsync", "rename", "openat", "fsync"]
    for call in calls:
        state.write_bytes(old)
        ran = verifying(place, state).failed_at(call, error)
        assert ran.code == 13, f"{call}: {ran.code} {ran.err}"
        floor = witness.read(str(state)).floors["tree/"]
        assert (floor == 5) == (call not in calls[-2:]), call


def test_short_write_never_halves_the_state(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk with little room left takes a part of a write and says so, without an error."""
    whole = os.write
    monkeypatch.setattr(os, "write", lambda file, data: whole(file, bytes(data)[:10]))
    witness.record(str(state), product="p", environment="e", sequence=3, now=4)
    monkeypatch.undo()
    assert witness.read(str(state)) == Witness(floors={"p/e": 3}, last_seen=4)


def test_raced_records_lose_nothing(state: Path) -> None:
    running = [
        subprocess.Popen([sys.executable, "-c", RECORD, str(state), product, "40"])
        for product in ("a", "b", "c")
    ]
    assert [process.wait(timeout=60) for process in running] == [0, 0, 0]
    assert witness.read(str(state)) == Witness(
        floors={"a/": 39, "b/": 39, "c/": 39}, last_seen=1039
    )
    assert sorted(path.name for path in state.parent.iterdir()) == [
        "witness.json",
        "witness.json.lock",
    ]
