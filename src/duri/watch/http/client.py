"""Asks a watcher for its status, and believes nothing that it has not checked.

Guarantees: an answer is bounded in time and in size, and becomes types in one function; whatever
is no answer of a watcher's is `unverifiable`, never a status. A watcher whose scan loop is stuck
has no status either: what it saw last may be long past. Proxies and redirects are not followed, and
no environment variable takes part. Escaping is left to whoever shows it.
"""

import contextlib
import http.client
import socket
import threading
import urllib.parse

import msgspec

from duri.errors import UnverifiableError, UsageError
from duri.report.document import Release
from duri.report.escape import printable, unshown
from duri.verdict import Finding, Kind, SignatureCheck, Status, Summary, Verdict

MAX_ANSWER_BYTES = 16 * 1024 * 1024
"""Twice the largest status document."""

MAX_REASON_BYTES = 1024
"""Of the line that says why a scan loop is stuck."""

_EXPECTED = "http://HOST:PORT, such as http://127.0.0.1:9101"


class _Finding(msgspec.Struct, frozen=True, kw_only=True):
    kind: str
    status: Status
    path: str | None
    expected: str | None
    actual: str | None
    detail: str


class _Verdict(msgspec.Struct, frozen=True, kw_only=True):
    status: Status
    root: str
    checked_at: str
    mode: str
    release: Release
    summary: Summary
    signatures: tuple[SignatureCheck, ...]
    findings: tuple[_Finding, ...]


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What of the status document is shown; fields that are not known here are left out.

    Attributes:
        written: the verdict as it came; `verdict` gives it as ours.
    """

    schema_version: str
    status: Status | None
    since: str
    updating: bool
    root: str
    last_scan_at: str | None
    next_scan_at: str | None
    problems: tuple[str, ...]
    findings_total: int
    truncated: bool
    written: _Verdict | None = msgspec.field(name="verdict")

    @property
    def verdict(self) -> Verdict | None:
        """The verdict, with the findings whose kinds are known here."""
        found = self.written
        if found is None:
            return None
        release = msgspec.structs.asdict(found.release)
        return Verdict(
            status=found.status,
            root=unshown(found.root).decode("utf-8", "surrogateescape"),
            checked_at=found.checked_at,
            mode=found.mode,
            summary=found.summary,
            signatures=found.signatures,
            findings=tuple(
                Finding(
                    kind=Kind(one.kind),
                    status=one.status,
                    path=None if one.path is None else unshown(one.path),
                    expected=one.expected,
                    actual=one.actual,
                    detail=one.detail,
                )
                for one in found.findings
                if one.kind in _KINDS
            ),
            **release,
        )

    @property
    def unknown_kinds(self) -> tuple[str, ...]:
        """The kinds of the other findings, which a newer watcher knows."""
        found = () if self.written is None else self.written.findings
        return tuple(sorted({one.kind for one in found} - _KINDS))


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What a watcher answered: the document as it came and as types; why it is stuck, or None."""

    raw: bytes
    told: Told
    stuck: str | None


_KINDS = frozenset(kind.value for kind in Kind)


def ask(url: str, *, findings: int, seconds: float) -> Reply:
    """Ask the watcher at `url`.

    Args:
        url: its address.
        findings: list so many.
        seconds: for the whole conversation.

    Raises:
        UsageError: that is no address of a watcher.
        UnverifiableError: nobody answers there, or no watcher does.
    """
    host, port, prefix = _address(url)
    connection = http.client.HTTPConnection(host, port, timeout=seconds)
    late = threading.Event()
    timer: threading.Timer | None = None
    try:
        connection.connect()
        connection.auto_open = 0  # both answers come from one conversation, or there is none
        # Each reading has its timeout; this one is for all of them. The socket is kept here since
        # http.client forgets it where an answer ends with its connection.
        timer = threading.Timer(seconds, _cut, (connection.sock, late))
        timer.daemon = True
        timer.start()
        code, raw = _get(connection, f"{prefix}/api/v1/status?findings={findings}")
        alive, reason = _get(connection, f"{prefix}/livez")
        if late.is_set():
            raise TimeoutError  # what was cut can look like an answer's end
    except UnicodeError as error:
        raise UsageError("no address of a watcher", expected=_EXPECTED, got=repr(url)) from error
    except (OSError, http.client.HTTPException) as error:
        why = f"no whole answer in {seconds:g} s" if late.is_set() else _why(error)
        raise UnverifiableError(
            f"no watcher answers: {why}",
            where=printable(url),
            todo="Check that `duri watch` runs there and listens on that address.",
        ) from error
    finally:
        if timer is not None:
            timer.cancel()
        connection.close()
    if code != http.HTTPStatus.OK:
        raise UnverifiableError(
            "no watcher answers there",
            where=printable(url),
            expected="a status document",
            got=f"HTTP status {code}",
        )
    told = parse(raw, where=url)
    stuck = None
    if alive != http.HTTPStatus.OK:
        said = reason[:MAX_REASON_BYTES].decode("utf-8", "backslashreplace").strip()
        stuck = printable(said) or f"HTTP status {alive}"
    return Reply(raw=raw, told=told, stuck=stuck)


def parse(raw: bytes, *, where: str) -> Told:
    """Return the status document as types; UnverifiableError for what is none."""
    problem: str | None = None
    try:
        told = msgspec.json.decode(raw, type=Told)
        verdict = told.verdict
    except (ValueError, RecursionError) as error:  # msgspec's and unshown's are ValueErrors
        raise _malformed(where, str(error)) from error
    if not told.schema_version.startswith("1."):
        problem = f"schema version {told.schema_version!r}"
    elif told.status is not (None if verdict is None else verdict.status):
        problem = "two statuses in one document"
    if problem is not None:
        raise _malformed(where, problem)
    return told


def _malformed(where: str, problem: str) -> UnverifiableError:
    return UnverifiableError(
        "what answers is no status of a watcher's", where=printable(where), got=printable(problem)
    )


def _address(url: str) -> tuple[str, int, str]:
    """Return host, port and the path before ours; 80 is the port of a URL that names none."""
    try:
        parts = urllib.parse.urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise UsageError("no address of a watcher", expected=_EXPECTED, got=repr(url)) from error
    if (
        not host
        or parts.scheme != "http"
        or parts.query
        or parts.fragment
        or "@" in parts.netloc
        or not (url.isascii() and url.isprintable() and " " not in url)
    ):
        raise UsageError("no address of a watcher", expected=_EXPECTED, got=repr(url))
    return host, 80 if port is None else port, parts.path.rstrip("/")


def _get(connection: http.client.HTTPConnection, target: str) -> tuple[int, bytes]:
    connection.request("GET", target, headers={"Accept": "application/json, text/plain"})
    response = connection.getresponse()
    body = response.read(MAX_ANSWER_BYTES + 1)
    if len(body) > MAX_ANSWER_BYTES:
        message = f"an answer of more than {MAX_ANSWER_BYTES:,} bytes"
        raise http.client.HTTPException(message)
    response.read()  # nothing is left: the connection may be used again
    return response.status, body


def _cut(used: socket.socket, late: threading.Event) -> None:
    """End a conversation that takes too long, whatever it waits for."""
    late.set()
    with contextlib.suppress(OSError):  # it has just ended by itself
        used.shutdown(socket.SHUT_RDWR)


def _why(error: Exception) -> str:
    if isinstance(error, OSError):
        return (error.strerror or str(error) or type(error).__name__).lower()
    return printable(str(error) or type(error).__name__)
