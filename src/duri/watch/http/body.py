"""A large answer, sent in pieces that wait for the reader.

Guarantees: a body is kept once however many clients read it, and no connection has more than one
piece of it buffered beyond what its reader has taken.
"""

from collections.abc import Mapping

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

PIECE_BYTES = 64 * 1024
"""As much as a connection buffers before it waits."""


class Pieces(Response):
    """A response whose body goes out piece by piece."""

    def __init__(self, content: bytes, *, headers: Mapping[str, str], media_type: str) -> None:
        """Answer 200 with `content`."""
        super().__init__(content, headers=headers, media_type=media_type)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it; `send` waits while the connection's buffer is full."""
        del receive
        await send(
            {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        )
        body = self.body if scope["method"] == "GET" else b""
        for at in range(0, len(body), PIECE_BYTES):
            piece = bytes(body[at : at + PIECE_BYTES])
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
