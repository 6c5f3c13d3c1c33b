"""A watcher's HTTP server in a process of its own, without the watcher: tests say what it knows.

    python tests/integration/watch_http_server.py '{"listen": "127.0.0.1:0"}'

Each line on standard input is a JSON object with what changes: `status` (null: no scan yet),
`findings` (how many), `stuck`, `receipts` (how many, or null: the disk fails), `stop`. The process
writes a line with address and problem whenever one of them changes, and one for each line it read.
"""

import asyncio
import contextlib
import json
import os
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics

from duri.verdict import Finding, Kind, Status, Summary, Verdict
from duri.watch.http import app, connections, listen
from duri.watch.http.server import Server
from duri.watch.snapshot import Snapshot

Json: TypeAlias = dict[str, Any]

BEGAN = 1_795_000_000.0


class PlainAsset(msgspec.Struct, frozen=True):
    content: bytes
    content_type: str


class PlainPage:
    """A page of one line."""

    ASSETS: Mapping[str, PlainAsset] = {"page.css": PlainAsset(b"b{}", "text/css; charset=utf-8")}

    def render(self, snapshot: Snapshot, *, language: str, now: float) -> str:
        return f"<!doctype html><html lang={language}><title>{snapshot.status} {now > 0}</title>"

    def choose_language(self, accept_language: str | None) -> str:
        return "ko" if (accept_language or "").startswith("ko") else "en"


class Told:
    """A service that knows what it was told."""

    def __init__(self) -> None:
        self._snapshot = snapshot(Status.VERIFIED)
        self._changed = asyncio.Condition()
        self._stuck: str | None = None
        self._receipts: int | None = 5
        self.registry = CollectorRegistry()
        Gauge("duri_integrity_status_verified", "One.", registry=self.registry).set(1)

    async def tell(self, news: Json) -> None:
        self._stuck = news.get("stuck", self._stuck)
        self._receipts = news.get("receipts", self._receipts)
        if "status" in news:
            status = None if news["status"] is None else Status(news["status"])
            async with self._changed:
                fresh = snapshot(status, findings=news.get("findings", 0))
                version = self._snapshot.version + 1
                self._snapshot = msgspec.structs.replace(fresh, version=version)
                self._changed.notify_all()

    def snapshot(self) -> Snapshot:
        if self._stuck == "defect":
            raise RuntimeError(self._stuck)
        return self._snapshot

    async def changed(self, version: int) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: self._snapshot.version > version)

    def exposition(self, *, openmetrics: bool) -> bytes:
        if openmetrics:
            text: bytes = generate_openmetrics(self.registry)  # type: ignore[no-untyped-call]
            return text
        return generate_latest(self.registry)

    def stuck(self) -> str | None:
        return self._stuck

    async def receipts(self, *, after: int, limit: int) -> Sequence[bytes]:
        if self._receipts is None:
            raise OSError(5, "Input/output error", "/var/lib/duri/receipts")
        numbers = range(after + 1, self._receipts + 1)[:limit]
        return [b'{"sequence":%d}\n' % number for number in numbers]


def snapshot(status: Status | None, *, findings: int = 0) -> Snapshot:
    """Return what a watcher knows with this status and so many files modified."""
    if status is None:
        return Snapshot(version=1, at=BEGAN, started_at=BEGAN, root="/srv/app", since=BEGAN)
    found = tuple(
        Finding(
            kind=Kind.MODIFIED, status=Status.CORRUPTED, path=b"app/%06d" % number + b"\xff" * 60
        )
        for number in range(findings)
    )
    verdict = Verdict(
        status=status,
        root="/srv/app",
        checked_at="2026-11-22T10:00:00Z",
        product="shop",
        version="1.4.2",
        deployment_id="shop-1.4.2-17-0123456789ab",
        summary=Summary(total_files=20_000, verified_files=20_000 - findings, bytes_hashed=10**6),
        findings=found,
    )
    return Snapshot(
        version=1,
        at=BEGAN + 60,
        started_at=BEGAN,
        root="/srv/app",
        verdict=verdict,
        since=BEGAN + 1,
        last_scan_at=BEGAN + 50,
        next_scan_at=BEGAN + 350,
    )


async def serve(options: Json) -> None:
    """Serve until told to stop, or until standard input ends."""
    for name, value in options.get("seconds", {}).items():
        setattr(connections, name, value)
    if "descriptors" in options:
        resource.setrlimit(resource.RLIMIT_NOFILE, (options["descriptors"],) * 2)
    service = Told()
    failures: list[str] = []
    where = listen.parse(options.get("listen", "127.0.0.1:0"))
    assert where is not None

    def say() -> None:
        known = {"address": server.address, "problem": server.problem, "failures": failures}
        print(json.dumps(known), flush=True)  # noqa: T201 - how this program answers

    made = app.make_app(
        service,
        page=PlainPage(),
        clock=time.time,
        heartbeat=options.get("heartbeat", 15.0),
    )
    server = Server(made, where=where, on_change=say, on_failure=failures.append)
    running = asyncio.create_task(server.run())
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    # A server that ends by itself ends the process, so that a test fails and does not wait.
    running.add_done_callback(lambda _: reader.feed_eof())
    while line := await reader.readline():
        news = json.loads(line)
        if news.get("stop"):
            break
        await service.tell(news)
        say()
    await server.stop()
    await running


class ServerProcess:
    """Such a process, and how to talk to it."""

    def __init__(self, options: Json | None = None) -> None:
        self.process = subprocess.Popen(
            [sys.executable, os.fspath(Path(__file__)), json.dumps(options or {})],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.fspath(Path(__file__).parents[2])},
        )
        self.heard: Json = {}

    def hear(self) -> Json:
        """Return the next line that it writes."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.process.stderr.read().decode() if self.process.stderr else ""
        self.heard = json.loads(line)
        return self.heard

    def tell(self, **news: object) -> Json:
        """Say what it knows from now on."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(news).encode() + b"\n")
        self.process.stdin.flush()
        return self.hear()

    @property
    def port(self) -> int:
        return int(self.heard["address"].rstrip("/").rpartition(":")[2])

    @property
    def memory(self) -> int:
        """Return its resident bytes."""
        pages = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(pages) * resource.getpagesize()

    @property
    def descriptors(self) -> int:
        """Return how many descriptors it has open."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def connect(self, *, timeout: float = 10) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=timeout)

    def ask(self, target: str, *, method: str = "GET", **headers: str) -> "Answer":
        """Ask over a connection of its own."""
        lines = [f"{method} {target} HTTP/1.1", "Host: duri", "Connection: close"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        return self.send("\r\n".join([*lines, "", ""]).encode("latin-1"))

    def send(self, data: bytes) -> "Answer":
        """Send bytes over a connection of its own, and read to the end."""
        with self.connect() as connection:
            with contextlib.suppress(ConnectionError):
                connection.sendall(data)
            return Answer(everything(connection))

    def stop(self) -> tuple[int, bytes]:
        """End it; return its exit code and what it wrote to standard error."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(b'{"stop": true}\n')
            self.process.stdin.close()
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        finally:
            with self.process.stdout, self.process.stderr:
                errors = self.process.stderr.read()
        return self.process.returncode, errors


class Answer:
    """One or more answers as they came; the parts are the first one's."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        head, _, self.body = raw.partition(b"\r\n\r\n")
        first, *rest = head.decode("latin-1").split("\r\n")
        self.code = int(first.split()[1]) if raw else 0
        self.headers = {name.lower(): value for name, _, value in (r.partition(": ") for r in rest)}

    @property
    def json(self) -> Json:
        loaded: Json = json.loads(self.body)
        return loaded


def everything(connection: socket.socket) -> bytes:
    """Return what comes until the other side closes."""
    pieces = []
    with contextlib.suppress(ConnectionError):
        while piece := connection.recv(1 << 16):
            pieces.append(piece)
    return b"".join(pieces)


@contextlib.contextmanager
def serving(**options: object) -> Iterator[ServerProcess]:
    """Run one, bound; it must end well and have said nothing on standard error."""
    process = ServerProcess(dict(options))
    try:
        process.hear()
        yield process
    finally:
        code, errors = process.stop()
    assert (code, errors) == (0, b"")


if __name__ == "__main__":
    asyncio.run(serve(json.loads(sys.argv[1])))
