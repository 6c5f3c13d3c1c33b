"""What a watcher writes to disk: in order, and nothing of it lost."""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.unit.report.receipt_logs import open_log
from tests.unit.watch.clocks import Hands

from duri.report.receipt.log import Log
from duri.report.receipt.receipt import Entry, Kind, Receipt
from duri.watch import writer as module
from duri.watch.writer import Writer


class Failing(Log):
    """A real log whose next receipt fails in a way that nobody expects."""

    failures = 1

    def _write(self, entry: Entry, at: int) -> Receipt:
        """Fail, or write."""
        if self.failures:
            self.failures -= 1
            raise RuntimeError("no signature today")
        return super()._write(entry, at)


class Disk:
    """A writer over a folder of receipts."""

    def __init__(self, folder: Path, *, opens: Callable[[], Log] | None = None) -> None:
        self.folder = folder
        self.hands = Hands()
        self.failed: list[BaseException] = []
        self._done = asyncio.Semaphore(0)
        self.writer = Writer(
            open_receipts=opens or (lambda: open_log(folder)),
            textfile_path=os.fspath(folder.parent / "metrics.prom"),
            exposition=lambda: b"a 1\n",
            wall=self.hands.clock.wall,
            changed=self._done.release,
            failed=self.failed.append,
        )

    async def done(self, jobs: int) -> None:
        """Return once so many more jobs have ended."""
        for _ in range(jobs):
            await asyncio.wait_for(self._done.acquire(), 10)

    async def record(self, *notes: str) -> None:
        """Write a receipt for each note, and wait until that was tried."""
        for note in notes:
            self.writer.record(Entry(kind=Kind.STOP, note=note))
        await self.done(len(notes))

    async def flush(self) -> None:
        """Try again what waits, as is done while nothing happens."""
        self.hands.move(module.RETRY)
        self.writer.flush()
        await self.done(1)

    def notes(self) -> list[str]:
        """Return the notes on disk, in order."""
        lines = (self.folder / "receipts.jsonl").read_text().splitlines()
        return [json.loads(line)["note"] for line in lines]


def test_receipts_are_written_in_order_and_all_at_the_end(tmp_path: Path) -> None:
    async def run(disk: Disk) -> None:
        for number in range(50):
            disk.writer.record(Entry(kind=Kind.STOP, note=str(number)))
        await disk.writer.close()

    disk = Disk(tmp_path / "receipts")
    asyncio.run(run(disk))
    assert disk.notes() == [str(number) for number in range(50)]
    assert disk.writer.written.receipts.written == 50
    assert not disk.failed


def test_receipts_wait_for_their_folder(tmp_path: Path) -> None:
    folder = tmp_path / "late/receipts"

    async def run(disk: Disk) -> None:
        await disk.record("one", "two")
        assert disk.writer.written.receipts.waiting == 2
        assert disk.writer.written.receipts.problem is not None
        assert disk.writer.written.receipt_errors == 2
        folder.parent.mkdir()
        await disk.flush()
        assert disk.writer.written.receipts.waiting == 0
        assert disk.notes() == ["one", "two"]
        await disk.record("three")
        await disk.writer.close()

    disk = Disk(folder)
    asyncio.run(run(disk))
    assert disk.notes() == ["one", "two", "three"]
    assert not disk.failed


def failing(folder: Path) -> Callable[[], Log]:
    """Return an opener of a log that fails once."""

    def opened() -> Log:
        log = open_log(folder)
        log.__class__ = Failing
        return log

    return opened


def over_failing(tmp_path: Path, body: Callable[[Disk], Awaitable[None]]) -> Disk:
    """Run `body` over a writer whose log fails once, to its end; return the writer."""
    disk = Disk(tmp_path / "receipts", opens=failing(tmp_path / "receipts"))

    async def run() -> None:
        await body(disk)
        await disk.writer.close()

    asyncio.run(run())
    return disk


def test_receipt_whose_writing_fails_is_told_and_written_before_the_next(tmp_path: Path) -> None:
    async def body(disk: Disk) -> None:
        await disk.record("one")
        assert [type(error) for error in disk.failed] == [RuntimeError]
        await disk.record("two")

    disk = over_failing(tmp_path, body)
    assert disk.notes() == ["one", "two"]
    assert len(disk.failed) == 1


def test_receipt_whose_writing_fails_is_tried_again_while_nothing_happens(tmp_path: Path) -> None:
    async def body(disk: Disk) -> None:
        await disk.record("one")
        await disk.flush()
        assert disk.notes() == ["one"]

    over_failing(tmp_path, body)


def test_last_receipt_whose_writing_fails_is_tried_again_at_the_end(tmp_path: Path) -> None:
    async def body(disk: Disk) -> None:
        await disk.record("one")

    assert over_failing(tmp_path, body).notes() == ["one"]


def test_textfile_is_written_and_what_stands_in_its_way_is_told(tmp_path: Path) -> None:
    textfile = tmp_path / "metrics.prom"
    textfile.mkdir()

    async def run(disk: Disk) -> None:
        disk.writer.export()
        await disk.done(1)
        assert disk.writer.written.textfile_problem is not None
        assert disk.writer.written.textfile_errors == 1
        textfile.rmdir()
        disk.writer.export()
        await disk.writer.close()

    disk = Disk(tmp_path / "receipts")
    asyncio.run(run(disk))
    assert textfile.read_bytes() == b"a 1\n"
    assert disk.writer.written.textfile_problem is None
    assert not disk.failed
