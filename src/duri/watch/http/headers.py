"""Headers that every answer has, whatever it answers.

Guarantees: a browser runs nothing but the page's own files, never shows an answer inside another
site's frame, never takes a text for HTML, tells no other site where it has been, and keeps nothing
that is live. A request that brings a body is the last of its connection, so that a body nobody
reads can never be taken for another request.
"""

from collections.abc import Callable
from email.utils import formatdate

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_POLICY = (
    "default-src 'none'",
    "style-src 'self'",
    "script-src 'self'",
    "img-src 'self'",
    "font-src 'self'",
    "connect-src 'self'",
    "manifest-src 'self'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
)
CONTENT_SECURITY_POLICY = "; ".join(_POLICY)
"""Only files of this server; nothing inline, nothing from elsewhere, in nobody's frame."""

SECURITY = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
"""In every answer, also in one to a request that could not be read."""

LIVE = "no-store"
"""Cache-Control of what changes: all but the page's files."""


class Headers:
    """Wraps an application; adds what its answers lack."""

    def __init__(self, app: ASGIApp, *, clock: Callable[[], float]) -> None:
        """Wrap `app`; `clock` gives the Unix seconds of the Date header."""
        self.app = app
        self.clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        brings_body = any(
            name == b"transfer-encoding" or (name == b"content-length" and value.strip(b"0"))
            for name, value in scope.get("headers", ())
        )

        async def complete(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY.items():
                    headers[name] = value
                headers.setdefault("cache-control", LIVE)
                headers["date"] = formatdate(self.clock(), usegmt=True)
                if brings_body:
                    headers["connection"] = "close"
            await send(message)

        await self.app(scope, receive, complete)
