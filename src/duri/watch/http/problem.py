"""Answers that say no: problem details (RFC 9457) under /api, a line of text elsewhere.

Guarantees: nothing of the request is repeated in them.
"""

import http
from collections.abc import Mapping

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

PROBLEM_TYPE = "application/problem+json"

_SENTENCES = {
    404: "There is nothing here.",
    405: "This can only be read: GET or HEAD.",
    500: "This is a defect of the watcher; its log says which.",
}


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """RFC 9457, section 3.1; a type of `about:blank` leaves the meaning to the status."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str


def problem(
    status: int, detail: str | None = None, *, headers: Mapping[str, str] | None = None
) -> Response:
    """Return a problem as JSON; `detail` is one sentence for a person."""
    title = http.HTTPStatus(status).phrase
    body = Problem(title=title, status=status, detail=detail or _SENTENCES.get(status, title))
    return Response(
        msgspec.json.encode(body) + b"\n", status, headers=headers, media_type=PROBLEM_TYPE
    )


def refused(request: Request, error: Exception) -> Response:
    """Return the answer to a request that ended in an error."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    headers = error.headers if isinstance(error, HTTPException) else None
    if request.url.path.startswith("/api/"):
        return problem(status, headers=headers)
    sentence = _SENTENCES.get(status, http.HTTPStatus(status).phrase)
    return PlainTextResponse(f"{sentence}\n", status, headers=headers)
