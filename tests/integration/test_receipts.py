"""`duri receipts` and `duri report` as an auditor runs them."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.conftest import Ran, RunDuri
from tests.unit.report.receipt_logs import INTERVAL, NOW, chained, new_key, scan, write_log

from duri import times
from duri.report.receipt import folder, key
from duri.verdict import Status

END = NOW + 5 * INTERVAL


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Return a log of five scans, and a copy of its key elsewhere as `elsewhere.json`."""
    path = tmp_path / "receipts"
    write_log(path)
    shutil.copy(path / key.PUBLIC, tmp_path / "elsewhere.json")
    return path


def verify(duri: RunDuri, log: Path, *options: str | Path, check: int | None = None) -> Ran:
    """Run `duri receipts verify` a minute after the stop."""
    return duri("receipts", "verify", log, "--now", str(END + 60), *options, check=check)


def test_whole_log_verifies_by_the_key_beside_it_and_says_so(run_duri: RunDuri, log: Path) -> None:
    ran = verify(run_duri, log, check=0)
    assert "VERIFIED" in ran.out
    assert "The key lies beside the receipts" in ran.out
    assert "A removed end does not show" in ran.out


def test_named_key_and_head_leave_no_reservation(run_duri: RunDuri, log: Path) -> None:
    head = json.loads(verify(run_duri, log, "--json", check=0).stdout)["chain"]["head"]
    elsewhere = log.parent / "elsewhere.json"
    ran = verify(run_duri, log, "--keyring", elsewhere, "--head", f"7:{head}", check=0)
    assert "beside" not in ran.out
    assert "removed" not in ran.out
    other = f"7:sha256:{'0' * 64}"
    assert "not the one" in verify(run_duri, log, "--head", other, check=11).out


def test_replaced_key_beside_the_receipts_does_not_fool_a_named_one(
    run_duri: RunDuri, log: Path
) -> None:
    shutil.rmtree(log)
    write_log(log)
    verify(run_duri, log, check=0)
    ran = verify(run_duri, log, "--keyring", log.parent / "elsewhere.json", check=11)
    assert "signed by a key that the keyring does not have" in ran.out


def test_tampered_log_ends_with_11_and_claims_no_time(run_duri: RunDuri, log: Path) -> None:
    lines = (log / folder.ACTIVE).read_bytes().splitlines(keepends=True)
    (log / folder.ACTIVE).write_bytes(b"".join(lines[:2] + lines[3:]))
    ran = verify(run_duri, log, check=11)
    assert "receipt 3 is missing" in ran.out
    assert "covered" not in ran.out
    value = json.loads(verify(run_duri, log, "--json", check=11).stdout)
    assert (value["status"], value["exit_code"], value["coverage"]) == ("tampered", 11, None)


def test_nothing_there_no_key_and_unreadable_files_end_with_13(
    run_duri: RunDuri, log: Path, tmp_path: Path
) -> None:
    assert "watch-key.pub.json" in verify(run_duri, tmp_path / "nowhere", check=13).err
    elsewhere = tmp_path / "elsewhere.json"
    verify(run_duri, tmp_path / "nowhere", "--keyring", elsewhere, check=13)
    verify(run_duri, log, "--keyring", tmp_path / "nowhere.json", check=13)
    (log / folder.ACTIVE).chmod(0)
    ran = run_duri("receipts", "verify", log, check=13, as_nobody=True)
    assert "cannot be read" in ran.out
    (log / folder.ACTIVE).chmod(0o644)
    run_duri("receipts", "verify", log, check=0, as_nobody=True)


def test_gap_fails_only_where_coverage_is_required(run_duri: RunDuri, log: Path) -> None:
    assert "gap" in verify(run_duri, log, check=0).out
    ran = verify(run_duri, log, "--require-coverage", "99.9", check=13)
    assert "96.153 % is covered, 99.9 % is required" in ran.err
    verify(run_duri, log, "--require-coverage", "96", check=0)
    verify(run_duri, log, "--to", times.write(END), "--require-coverage", "100", check=0)


@pytest.mark.parametrize(
    "options",
    [
        ("--from", "yesterday"),
        ("--from", "2026-11-22T10:00:00"),
        ("--from", "2026-11-23"),
        ("--head", "7"),
        ("--expect-sequence", "0"),
        ("--require-coverage", "101"),
        ("--require-coverage", "nan"),
        ("--head", f"1:sha256:{'0' * 64}", "--expect-sequence", "1"),
    ],
)
def test_wrong_option_ends_with_2(run_duri: RunDuri, log: Path, options: tuple[str, ...]) -> None:
    assert verify(run_duri, log, *options, check=2).err


def test_times_take_offsets_and_days(run_duri: RunDuri, log: Path) -> None:
    same = [
        json.loads(verify(run_duri, log, "--json", "--from", begin, check=0).stdout)["coverage"]
        for begin in ("2026-11-22T01:00:00Z", "2026-11-22T10:00:00+09:00")
    ]
    assert same[0] == same[1]
    day = verify(run_duri, log, "--json", "--from", "2026-11-22", "--to", "2026-11-22", check=0)
    coverage = json.loads(day.stdout)["coverage"]
    assert (coverage["begin"], coverage["end"]) == ("2026-11-22T00:00:00Z", times.write(END + 60))


def test_folder_may_come_from_the_settings(run_duri: RunDuri, log: Path) -> None:
    run_duri("receipts", "verify", env={"DURI_RECEIPTS": os.fspath(log)}, check=0)
    assert "no folder" in run_duri("receipts", "verify", check=2).err


@pytest.mark.parametrize(("language", "title"), [("en", "Proof"), ("ko", "증명서")])
def test_report_writes_the_page(run_duri: RunDuri, log: Path, language: str, title: str) -> None:
    page = log.parent / "page.html"
    options = ("--now", str(END), "--html", page, "--language", language)
    run_duri("report", log, *options, check=0)
    html = page.read_text("utf-8")
    assert title in html
    assert "100 %" in html
    again = run_duri("report", log, "--now", str(END), "--html", "-", "--language", language)
    assert again.out == html


def test_report_of_a_tampered_log_is_written_and_fails(run_duri: RunDuri, log: Path) -> None:
    (log / folder.ACTIVE).write_bytes(b"nothing\n")
    page = log.parent / "page.html"
    ran = run_duri("report", log, "--html", page, "--json", check=11)
    assert "no time is claimed" in ran.err
    assert "These receipts do not hold" in page.read_text("utf-8")
    assert json.loads(ran.stdout)["coverage"] is None
    assert "nothing to write" in run_duri("report", log, check=2).err


def test_list_shows_lines_and_escapes_them(run_duri: RunDuri, log: Path) -> None:
    ran = run_duri("receipts", "list", log, "--limit", "2", check=0)
    assert [line.split()[0] for line in ran.out.splitlines()] == ["6", "7"]
    raw = run_duri("receipts", "list", log, "--json", "--after", "0", check=0)
    assert raw.stdout == (log / folder.ACTIVE).read_bytes()


MEASURE = """
import sys, tracemalloc
from duri.report.receipt import audit, key
audit.MAX_LISTED = 10  # what is listed is bounded; here it is the rest that counts
keyring = key.load_public(sys.argv[1], now=0)
tracemalloc.start()
found = audit.audit(sys.argv[1], keyring=keyring, begin=None, end=2 * 10**9)
assert found.coverage is not None and found.proof.receipts == int(sys.argv[2]), found.proof
print(tracemalloc.get_traced_memory()[1])
"""


def test_memory_does_not_grow_with_the_log(tmp_path: Path) -> None:
    used = []
    # Both longer than what is read at once.
    for scans in (500, 2500):
        path = tmp_path / str(scans)
        _eventful(path, scans)
        ran = subprocess.run(
            [sys.executable, "-c", MEASURE, path, str(scans)],
            capture_output=True,
            check=False,
            text=True,
        )
        assert ran.returncode == 0, ran.stderr
        used.append(int(ran.stdout))
    # The lines alone grew by 2 MB.
    assert used[1] - used[0] < 256 * 1024, used


def _eventful(path: Path, scans: int) -> None:
    """Write a log in which the status changes with each scan and none comes in time."""
    statuses = (Status.VERIFIED, Status.CORRUPTED)
    entries = [scan(status) for status in statuses]
    data = chained(
        ((NOW + 400 * number, entries[number % 2]) for number in range(scans)), new_key(path)
    )
    (path / folder.ACTIVE).write_bytes(data)
