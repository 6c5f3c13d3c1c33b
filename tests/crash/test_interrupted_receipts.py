"""A watcher's log, killed at each system call of opening and appending, and short of space.

What `append` returned for is there, and at most one torn line was repaired.
"""

import os
import shutil
import sys
from pathlib import Path

import pytest
from tests.conftest import Component, require
from tests.crash.place import in_mount_namespace
from tests.crash.syscalls import Call, Process
from tests.unit.report.receipt_logs import NOW, open_log, prove, scan, write_log

from duri.report.receipt.chain import Trouble
from duri.verdict import Status

APPEND = """
import os, sys
from duri.report.receipt import key
from duri.report.receipt.log import Log
from duri.report.receipt.receipt import Entry, Kind
path, now = sys.argv[1], int(sys.argv[2])
signer = key.open_or_make(path, None, now=now)
log = Log.open(path, signer=signer, now=now, limit_bytes=4000)
for number in range(4):
    receipt = log.append(Entry(kind=Kind.ACTION, note="x" * 400), now=now + number)
    if receipt is not None:
        os.writev(1, [b"%d\\n" % receipt.sequence])  # writev: not among the calls that fail
log.close(now)
os.writev(1, [b"whole %d\\n" % log.health.waiting])
"""


class Script(Process):
    """A Python script in place of the command."""

    def command(self, *options: str | Path) -> list[str]:
        """Return the command line under strace."""
        line = super().command(*options)
        return [
            *line[: -len(self.args) - 1],
            sys.executable,
            *(os.fspath(part) for part in self.args),
        ]


@pytest.fixture
def appending(tmp_path: Path) -> Script:
    """Return a run that appends four receipts to the log in `receipts`, and rotates on the way."""
    home = tmp_path / "home"
    home.mkdir()
    script = home / "append.py"
    script.write_text(APPEND)
    return Script(require("strace"), home, (script, tmp_path / "receipts", str(NOW + 9000)))


def kept(tmp_path: Path) -> Path:
    """Return a log of three receipts, to be put back before each run."""
    write_log(tmp_path / "before", scans=1)
    return tmp_path / "before"


def test_killed_append_loses_nothing_that_it_returned(tmp_path: Path, appending: Script) -> None:
    before, path = kept(tmp_path), tmp_path / "receipts"
    shutil.copytree(before, path)
    calls = appending.traced(since=b"receipts.jsonl")
    assert {"openat", "write", "fsync", "renameat"} <= {call.name for call in calls}
    repaired = 0
    told: set[int] = set()
    for call in calls:
        shutil.rmtree(path)
        shutil.copytree(before, path)
        ran = appending.killed_at(call)
        returned = [int(word) for word in ran.out.split() if word.isdigit()]
        left = prove(path)
        assert left.status is Status.VERIFIED, f"{call}: {left.problems}"
        assert left.last >= max(returned, default=3), call
        log = open_log(path, now=NOW + 10_000, limit_bytes=4000)
        assert log.append(scan(), now=NOW + 10_000), call
        log.close(NOW + 10_000)
        after = prove(path)
        assert after.status is Status.VERIFIED, f"{call}: {after.problems}"
        assert set(after.counts) <= {Trouble.REPAIR}, call
        assert after.counts.get(Trouble.REPAIR, 0) <= 1, call
        assert after.receipts == after.last
        repaired += after.counts.get(Trouble.REPAIR, 0)
        told.add(max(returned, default=0))
    assert told == {0, 4, 5, 6}
    # Each line is one write, which a kill at its start prevents whole; torn lines have other tests.
    assert repaired == 0


@pytest.mark.parametrize("error", ["ENOSPC", "EIO", "EROFS"])
def test_failing_call_delays_receipts_and_loses_none(
    tmp_path: Path, appending: Script, error: str
) -> None:
    before, path = kept(tmp_path), tmp_path / "receipts"
    shutil.copytree(before, path)
    calls = [call for call in appending.traced(since=b"receipts.jsonl") if may_fail(call)]
    assert len(calls) > 8
    for call in calls:
        shutil.rmtree(path)
        shutil.copytree(before, path)
        ran = appending.failed_at(call, error)
        assert (ran.code, ran.out.splitlines()[-1:]) == (0, ["whole 0"]), f"{call}: {ran}"
        proof = prove(path)
        assert proof.status is Status.VERIFIED, f"{call}: {proof.problems}"
        assert (proof.last, proof.receipts, proof.counts) == (7, 7, {}), call


def may_fail(call: Call) -> bool:
    """Say whether a call is one of the log's own that a disk can fail."""
    return call.name in {"openat", "write", "fsync", "renameat", "ftruncate"}


FULL = """
import os, sys
from duri.report.receipt import key
from duri.report.receipt.log import Log
from duri.report.receipt.receipt import Entry, Kind
path, now = sys.argv[1], int(sys.argv[2])
signer = key.open_or_make(path, None, now=now)
log = Log.open(path, signer=signer, now=now)
def append(number):
    return log.append(Entry(kind=Kind.ACTION, note="x" * 400), now=now + number)
assert append(0)
with open(os.path.join(path, "ballast"), "wb", buffering=0) as file:
    try:
        while True:
            file.write(bytes(4096))
    except OSError:
        pass
number = 1
while append(number):
    number += 1
for more in range(5):
    assert append(number + more + 1) is None
assert log.health.waiting == 6 and "No space left" in log.health.problem, log.health
size = os.path.getsize(os.path.join(path, "receipts.jsonl"))
with open(os.path.join(path, "receipts.jsonl"), "rb") as file:
    assert file.read().endswith(b"}\\n")
os.unlink(os.path.join(path, "ballast"))
log.flush(now)
assert log.health.waiting == 0 and log.health.problem is None, log.health
log.close(now)
print(log.health.sequence)
"""


def test_really_full_disk_delays_receipts_and_loses_none(
    tmp_path: Path, component: Component
) -> None:
    disk, copy, script = tmp_path / "disk", tmp_path / "copy", tmp_path / "full.py"
    disk.mkdir()
    copy.mkdir()
    script.write_text(FULL)
    done = in_mount_namespace(
        component,
        f"""
        mount -t tmpfs -o size=64k,mode=755 tmpfs {disk}
        {sys.executable} {script} {disk} {NOW}
        cp -p {disk}/* {copy}/
        """,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    proof = prove(copy)
    assert (proof.status, proof.counts) == (Status.VERIFIED, {})
    assert proof.last == int(done.stdout)
