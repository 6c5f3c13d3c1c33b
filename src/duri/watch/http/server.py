"""The server: binds, keeps trying where it cannot, serves, and ends at once when told.

Guarantees: an address that cannot be bound is a problem that is said, never the end of the watcher;
it is tried again until it can. `stop` ends within half a second, whatever is open. No signal
handler, no log line and no environment variable of uvicorn's takes part.
"""

import asyncio
import contextlib
import logging
import resource
import socket
from collections.abc import Callable, Iterator

from starlette.types import ASGIApp
from uvicorn.config import Config
from uvicorn.server import ServerState

from duri.watch.http import connections, listen
from duri.watch.http.connections import Connection, Connections, Stage

RETRY_SECONDS = (0.5, 1.0, 2.0, 5.0)
"""Between two tries to bind; the last one again and again. A predecessor needs a second to go."""

GRACE_SECONDS = 0.3
"""What is being answered when the server stops has this long to end."""

ACCEPTED_AT_ONCE = 16
"""Connections accepted before others get their turn; so few can be open above the limit."""

STOPPING = "stopping"
"""Under this name an application finds, in its scope's state, the event that the server stops."""


def affordable(*, descriptors: int | None = None) -> int:
    """Return how many connections fit the process's limit of descriptors."""
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0] if descriptors is None else descriptors
    if soft == resource.RLIM_INFINITY:
        return connections.MAX_CONNECTIONS
    return max(1, min(connections.MAX_CONNECTIONS, soft // connections.DESCRIPTORS_SHARE))


class Server:
    """One address and what answers there.

    Attributes:
        problem: why nothing is served, for a person; None while it is, or before `run`.
        address: where, as a URL for this host; None while nothing is served.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        where: listen.Listen,
        on_change: Callable[[], None],
        on_failure: Callable[[str], None],
        most: int | None = None,
    ) -> None:
        """Prepare to serve `app`.

        Args:
            app: answers requests.
            where: the address.
            on_change: called when `problem` or `address` has changed.
            on_failure: told in one line of a defect that a request met.
            most: connections at once; what the process can afford by default.
        """
        self.problem: str | None = None
        self.address: str | None = None
        self._where = where
        self._on_change = on_change
        self._connections = Connections(most=affordable() if most is None else most)
        self._logger = _logger(on_failure)
        self._stopping = asyncio.Event()
        self._ended = asyncio.Event()
        self._running = False
        # Each default that would read the environment or set up logging is given.
        self._config = Config(
            app,
            loop="none",
            http=Connection,
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            forwarded_allow_ips="",
            server_header=False,
            date_header=False,
            workers=1,
            timeout_keep_alive=connections.KEEP_ALIVE_SECONDS,
            h11_max_incomplete_event_size=connections.REQUEST_BYTES,
        )
        self._config.load()

    async def run(self) -> None:
        """Serve until `stop` is called."""
        self._running = True
        try:
            bound = await self._bind()
            if bound is not None:
                await self._serve(bound)
        finally:
            self._running = False
            self._ended.set()

    async def stop(self) -> None:
        """Serve no longer; return when all connections are closed."""
        self._stopping.set()
        if self._running:
            await self._ended.wait()

    async def _bind(self) -> socket.socket | None:
        """Return a bound socket, however long it takes; None when the server is to stop."""
        for seconds in _delays():
            if self._stopping.is_set():
                return None
            try:
                return listen.bind(self._where)
            except OSError as error:
                self._say(problem=listen.reason(self._where, error), address=None)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), seconds)
        return None

    async def _serve(self, bound: socket.socket) -> None:
        state = ServerState()

        def accept() -> Connection:
            return Connection(
                self._config,
                state,
                {STOPPING: self._stopping},
                connections=self._connections,
                logger=self._logger,
            )

        loop = asyncio.get_running_loop()
        listener = await loop.create_server(accept, sock=bound, backlog=ACCEPTED_AT_ONCE)
        bound.listen(listen.BACKLOG)  # asyncio has just made it as short as what it accepts at once
        try:
            self._say(problem=None, address=listen.url(bound))
            await self._stopping.wait()
            listener.close()
            self._connections.close(above=Stage.REQUESTING)
            if state.tasks:
                await asyncio.wait(set(state.tasks), timeout=GRACE_SECONDS)
        finally:
            listener.close()
            self._connections.close()
            for task in set(state.tasks):
                task.cancel()
            await asyncio.gather(*state.tasks, return_exceptions=True)
            self._say(problem=None, address=None)

    def _say(self, *, problem: str | None, address: str | None) -> None:
        if (problem, address) != (self.problem, self.address):
            self.problem, self.address = problem, address
            self._on_change()


def _delays() -> Iterator[float]:
    yield from RETRY_SECONDS
    while True:
        yield RETRY_SECONDS[-1]


def _logger(on_failure: Callable[[str], None]) -> logging.Logger:
    """Return a logger of our own, in no hierarchy: uvicorn's complaints go to `on_failure`.

    What clients do wrong it logs below ERROR, which stays unsaid: whoever connects could fill logs.
    """

    class Failures(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            error = record.exc_info[1] if record.exc_info else None
            if error is None:
                on_failure(record.getMessage())
            elif not isinstance(error, asyncio.CancelledError):
                on_failure(f"a request failed: {type(error).__name__}: {error}")

    logger = logging.Logger("duri.watch.http", logging.ERROR)  # noqa: LOG001 - in no hierarchy
    logger.addHandler(Failures())
    return logger
