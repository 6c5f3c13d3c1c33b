"""The watcher's log: one line an event, whoever reads it or does not."""

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from tests.unit.watch.clocks import Hands

from duri.verdict import Status, Verdict
from duri.watch import log as module
from duri.watch.log import Log

VERDICT = Verdict(status=Status.CORRUPTED, root="app", checked_at="2026-01-01T00:00:00Z")


class Reader:
    """Who reads the log, or does not."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.reads = threading.Event()
        self.reads.set()
        self.called = threading.Event()

    def write(self, line: bytes) -> None:
        """Take one line as soon as anybody reads."""
        self.called.set()
        self.reads.wait()
        self.lines.append(line)

    def stop(self, log: Log) -> None:
        """Stop reading: the next line is in the middle of its writing from now on."""
        self.reads.clear()
        log.say("watch.first")
        assert self.called.wait(10)

    def read(self) -> list[dict[str, Any]]:
        """Return what was written so far."""
        return [json.loads(line) for line in self.lines]


@pytest.fixture
def reader() -> Iterator[Reader]:
    """Return a reader, who reads in the end."""
    made = Reader()
    yield made
    made.reads.set()


@pytest.fixture
def hands() -> Hands:
    """Return the clock that dates lines."""
    return Hands()


@pytest.fixture
def log(reader: Reader, hands: Hands) -> Iterator[Log]:
    """Return a log in JSON."""
    made = Log(reader.write, as_json=True, wall=hands.clock.wall)
    yield made
    reader.reads.set()
    made.close()


def test_each_event_is_one_line_with_time_and_level(log: Log, reader: Reader) -> None:
    log.say("watch.root", reason="another\n\x1b[31mfolder", seconds=None)
    log.verdict(VERDICT, "watch.status", reason="it was verified")
    log.close()
    first, second = reader.read()
    assert all(line.count(b"\n") == 1 for line in reader.lines)
    assert (first["event"], first["level"]) == ("watch.root", "info")
    assert "\x1b" not in first["reason"]
    assert "seconds" not in first
    assert (second["event"], second["status"]) == ("watch.status", "corrupted")


def test_verdict_is_dated_by_when_it_is_told(log: Log, reader: Reader, hands: Hands) -> None:
    log.say("watch.started")
    hands.move(90)
    log.verdict(VERDICT, "watch.scan")
    hands.move(90)
    log.say("watch.stopped")
    log.close()
    times = [line["time"] for line in reader.read()]
    assert times == sorted(times)
    assert len(set(times)) == 3


def test_nothing_is_dropped_where_somebody_reads(log: Log, reader: Reader) -> None:
    for number in range(module.MAX_WAITING // 2):
        log.say("watch.problem", number=number)
    log.close()
    assert [line["number"] for line in reader.read()] == list(range(module.MAX_WAITING // 2))


def test_lines_that_nobody_reads_are_counted_and_said(
    log: Log, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_WAITING", 3)
    reader.stop(log)
    for number in range(10):
        log.say("watch.problem", number=number)
    reader.reads.set()
    end = time.monotonic() + 10
    while len(reader.lines) < 4 and time.monotonic() < end:
        time.sleep(0.001)
    log.say("watch.after")
    log.close()
    lines = reader.read()
    assert [line.get("number") for line in lines[:4]] == [None, 0, 1, 2]
    dropped, after = lines[4:]
    assert (dropped["event"], dropped["lines"]) == ("watch.log_dropped", 7)
    assert dropped["level"] == "warning"
    assert after["event"] == "watch.after"


def test_saying_never_waits_for_a_reader(log: Log, reader: Reader) -> None:
    reader.stop(log)
    began = time.monotonic()
    for number in range(3 * module.MAX_WAITING):
        log.say("watch.problem", number=number)
    assert time.monotonic() - began < 5
    assert len(reader.lines) == 0


def test_end_does_not_wait_for_a_reader_who_does_not_read(log: Log, reader: Reader) -> None:
    reader.stop(log)
    log.say("watch.stopped")
    began = time.monotonic()
    log.close()
    assert module.LAST_WORDS <= time.monotonic() - began < 1
    assert reader.lines == []


def test_end_waits_for_a_reader_who_does(log: Log, reader: Reader) -> None:
    reader.stop(log)
    log.say("watch.stopped")
    timer = threading.Timer(module.LAST_WORDS / 10, reader.reads.set)
    timer.start()
    log.close()
    timer.join()
    assert [line["event"] for line in reader.read()] == ["watch.first", "watch.stopped"]
