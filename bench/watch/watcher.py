"""`duri watch` as a process: started, listened to, weighed and ended from outside.

Guarantees: whatever happens in the body, the process that was started is ended, by its own id;
every line it logs is kept, with the time of its arrival, and in a file; its environment holds
nothing that steers it.
"""

import json
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from bench.stopwatch import BenchError, environment
from bench.watch.client import Client

START_SECONDS = 120.0
END_SECONDS = 10.0
_TICKS = os.sysconf("SC_CLK_TCK")
_PORT = re.compile(r":(\d+)/?$")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the log; `at` is monotonic, and when it arrived here."""

    at: float
    event: str
    fields: dict[str, object]


def kind_of(line: Line) -> str:
    """Return which kind of scan a line of `watch.scan` is about: `full` or `stat`."""
    return str(line.fields["reason"]).removesuffix(" scan")


@dataclass(frozen=True, kw_only=True, slots=True)
class Weight:
    """A process at one moment: seconds of processor, KiB of memory, descriptors, threads."""

    cpu: float
    rss_kib: int
    peak_kib: int
    descriptors: int
    threads: int


class Watcher:
    """A watcher over one root, from its start to its end."""

    def __init__(
        self,
        *,
        duri: str,
        root: str,
        keyring: str,
        home: str,
        options: tuple[str, ...] = (),
        variables: dict[str, str] | None = None,
    ) -> None:
        """Keep what to run; `home` gets the receipts and the textfile."""
        self.argv = [duri, "watch", root, "--keyring", keyring, "--listen", "127.0.0.1:0"]
        self.argv += ["--receipts", os.path.join(home, "receipts"), "--log-format", "json"]
        self.argv += ["--textfile", os.path.join(home, "integrity.prom"), *options]
        self._home = home
        self._variables = variables or {}
        self._lines: list[Line] = []
        self._said: list[str] = []
        self._news = threading.Condition()
        self._process: subprocess.Popen[str] | None = None
        self.port = 0
        self.started = 0.0

    def __enter__(self) -> Self:
        """Start it and wait until it listens.

        Raises:
            BenchError: it ended, or did not listen in time.
        """
        os.makedirs(self._home, exist_ok=True)
        self.started = time.monotonic()
        self._process = subprocess.Popen(
            self.argv,
            cwd=self._home,
            env={**environment(), **self._variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )
        threading.Thread(target=self._listen, daemon=True).start()
        try:
            line = self.wait(lambda line: line.event == "watch.listening", seconds=START_SECONDS)
            self.port = _port(line)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """End it, politely first."""
        process = self.process
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    @property
    def process(self) -> subprocess.Popen[str]:
        """The process; only after the start."""
        assert self._process is not None
        return self._process

    def _listen(self) -> None:
        stream = self.process.stderr
        assert stream is not None
        with stream, open(os.path.join(self._home, "log"), "w", encoding="utf-8") as log:
            for text in stream:
                now = time.monotonic()
                log.write(text)
                try:
                    fields = json.loads(text)
                    line = Line(now, str(fields["event"]), fields)
                except (ValueError, TypeError, KeyError):
                    line = None
                with self._news:
                    if line is None:
                        self._said.append(text.rstrip())
                    else:
                        self._lines.append(line)
                    self._news.notify_all()
        with self._news:
            self._news.notify_all()

    def lines(self, event: str | None = None, *, since: float = 0.0) -> list[Line]:
        """Return what was logged, all or one event's, from a moment on."""
        with self._news:
            return [
                line
                for line in self._lines
                if line.at >= since and (event is None or line.event == event)
            ]

    def wait(self, wanted: Callable[[Line], bool], *, seconds: float, since: float = 0.0) -> Line:
        """Return the first line, from a moment on, that is wanted.

        Raises:
            BenchError: it did not come in time, or the watcher ended.
        """
        end, looked = time.monotonic() + seconds, 0
        with self._news:
            while True:
                for line in self._lines[looked:]:
                    if line.at >= since and wanted(line):
                        return line
                looked = len(self._lines)
                left = end - time.monotonic()
                if self.process.poll() is not None:
                    raise BenchError(f"the watcher ended: {self.said()}")
                if left <= 0:
                    raise BenchError(f"the watcher did not say it in {seconds:g} s: {self.said()}")
                self._news.wait(min(left, 1.0))

    def said(self) -> str:
        """Return the last of what it said, for an error's message."""
        last = [json.dumps(line.fields) for line in self._lines[-3:]]
        return " / ".join([*self._said[-3:], *last])[-1500:] or "no word"

    def client(self) -> Client:
        """Return a new connection to it."""
        return Client(self.port)

    def until(self, client: Client, status: str, *, seconds: float) -> float:
        """Poll until /metrics says a status; return seconds that took.

        Raises:
            BenchError: not in time.
        """
        begin = time.monotonic()
        seen: str | None = None
        while time.monotonic() < begin + seconds:
            seen = client.status()
            if seen == status:
                return time.monotonic() - begin
            time.sleep(0.005)
        raise BenchError(f"the status is {seen}, not {status}, after {seconds:g} s: {self.said()}")

    def weight(self) -> Weight:
        """Return what it weighs now."""
        return weight(self.process.pid)


def _port(line: Line) -> int:
    found = _PORT.search(str(line.fields.get("address", "")))
    if found is None:
        raise BenchError(f"no port in {line.fields}")
    return int(found[1])


def weight(pid: int) -> Weight:
    """Return what a process weighs, by /proc."""
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        # The name is in brackets and may hold anything; what follows the last one is numbers.
        numbers = file.read().rpartition(")")[2].split()
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        facts = dict(line.split(":", 1) for line in file)
    return Weight(
        cpu=(int(numbers[11]) + int(numbers[12])) / _TICKS,
        rss_kib=int(facts["VmRSS"].split()[0]),
        peak_kib=int(facts["VmHWM"].split()[0]),
        descriptors=len(os.listdir(f"/proc/{pid}/fd")),
        threads=int(facts["Threads"]),
    )
