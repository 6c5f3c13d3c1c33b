"""The log of a running watcher: what a full disk, a power cut or somebody else does to it."""

import contextlib
import os
import resource
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.report.receipt_logs import (
    NOW,
    kinds,
    new_key,
    open_log,
    prove,
    receipts,
    scan,
    text,
    write_log,
)

from duri.errors import DuriError
from duri.report.receipt import folder, query
from duri.report.receipt import log as logs
from duri.report.receipt.chain import Trouble
from duri.report.receipt.log import Log
from duri.report.receipt.receipt import FIRST, Entry, Kind, digest
from duri.verdict import Status

ACTIVE = folder.ACTIVE


@contextlib.contextmanager
def no_file_over(size: int) -> Iterator[None]:
    """Have writes behind a size fail, a part of them done, as a full disk has them (EFBIG)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a folder for receipts."""
    return tmp_path / "receipts"


def test_receipts_are_chained_from_the_first(path: Path) -> None:
    write_log(path, scans=3)
    found = receipts(path)
    lines = text(path).splitlines()
    assert [one.sequence for one in found] == [1, 2, 3, 4, 5]
    assert [one.previous for one in found] == [FIRST, *map(digest, lines[:-1])]
    assert len({one.watcher for one in found}) == 1


def test_after_a_restart_the_sequence_goes_on(path: Path) -> None:
    write_log(path)
    write_log(path, now=NOW + 9000)
    assert [one.sequence for one in receipts(path)] == list(range(1, 15))
    assert len({one.watcher for one in receipts(path)}) == 2
    assert prove(path).status is Status.VERIFIED


def test_second_watcher_on_a_folder_is_refused(path: Path) -> None:
    first = open_log(path)
    with pytest.raises(DuriError, match="another watcher") as refused:
        open_log(path)
    assert "--receipts" in str(refused.value)
    first.close(NOW)
    open_log(path).close(NOW)


def test_missing_folder_is_refused(tmp_path: Path) -> None:
    signer = new_key(tmp_path / "elsewhere")
    with pytest.raises(DuriError, match="cannot be used"):
        Log.open(os.fspath(tmp_path / "nowhere"), signer=signer, now=NOW)


def test_file_is_rotated_by_size_and_the_chain_goes_on(path: Path) -> None:
    write_log(path, scans=20, limit_bytes=4000)
    names = folder.rotated(os.fspath(path))
    assert names[0] == "receipts-000000000001.jsonl"
    for name in [*names, ACTIVE]:
        assert (path / name).stat().st_size <= 4000
    numbers = [folder.number_of(name) for name in names]
    assert numbers == sorted(numbers)
    assert prove(path).receipts == 22


def test_killed_rotation_is_gone_on_from(path: Path) -> None:
    write_log(path)
    (path / ACTIVE).rename(path / folder.rotated_name(1))
    write_log(path, now=NOW + 9000)
    assert prove(path).status is Status.VERIFIED
    assert prove(path).receipts == 14


def test_what_a_full_disk_refuses_waits_and_is_written_in_order(path: Path) -> None:
    log = open_log(path)
    assert log.append(Entry(kind=Kind.START), now=NOW)
    size = (path / ACTIVE).stat().st_size
    with no_file_over(size + 100):
        for number in range(3):
            assert log.append(scan(), now=NOW + number) is None
        assert (log.health.waiting, log.health.written) == (3, 1)
        assert "receipts wait" in str(log.health.problem)
        assert (path / ACTIVE).stat().st_size == size
    log.flush(NOW + 50)
    assert (log.health.waiting, log.health.problem, log.health.sequence) == (0, None, 4)
    assert [one.at for one in receipts(path)] == [NOW, NOW, NOW + 1, NOW + 2]
    log.close(NOW + 50)
    assert prove(path).status is Status.VERIFIED
    assert not prove(path).problems


def test_part_of_a_line_that_could_not_be_cut_off_is_cut_off_later(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = open_log(path)
    assert log.append(scan(), now=NOW)
    size = (path / ACTIVE).stat().st_size
    truncate = os.ftruncate

    def failing(_file: int, _length: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "ftruncate", failing)
    with no_file_over(size + 100):
        assert log.append(scan(), now=NOW) is None
    assert (path / ACTIVE).stat().st_size == size + 100
    assert log.append(scan(), now=NOW) is None
    monkeypatch.setattr(os, "ftruncate", truncate)
    assert log.append(scan(), now=NOW)
    log.close(NOW)
    assert (prove(path).status, prove(path).receipts) == (Status.VERIFIED, 4)


def test_too_much_that_waits_drops_the_oldest_scans_and_says_how_many(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "MAX_WAITING_RECEIPTS", 4)
    log = open_log(path)
    with no_file_over(0):
        log.append(scan(Status.CORRUPTED, kind=Kind.CHANGE), now=NOW)
        for number in range(10):
            log.append(scan(), now=NOW + number)
        assert log.health.waiting == 4
    assert log.append(scan(), now=NOW + 10)
    log.close(NOW + 10)
    found = receipts(path)
    assert [one.kind for one in found] == [Kind.CHANGE, *[Kind.SCAN] * 4]
    assert "7 receipts before this one could not be written" in str(found[0].note)
    assert [one.at - NOW for one in found] == [0, 7, 8, 9, 10]
    assert prove(path).status is Status.VERIFIED


def test_folder_that_is_gone_is_waited_for(path: Path) -> None:
    log = open_log(path)
    assert log.append(scan(), now=NOW)
    away = path.with_name("away")
    path.rename(away)
    assert log.append(scan(), now=NOW + 1) is None
    away.rename(path)
    assert log.append(scan(), now=NOW + 2)
    log.close(NOW)
    assert (prove(path).status, prove(path).receipts) == (Status.VERIFIED, 3)


def test_folder_that_was_replaced_gets_a_new_file_that_says_so(path: Path) -> None:
    log = open_log(path)
    assert log.append(scan(), now=NOW)
    shutil.rmtree(path)
    path.mkdir()
    assert log.append(scan(), now=NOW + 1)
    log.close(NOW)
    found = receipts(path)
    assert [(one.sequence, one.kind) for one in found] == [(2, Kind.REPAIR), (3, Kind.SCAN)]
    assert "folder was replaced" in str(found[0].note)


def _delete(file: Path) -> None:
    file.unlink()


def _cut(file: Path) -> None:
    os.truncate(file, file.stat().st_size - 10)


def _cut_a_line(file: Path) -> None:
    file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[:-1]))


def _replace(file: Path) -> None:
    content = file.read_bytes()
    file.unlink()
    file.write_bytes(content)


def _edit(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content.replace(b"verified", b"tampered"))


def _grow(file: Path) -> None:
    with open(file, "ab") as opened:
        opened.write(b"x\n")


@pytest.mark.parametrize("change", [_delete, _cut, _cut_a_line, _replace, _edit, _grow])
def test_what_somebody_does_to_the_file_is_kept_and_said(path: Path, change: object) -> None:
    log = open_log(path)
    for number in range(3):
        assert log.append(scan(), now=NOW + number)
    assert callable(change)
    change(path / ACTIVE)
    left = (path / ACTIVE).read_bytes() if (path / ACTIVE).exists() else None
    assert log.append(scan(), now=NOW + 3)
    assert log.append(scan(), now=NOW + 4)
    assert log.health.problem
    assert log.health.waiting == 0
    log.close(NOW + 4)
    aside = folder.rotated(os.fspath(path))
    assert [(path / name).read_bytes() for name in aside] == ([left] if left is not None else [])
    assert [one.kind for one in _in(path / ACTIVE)] == [Kind.REPAIR, Kind.SCAN, Kind.SCAN]
    # A file that was replaced by its copy has lost nothing.
    expected = Status.VERIFIED if change is _replace else Status.TAMPERED
    assert prove(path).status is expected
    again = open_log(path, now=NOW + 5)
    assert again.health.problem is None
    again.close(NOW + 5)


def _in(file: Path) -> list[Entry]:
    return [one for line in file.read_bytes().splitlines() if (one := folder.receipt_or_none(line))]


def test_nobody_touching_the_file_is_no_intrusion(path: Path) -> None:
    log = open_log(path, limit_bytes=3000)
    for number in range(10):
        assert log.append(scan(), now=NOW + number)
        (path / ACTIVE).read_bytes()
        (path / ACTIVE).chmod(0o600)
    assert log.health.problem is None
    log.close(NOW)
    assert not prove(path).problems


@pytest.mark.parametrize("left", [1, 200, -1])
def test_torn_last_line_is_cut_off_kept_and_said(path: Path, left: int) -> None:
    write_log(path)
    whole = (path / ACTIVE).read_bytes()
    *_, last = whole.splitlines()
    torn = last[:left]
    start = len(whole) - len(last) - 1
    (path / ACTIVE).write_bytes(whole[:start] + torn + b"\0" * 5)
    open_log(path, now=NOW + 9000).close(NOW + 9000)
    repair = receipts(path)[-1]
    assert (repair.sequence, repair.kind) == (7, Kind.REPAIR)
    assert f"{len(torn) + 5} bytes, kept in torn-000000000007" in str(repair.note)
    assert (path / "torn-000000000007").read_bytes() == torn + b"\0" * 5
    assert (prove(path).status, kinds(prove(path))) == (Status.VERIFIED, {Trouble.REPAIR})


def test_receipt_that_lacks_only_its_newline_is_kept(path: Path) -> None:
    write_log(path)
    whole = (path / ACTIVE).read_bytes()
    (path / ACTIVE).write_bytes(whole[:-1])
    open_log(path, now=NOW + 9000).close(NOW + 9000)
    assert (path / ACTIVE).read_bytes().startswith(whole)
    assert "receipt 7 lacked its newline" in str(receipts(path)[-1].note)
    assert prove(path).status is Status.VERIFIED


def test_torn_first_line_of_a_file_is_gone_on_from(path: Path) -> None:
    write_log(path)
    (path / ACTIVE).rename(path / folder.rotated_name(1))
    (path / ACTIVE).write_bytes(b'{"keyid":')
    open_log(path, now=NOW + 9000).close(NOW + 9000)
    assert receipts(path)[-1].sequence == 8
    assert prove(path).status is Status.VERIFIED


def test_tail_gives_what_is_behind_a_sequence(path: Path) -> None:
    write_log(path, scans=300, limit_bytes=100_000)
    where = os.fspath(path)
    whole = text(path).splitlines()
    assert len(folder.rotated(where)) >= 2
    for after in (0, 1, 7, 100, 250, 301):
        assert query.tail(where, after=after, limit=5) == whole[after : after + 5]
    assert query.tail(where, after=302, limit=5) == []
    assert query.tail(where, after=None, limit=5) == whole[-5:]
    assert query.tail(where, after=0, limit=1000) == whole


def test_history_gives_what_is_newer_than_a_time(path: Path) -> None:
    end = write_log(path, scans=100, limit_bytes=20_000)
    where = os.fspath(path)
    assert query.history(where, since=0) == receipts(path)
    newer = query.history(where, since=end - 900)
    assert [one.at for one in newer] == [end - 900, end - 600, end - 300, end]
    (path / ACTIVE).write_bytes(b"nonsense\n" + (path / ACTIVE).read_bytes() + b"torn")
    assert query.history(where, since=end - 900) == newer
    assert query.history(os.fspath(path / "nowhere"), since=0) == []


def test_rotation_while_a_log_is_read_hides_and_repeats_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_log(path, scans=20, limit_bytes=4000)
    whole = text(path).splitlines()
    listed = folder.rotated

    def rotating(where: str | int) -> list[str]:
        if (path / ACTIVE).exists():
            (path / ACTIVE).rename(path / folder.rotated_name(90))
        return listed(where)

    monkeypatch.setattr(folder, "rotated", rotating)
    found = [one for one in folder.lines(os.fspath(path)) if not isinstance(one, Exception)]
    assert [one.data for one in found] == whole


def test_lines_backwards_are_the_lines(path: Path) -> None:
    path.mkdir()
    data = b"".join(b"%d" % number * (number % 9000) + b"\n" for number in range(0, 9000, 37))
    (path / ACTIVE).write_bytes(data + b"torn")
    expected = [line if len(line) <= 8192 else None for line in data.splitlines()]
    assert list(folder.newest(os.fspath(path))) == expected[::-1]
    forwards = [one for one in folder.lines(os.fspath(path)) if not isinstance(one, Exception)]
    assert [one.data for one in forwards] == [*expected, b"torn"]
    assert [one.whole for one in forwards] == [*[True] * len(expected), False]
