"""Connections: how many, how long, how much memory each, and which go first.

Guarantees, whatever clients do:

1. A connection that has not sent a whole request in time is closed; so is one that does not read.
2. No more than a fixed number are open. One more closes another: an idle one before one whose
   request is under way before one that is being answered, and of those the oldest. So a newcomer,
   such as a probe, is always let in.
3. What is buffered for a connection is bounded, in both directions.
4. A malformed request costs an answer of a few bytes and the connection; it is never logged.

HTTP itself is h11's and uvicorn's.
"""

import asyncio
import enum
import http
import logging
import sys
from typing import Any

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from duri.watch.http.headers import SECURITY

MAX_CONNECTIONS = 256
"""Open at once: some scrapers and probes, 64 pages with six connections at most in a burst. At
about 15 kB each they stay a small part of the watcher's memory."""

DESCRIPTORS_SHARE = 4
"""One in so many of the process's descriptors may be a connection; scans need the others."""

REQUEST_SECONDS = 10.0
"""From the first byte, or from connecting, to the whole request: a few packets, even resent."""

STALL_SECONDS = 10.0
"""How long a full buffer may stay full: a reader that lives takes 64 kB in that time."""

CLOSE_SECONDS = 5.0
"""How long the last bytes may take before the connection is cut."""

KEEP_ALIVE_SECONDS = 20
"""An idle connection waits this long for its next request: longer than the usual scrape interval
of 15 s, shorter than what proxies reuse without looking."""

SWEEP_SECONDS = 1.0
"""How often deadlines are looked at; only while connections are open."""

REQUEST_BYTES = 16 * 1024
"""A request line with its headers; ours need a few hundred bytes, browsers send 2 kB."""

WRITE_BYTES = 64 * 1024
"""From this many unsent bytes on, an answer waits for its reader."""


class Stage(enum.IntEnum):
    """What a connection is doing; the lowest is closed first."""

    IDLE = 0
    REQUESTING = 1
    ANSWERING = 2


class Connections:
    """The open connections of one server."""

    def __init__(self, *, most: int) -> None:
        """Allow `most` at once."""
        self.most = most
        self._open: dict[Connection, None] = {}
        self._sweep: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._open)

    def admit(self, connection: "Connection") -> None:
        """Take one in; close another where there are too many."""
        while len(self._open) >= self.most:
            victim = min(self._open, key=lambda one: (one.stage, one.since))
            self.forget(victim)
            victim.transport.abort()
        self._open[connection] = None
        if self._sweep is None:
            self._arm(connection.loop)

    def forget(self, connection: "Connection") -> None:
        """Count one no longer."""
        self._open.pop(connection, None)

    def close(self, *, above: Stage | None = None) -> None:
        """Cut the connections, or only those whose stage is not above the given one."""
        for connection in list(self._open):
            if above is None or connection.stage <= above:
                connection.transport.abort()
        if above is None and self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None

    def _arm(self, loop: asyncio.AbstractEventLoop) -> None:
        self._sweep = loop.call_later(SWEEP_SECONDS, self._swept, loop)

    def _swept(self, loop: asyncio.AbstractEventLoop) -> None:
        """Close what is late, and come again while anything is open."""
        self._sweep = None
        now = loop.time()
        for connection in list(self._open):
            connection.check(now)
        if self._open:
            self._arm(loop)


class Connection(H11Protocol):
    """One connection: uvicorn's, with deadlines."""

    def __init__(
        self,
        config: Config,
        state: ServerState,
        app_state: dict[str, Any],
        *,
        connections: Connections,
        logger: logging.Logger,
    ) -> None:
        """Prepare for a transport; `logger` hears of failures in the application."""
        super().__init__(config, state, app_state)
        self.logger = logger
        self.access_log = False
        self.admitted = connections
        self.stage = Stage.IDLE
        self.since = self.loop.time()
        self.deadline: float | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin: the first request has its time from now."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=WRITE_BYTES)
        self.deadline = self.since + REQUEST_SECONDS
        self.admitted.admit(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self.admitted.forget(self)
        self._unset_keepalive_if_required()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes; the first ones of a request start its time."""
        if self.stage is Stage.IDLE:
            self._enter(Stage.REQUESTING)
            if self.deadline is None:
                self.deadline = self.since + REQUEST_SECONDS
        super().data_received(data)

    def handle_events(self) -> None:
        """Read requests; a whole one ends its deadline."""
        before = self.cycle
        super().handle_events()
        if self.cycle is not before:
            self._enter(Stage.ANSWERING)
            self.deadline = None

    def on_response_complete(self) -> None:
        """Wait for the next request, which may be here already."""
        self._enter(Stage.IDLE)
        super().on_response_complete()
        waiting, _ = self.conn.trailing_data
        if self.stage is Stage.IDLE and waiting:
            self._enter(Stage.REQUESTING)
            self.deadline = self.since + REQUEST_SECONDS

    def pause_writing(self) -> None:
        """Give a reader that has stopped some time."""
        super().pause_writing()
        self.deadline = self.loop.time() + STALL_SECONDS

    def resume_writing(self) -> None:
        """Forgive it."""
        super().resume_writing()
        self.deadline = None

    def check(self, now: float) -> None:
        """Close the connection if it is late."""
        if self.deadline is None:
            if self.transport.is_closing():
                self.deadline = now + CLOSE_SECONDS
        elif now >= self.deadline:
            if self.stage is Stage.REQUESTING and not self.transport.is_closing():
                self._refuse(http.HTTPStatus.REQUEST_TIMEOUT, "The request did not come in time.")
            else:
                self.transport.abort()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no request with the status that h11 has for it: 400, 431 or 501."""
        error = sys.exception()
        hint = error.error_status_hint if isinstance(error, h11.RemoteProtocolError) else 400
        self._refuse(http.HTTPStatus(hint), msg)

    def _enter(self, stage: Stage) -> None:
        self.stage = stage
        self.since = self.loop.time()

    def _refuse(self, status: http.HTTPStatus, sentence: str) -> None:
        """Answer without the application, and close."""
        if self.conn.our_state not in {h11.IDLE, h11.SEND_RESPONSE}:
            self.transport.abort()  # in the middle of an answer there is no room for another
            return
        body = f"{sentence}\n".encode()
        headers = {
            "content-type": "text/plain; charset=utf-8",
            "content-length": str(len(body)),
            "connection": "close",
            "cache-control": "no-store",
            **SECURITY,
        }
        start = h11.Response(
            status_code=status, headers=list(headers.items()), reason=status.phrase.encode()
        )
        for event in (start, h11.Data(data=body), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        if self.cycle is not None:
            # An application that has been asked already finds its client gone.
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.deadline = self.loop.time() + CLOSE_SECONDS
        self.transport.close()
