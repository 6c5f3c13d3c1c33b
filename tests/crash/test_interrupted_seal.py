"""`duri seal`, killed at each system call of publishing: the old release or the new one."""

import pytest
from tests.crash.place import MARK, Place, check_whole, missing_only
from tests.crash.syscalls import Call

from duri.verdict import Status


def publishing(place: Place) -> list[Call]:
    """Return the calls of a seal from the first that touches the folder it prepares."""
    calls = place.sealing("2").traced(since=MARK.encode())
    names = {call.name for call in calls}
    # The run was seen as it is: six files written and synced, swapped in at once, both folders
    # synced. Without these the enumeration below would prove nothing.
    assert {"mkdir", "openat", "write", "fchmod", "fsync", "renameat2"} <= names
    assert sum(call.name == "write" for call in calls) >= 6
    assert sum(call.name == "fsync" for call in calls) >= 9
    return calls


@pytest.mark.parametrize("over", ["nothing", "an older release"])
def test_atomic_write_partial_file_prevention(place: Place, over: str) -> None:
    if over == "an older release":
        place.seal("1")
    before = place.snapshot()
    calls = publishing(place)
    seen = set()
    for call in calls:
        place.reset(before)
        place.sealing("2").killed_at(call)
        verdict = place.verify()
        check_whole(place.snapshot())
        if verdict.status is Status.VERIFIED:
            seen.add(verdict.version)
            assert (verdict.version == "1") == (place.snapshot() == before), call
        else:
            assert not before, f"{call}: {verdict}"
            assert missing_only(verdict), f"{call}: {verdict}"
            assert place.snapshot() == {}, call
            seen.add(None)
        # What the kill left behind stands in nobody's way, and goes.
        place.seal("3")
        assert place.verify().version == "3", call
        assert place.leftovers() == [], call
    # Kills before and after the one rename were both among them.
    assert seen == ({"1", "2"} if before else {None, "2"})


def test_seal_that_is_not_killed_leaves_the_new_release_and_nothing_else(place: Place) -> None:
    place.seal("1")
    place.sealing("2").traced(since=MARK.encode())
    assert place.verify().status is Status.VERIFIED
    assert place.verify().version == "2"
    assert place.leftovers() == []
