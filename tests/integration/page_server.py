"""A small server of status pages, for a browser: the page, its assets, its events, its policy.

It serves what `duri.watch.page` returns the way the watcher does, and can fall silent, or die, as
the watcher never should.
"""

import contextlib
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from duri.watch.page import ASSETS, choose_language, render
from duri.watch.snapshot import Snapshot

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class PageServer(ThreadingHTTPServer):
    """Serves `/?state=NAME`, and tells each listener when a snapshot was replaced.

    Attributes:
        snapshots: by name; `publish` replaces one.
        now: Unix seconds that pages are made at.
        silence: what pages take for the watcher's silence, in seconds; None for their own value.
        mute: send no heartbeats, and no changes, on connections that stay open.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, snapshots: dict[str, Snapshot], *, now: float) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.snapshots = snapshots
        self.now = now
        self.silence: float | None = None
        self.mute = False
        self.version = 0
        self.changed = threading.Condition()
        self.ended = threading.Event()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}/"

    def publish(self, name: str, snapshot: Snapshot) -> None:
        """Replace a snapshot and tell the listeners."""
        with self.changed:
            self.snapshots[name] = snapshot
            self.version += 1
            self.changed.notify_all()

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a browser that leaves in the middle is no failure."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: PageServer

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        if address.path == "/":
            query = parse_qs(address.query)
            self._page(query.get("state", ["verified"])[0], query.get("lang", [None])[0])
        elif address.path == "/events":
            self._events()
        elif address.path.startswith("/static/") and address.path[8:] in ASSETS:
            asset = ASSETS[address.path[8:]]
            self._send(asset.content, asset.content_type)
        else:
            self.send_error(404)

    def _page(self, name: str, language: str | None) -> None:
        html = render(
            self.server.snapshots[name],
            language=language or choose_language(self.headers.get("Accept-Language")),
            now=self.server.now,
        )
        if self.server.silence is not None:
            html = html.replace('data-silence="45"', f'data-silence="{self.server.silence}"')
        self._send(html.encode(), "text/html; charset=utf-8")

    def _events(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        seen = self.server.version
        while not self.server.ended.is_set():
            if not self.server.mute:
                version = self.server.version
                event = ": alive\n\n"
                if version != seen:
                    event = f"id: {version}\nevent: changed\ndata: {version}\n\n"
                seen = version
                self.wfile.write(event.encode())
                self.wfile.flush()
            with self.server.changed:
                self.server.changed.wait(0.2)

    def _send(self, content: bytes, content_type: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the interface's name
        """Write nothing."""


@contextlib.contextmanager
def serving(snapshots: dict[str, Snapshot], *, now: float | None = None) -> Iterator[PageServer]:
    """Serve on a free port until the block ends."""
    server = PageServer(snapshots, now=time.time() if now is None else now)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        stop(server)
        thread.join(5)


def stop(server: PageServer) -> None:
    """End the server and every connection that listens; twice does nothing."""
    server.ended.set()
    with server.changed:
        server.changed.notify_all()
    server.shutdown()
    server.server_close()
