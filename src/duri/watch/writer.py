"""What a watcher writes to disk: receipts and the textfile, in order, in a thread of its own.

Guarantees: a slow or full disk holds up neither a look nor an answer over HTTP. Nothing is given
up: receipts wait for their folder here, and for the disk in `duri.report.receipt.log`; the textfile
is written anew at the next turn. `close` returns when all that was asked for has been tried.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import msgspec

from duri.errors import DuriError
from duri.limits import MAX_WAITING_RECEIPTS
from duri.report import textfile
from duri.report.receipt.log import Log
from duri.report.receipt.receipt import Entry
from duri.watch.snapshot import ReceiptLog

RETRY = 5.0
"""Seconds between two attempts to open the receipts' folder: a volume may be mounted late."""


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """How the outputs on disk stand."""

    receipts: ReceiptLog = ReceiptLog()
    receipt_errors: int = 0
    textfile_errors: int = 0
    textfile_problem: str | None = None


class Writer:
    """Writes in the background.

    Args:
        open_receipts: opens the log; None to keep none.
        textfile_path: where metrics go; None for nowhere.
        exposition: the metrics as text.
        wall: what time it is.
        changed: told, in the event loop's thread, when `written` may have changed.
        failed: told there of what nobody expected.
    """

    def __init__(
        self,
        *,
        open_receipts: Callable[[], Log] | None,
        textfile_path: str | None,
        exposition: Callable[[], bytes],
        wall: Callable[[], float],
        changed: Callable[[], None],
        failed: Callable[[BaseException], None],
    ) -> None:
        self.written = Written()
        self._open_receipts = open_receipts
        self._log: Log | None = None
        self._early: deque[tuple[Entry, float]] = deque(maxlen=MAX_WAITING_RECEIPTS)
        self._tried = 0.0
        self._path = textfile_path
        self._exposition = exposition
        self._wall = wall
        self._changed = changed
        self._failed = failed
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="write")
        self._jobs: set[asyncio.Future[None]] = set()
        self._exporting = False

    def record(self, entry: Entry) -> None:
        """Write a receipt."""
        if self._open_receipts is not None:
            now = self._wall()
            self._start(lambda: self._append(entry, now))

    def flush(self) -> None:
        """Try again what waits, where anything does."""
        if self.written.receipts.waiting and abs(self._wall() - self._tried) >= RETRY:
            self._tried = self._wall()
            self._start(self._drain)

    def export(self) -> None:
        """Write the textfile, with the metrics as they are when it is its turn."""
        if self._path is not None and not self._exporting:
            self._exporting = True
            self._start(self._export)

    async def close(self) -> None:
        """Return when everything was tried, and let the receipts' folder go."""
        while self._jobs:
            await asyncio.wait(self._jobs)
        self._start(self._close)
        await asyncio.wait(self._jobs)
        self._thread.shutdown(wait=True)

    def _start(self, job: Callable[[], None]) -> None:
        future = asyncio.get_running_loop().run_in_executor(self._thread, job)
        self._jobs.add(future)
        future.add_done_callback(self._done)

    def _done(self, future: asyncio.Future[None]) -> None:
        self._jobs.discard(future)
        error = None if future.cancelled() else future.exception()
        if error is not None:
            self._failed(error)
        self._changed()

    # In the thread.

    def _append(self, entry: Entry, now: float) -> None:
        before = self.written.receipts.written
        self._early.append((entry, now))
        self._drain()
        if self.written.receipts.written == before:
            self._note(receipt_errors=self.written.receipt_errors + 1)

    def _drain(self) -> None:
        """Hand what waits to the log, opening it where it is not open yet."""
        try:
            if self._log is None and self._open_receipts is not None:
                self._log = self._open_receipts()
        except (DuriError, OSError) as error:
            waiting = ReceiptLog(waiting=len(self._early), problem=str(error))
            self._note(receipts=waiting)
            return
        if self._log is None:
            return
        try:
            self._log.flush(self._wall())
            while self._early:
                entry, at = self._early.popleft()  # the log keeps it, whatever happens
                self._log.append(entry, now=at)
        finally:
            self._note(receipts=ReceiptLog(**msgspec.structs.asdict(self._log.health)))

    def _close(self) -> None:
        try:
            self._drain()
        finally:
            if self._log is not None:
                self._log.close(self._wall())

    def _export(self) -> None:
        assert self._path is not None  # noqa: S101 - asked before; for the type checker
        self._exporting = False
        try:
            textfile.publish(self._path, self._exposition())
        except DuriError as error:
            errors = self.written.textfile_errors + 1
            self._note(textfile_errors=errors, textfile_problem=str(error))
        else:
            if self.written.textfile_problem is not None:
                self._note(textfile_problem=None)

    def _note(self, **changes: object) -> None:
        self.written = msgspec.structs.replace(self.written, **changes)
