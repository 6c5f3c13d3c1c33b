"""One log line: one line always, fixed fields, nothing heavy imported."""

import json
import subprocess
import sys

import pytest
from tests.unit.report.samples import EVERY_STATUS, HOSTILE, MODIFIED, UNKNOWN, finding, verdict

from duri.report import lines
from duri.verdict import Kind, Status


@pytest.mark.parametrize("status", list(Status))
def test_the_line_says_what_was_found(status: Status) -> None:
    judged = EVERY_STATUS[status]
    line = json.loads(lines.as_json(judged, event="gate.refused"))
    assert line["status"] == status.value
    assert line["exit_code"] == status.exit_code
    assert line["time"] == judged.checked_at
    assert line["event"] == "gate.refused"
    assert sum(line["findings"].values()) == len(judged.findings)


def test_the_level_follows_the_severity() -> None:
    levels = {
        status: json.loads(lines.as_json(judged, event="gate"))["level"]
        for status, judged in EVERY_STATUS.items()
    }
    assert levels == {
        Status.UNVERIFIABLE: "critical",
        Status.TAMPERED: "critical",
        Status.CORRUPTED: "critical",
        Status.POLICY_CHANGED: "warning",
        Status.VERIFIED: "info",
    }


def test_the_first_findings_are_named_and_all_are_counted() -> None:
    many = [finding(Kind.NEW, b"n%d" % n) for n in range(50)]
    line = json.loads(lines.as_json(verdict(Status.CORRUPTED, MODIFIED, *many), event="gate"))
    assert line["findings"] == {"modified": 1, "new": 50}
    assert line["first"] == ["modified app/main.py", "new n0", "new n1"]


def test_whatever_the_names_hold_it_is_one_line() -> None:
    judged = verdict(Status.CORRUPTED, HOSTILE, root="/srv/a\nb", deployment_id='a"b\nc')
    for line in (lines.as_json(judged, event="gate"), lines.as_text(judged, event="gate")):
        assert line.count(b"\n") == 1
        assert line.endswith(b"\n")
        assert line.decode().rstrip("\n").isprintable()


def test_text_is_pairs_that_a_log_reader_splits() -> None:
    line = lines.as_text(verdict(Status.CORRUPTED, MODIFIED), event="gate.refused").decode()
    assert line.startswith(
        "time=2026-11-22T10:00:00Z level=critical event=gate.refused status=corrupted exit_code=10 "
        "product=shop environment=prod version=1.4.2 deployment_id=shop-1.4.2-17-0123456789ab "
        "root=/srv/app mode=strict files=2262 bytes_hashed=25000000 duration_ms=263 "
        'spike_detected=false findings.modified=1 first="modified app/main.py"\n'
    )
    assert "product=" not in lines.as_text(UNKNOWN, event="gate").decode()


def test_a_value_cannot_forge_a_pair() -> None:
    line = lines.as_text(verdict(Status.TAMPERED, root='/x" status=verified'), event="gate")
    assert rb'root="/x\" status=verified"' in line


def test_nothing_on_the_path_of_a_verification_imports_what_is_slow() -> None:
    code = (
        "import sys, duri.verify\n"
        "before = set(sys.modules)\n"
        "import duri.report.lines, duri.report.text, duri.report.document\n"
        "print(*sorted(name for name in set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    brought = {name for name in done.stdout.split() if not name.startswith("duri.")}
    assert brought <= {"binascii"}
