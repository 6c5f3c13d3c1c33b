"""The routes: what the watcher answers to whom.

Guarantees: everything is read-only. Metrics and probes are answered from what is known already,
never by waiting for a scan; a live watcher answers /livez whatever the release's status is. The
status document and the page are made once for each version however many clients ask.
"""

import asyncio
import hashlib
from collections.abc import Callable

from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST as OPENMETRICS
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from duri.errors import DuriError
from duri.watch.http import document
from duri.watch.http.body import Pieces
from duri.watch.http.headers import Headers
from duri.watch.http.problem import problem, refused
from duri.watch.http.reading import NotANumberError, matches, number, wants_openmetrics
from duri.watch.http.service import Page, Service
from duri.watch.http.stream import HEARTBEAT_SECONDS, Streams

DEFAULT_FINDINGS = 1000
"""Findings in the status document unless the query says otherwise: more than a person reads."""

MAX_FINDINGS = 10_000
"""About 3 MB of JSON; `duri verify --json` gives all of them."""

DEFAULT_RECEIPTS = 100
MAX_RECEIPTS = 1000
"""In one answer, about 1 MB; the last one's sequence asks for the next."""

MAX_SEQUENCE = 10**18 - 1
"""Larger than any receipt's, and fits 64 bits."""

RECEIPTS_SECONDS = 10.0
"""How long a disk may take to give receipts before the answer says that it does not."""

LANGUAGES = ("en", "ko")

_KEPT_DOCUMENTS = 2
"""Encoded status documents kept: the usual lengths of one version."""

_YEAR = "public, max-age=31536000, immutable"


def make_app(
    service: Service,
    *,
    page: Page,
    clock: Callable[[], float],
    heartbeat: float = HEARTBEAT_SECONDS,
) -> ASGIApp:
    """Return the application.

    Args:
        service: the watcher.
        page: renders the status page; the package `duri.watch.page` does.
        clock: gives Unix seconds.
        heartbeat: seconds between two lines of a stream of events.
    """
    routes = _Routes(service, page=page, clock=clock)
    app = Starlette(
        routes=[
            Route("/metrics", routes.metrics),
            Route("/readyz", routes.readyz),
            Route("/livez", routes.livez),
            Route("/api/v1/status", routes.status),
            Route("/api/v1/receipts", routes.receipts),
            Route("/", routes.page),
            Route("/static/{name}", routes.static),
            # As an application of its own it sees the connection end; it takes GET and HEAD only.
            Route("/events", Streams(service, heartbeat=heartbeat), methods=["GET"]),
        ],
        exception_handlers={HTTPException: refused, Exception: refused},
    )
    # A redirect would repeat the Host that the client named.
    app.router.redirect_slashes = False
    return Headers(app, clock=clock)


class _Routes:
    """The answers, one method a route."""

    def __init__(self, service: Service, *, page: Page, clock: Callable[[], float]) -> None:
        self._service = service
        self._page = page
        self._clock = clock
        self._documents: dict[tuple[int, int], bytes] = {}
        self._pages: dict[str, tuple[tuple[int, int], str]] = {}
        self._digests = {
            name: hashlib.sha256(asset.content).hexdigest() for name, asset in page.ASSETS.items()
        }

    async def metrics(self, request: Request) -> Response:
        """The metrics, in the format that Accept prefers."""
        accept = ",".join(request.headers.getlist("accept"))
        openmetrics = wants_openmetrics(accept)
        return Response(
            self._service.exposition(openmetrics=openmetrics),
            headers={
                "content-type": OPENMETRICS if openmetrics else CONTENT_TYPE_PLAIN_0_0_4,
                "vary": "Accept",
            },
        )

    async def readyz(self, _: Request) -> Response:
        """Whether traffic may come."""
        snapshot = self._service.snapshot()
        if snapshot.is_ready:
            return PlainTextResponse("ready\n")
        if snapshot.status is None:
            return PlainTextResponse("the first scan has not ended\n", 503)
        since = document.written(snapshot.since)
        return PlainTextResponse(f"{snapshot.status} since {since}\n", 503)

    async def livez(self, _: Request) -> Response:
        """Whether the watcher works, whatever it sees."""
        stuck = self._service.stuck()
        if stuck is None:
            return PlainTextResponse("alive\n")
        return PlainTextResponse(f"{document.line(stuck)}\n", 503)

    async def status(self, request: Request) -> Response:
        """Everything that is known, as JSON."""
        try:
            most = number(request, "findings", default=DEFAULT_FINDINGS, least=0, most=MAX_FINDINGS)
        except NotANumberError as error:
            return problem(400, str(error))
        snapshot = self._service.snapshot()
        # A version is one process's; the time that it started tells two processes apart.
        etag = f'"{snapshot.started_at:.6f}-{snapshot.version}-{most}"'
        headers = {"etag": etag, "cache-control": "no-cache"}
        if matches(request, etag):
            return Response(status_code=304, headers=headers)
        key = (snapshot.version, most)
        body = self._documents.get(key)
        if body is None:
            body = document.render(snapshot, most=most)
            if any(version != snapshot.version for version, _ in self._documents):
                self._documents.clear()
            if len(self._documents) >= _KEPT_DOCUMENTS:
                del self._documents[next(iter(self._documents))]
            self._documents[key] = body
        return Pieces(body, headers=headers, media_type="application/json")

    async def receipts(self, request: Request) -> Response:
        """Receipts behind a sequence, oldest first, one a line."""
        try:
            after = number(request, "after", default=0, least=0, most=MAX_SEQUENCE)
            limit = number(request, "limit", default=DEFAULT_RECEIPTS, least=1, most=MAX_RECEIPTS)
        except NotANumberError as error:
            return problem(400, str(error))
        try:
            async with asyncio.timeout(RECEIPTS_SECONDS):
                lines = await self._service.receipts(after=after, limit=limit)
        except (DuriError, OSError, TimeoutError):
            # The path that failed is for the log and the status, not for whoever asks.
            return problem(503, "The receipts cannot be read now.", headers={"retry-after": "10"})
        body = b"".join(line.rstrip(b"\n") + b"\n" for line in lines)
        return Pieces(body, headers={}, media_type="application/jsonl")

    async def page(self, request: Request) -> Response:
        """The status page, made once a second at most for each language."""
        language = request.query_params.get("lang")
        if language not in LANGUAGES:
            language = self._page.choose_language(request.headers.get("accept-language"))
        snapshot, now = self._service.snapshot(), self._clock()
        key = (snapshot.version, int(now))
        known = self._pages.get(language)
        if known is None or known[0] != key:
            known = key, self._page.render(snapshot, language=language, now=now)
            self._pages[language] = known
        return HTMLResponse(
            known[1], headers={"vary": "Accept-Language", "content-language": language}
        )

    async def static(self, request: Request) -> Response:
        """A file of the page; kept for a year where the query names its content."""
        name = request.path_params["name"]
        asset = self._page.ASSETS.get(name)
        if asset is None:
            raise HTTPException(404)
        digest = self._digests[name]
        named = request.query_params.get("v", "")
        exact = len(named) >= 8 and digest.startswith(named)  # noqa: PLR2004 - 32 bits of a digest
        headers = {"etag": f'"{digest}"', "cache-control": _YEAR if exact else "no-cache"}
        if matches(request, headers["etag"]):
            return Response(status_code=304, headers=headers)
        return Response(asset.content, headers={**headers, "content-type": asset.content_type})
