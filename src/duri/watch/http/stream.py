"""Server-sent events: each change of the snapshot, told to every open page.

Guarantees: a client is told the version at once and after each change, and never falls behind:
versions it was too slow for are left out. Clients are bounded; the stream ends with the server, or
when its client has gone. A line goes out at least every HEARTBEAT_SECONDS, so that proxies keep the
connection and a dead one is noticed.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from duri.watch.http.problem import problem
from duri.watch.http.server import STOPPING
from duri.watch.http.service import Service

MAX_STREAMS = 64
"""Open pages; a quarter of the connections, so that pages never take the room of probes."""

HEARTBEAT_SECONDS = 15.0
"""Proxies close what has been silent for 30 to 60 s."""

RETRY_MILLISECONDS = 2000
"""After this long a browser comes back: a watcher that restarts is there again by then."""

_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # nginx would collect events until its buffer is full
]


class Streams:
    """The open streams of one application."""

    def __init__(self, service: Service, *, heartbeat: float = HEARTBEAT_SECONDS) -> None:
        """Tell of the changes of `service`."""
        self._service = service
        self._heartbeat = heartbeat
        self._open = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request: a stream, or 503 where too many are open."""
        if scope["method"] == "HEAD":
            head = Response(headers={"content-type": "text/event-stream; charset=utf-8"})
            await head(scope, receive, send)
        elif self._open >= MAX_STREAMS:
            detail = f"{MAX_STREAMS} pages are open already; this one asks again by itself."
            full = problem(503, detail, headers={"retry-after": "10"})
            await full(scope, receive, send)
        else:
            self._open += 1
            try:
                await self._stream(scope, receive, send)
            finally:
                self._open -= 1

    async def _stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        stopping: asyncio.Event = scope.get("state", {}).get(STOPPING) or asyncio.Event()
        ends = {_task(_gone(receive)), _task(stopping.wait())}
        try:
            async for event in self._events(ends):
                await send({"type": "http.response.body", "body": event, "more_body": True})
        finally:
            await _cancelled(ends)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _events(self, ends: set[asyncio.Task[Any]]) -> AsyncIterator[bytes]:
        """Yield events and heartbeats until one of `ends` has happened."""
        yield f"retry: {RETRY_MILLISECONDS}\n\n".encode()
        told = None
        while not any(end.done() for end in ends):
            version = self._service.snapshot().version
            if version != told:
                told = version
                yield f"id: {version}\nevent: changed\ndata: {version}\n\n".encode()
                continue  # sending may have waited: look again before waiting for a change
            change = _task(self._service.changed(version))
            try:
                done, _ = await asyncio.wait(
                    {change, *ends},
                    timeout=self._heartbeat,
                    return_when=asyncio.FIRST_COMPLETED,
                )
            finally:
                await _cancelled({change})
            if not done:
                yield b": still here\n\n"


def _task(coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    return asyncio.get_running_loop().create_task(coroutine)


async def _gone(receive: Receive) -> None:
    """Return when the client has closed its connection."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _cancelled(tasks: set[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
