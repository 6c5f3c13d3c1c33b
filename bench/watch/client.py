"""The watcher's HTTP, over one keep-alive connection, and a thread that polls it.

Guarantees: a request that fails is counted with its reason, never hidden, and the next one connects
anew; times are of the monotonic clock, a latency is that of the whole request, from sending to the
last byte.
"""

import base64
import http.client
import json
import re
import threading
import time
from dataclasses import dataclass, field
from typing import Self

STATUSES = ("verified", "corrupted", "tampered", "policy_changed", "unverifiable")
TIMEOUT_SECONDS = 10.0
MOST_FINDINGS = 10_000
"""As many as the status API gives."""

_STATUS = re.compile(rb"^duri_integrity_status_(\w+) 1(?:\.0)?$", re.MULTILINE)
_LABELLED = re.compile(r'(\w+)="([^"]*)"')


class Client:
    """One connection to a watcher; not for two threads at once."""

    def __init__(self, port: int) -> None:
        """Connect at the first request."""
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)

    def get(self, path: str) -> tuple[int, bytes]:
        """Return the status code and the body.

        Raises:
            OSError: nobody answered, or the connection broke.
        """
        try:
            self._connection.request("GET", path)
            answer = self._connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise OSError(f"GET {path}: {type(error).__name__} {error}") from error

    def metrics(self) -> bytes:
        """Return the exposition."""
        code, body = self.get("/metrics")
        if code != 200:
            raise OSError(f"GET /metrics: {code}")
        return body

    def status(self) -> str | None:
        """Return the status that /metrics says; None before the first scan has ended."""
        return status_in(self.metrics())

    def findings(self) -> tuple[str | None, set[tuple[str, bytes]]]:
        """Return the status and every finding as (kind, path), from the status API."""
        code, body = self.get(f"/api/v1/status?findings={MOST_FINDINGS}")
        if code != 200:
            raise OSError(f"GET /api/v1/status: {code}")
        return findings_in(json.loads(body))

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()


def status_in(exposition: bytes) -> str | None:
    """Return the one status whose series is 1.

    Raises:
        ValueError: there are several.
    """
    found = _STATUS.findall(exposition)
    if len(found) > 1:
        raise ValueError(f"several statuses at once: {found}")
    return found[0].decode() if found else None


def value_in(exposition: bytes, name: str) -> float | None:
    """Return the value of a series without labels."""
    found = re.search(rb"^%b (\S+)$" % re.escape(name.encode()), exposition, re.MULTILINE)
    return float(found[1]) if found else None


def info_in(exposition: bytes) -> dict[str, str]:
    """Return the labels of `duri_integrity_scan_info`; nothing before the first scan."""
    found = re.search(rb"^duri_integrity_scan_info\{(.*)\}", exposition, re.MULTILINE)
    return dict(_LABELLED.findall(found[1].decode())) if found else {}


def findings_in(document: dict[str, object]) -> tuple[str | None, set[tuple[str, bytes]]]:
    """Return the status and the findings of a document of /api/v1/status, or of a verdict's.

    Raises:
        ValueError: not all findings are in it.
    """
    if document.get("truncated"):
        raise ValueError(f"only a part of {document['findings_total']} findings")
    verdict = document.get("verdict", document)
    if verdict is None:
        return None, set()
    assert isinstance(verdict, dict)
    found = set()
    for one in verdict["findings"]:
        name = one.get("path_bytes")
        path = base64.b64decode(name) if name else (one["path"] or "").encode()
        found.add((one["kind"], path))
    return verdict["status"], found


@dataclass(slots=True)
class Polled:
    """What a poller saw: latencies in seconds, changes of status as (when, status), failures."""

    latencies: list[float] = field(default_factory=list)
    statuses: list[tuple[float, str | None]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


class Poller:
    """A thread that asks for /metrics each `every` seconds until it is left."""

    def __init__(self, port: int, *, every: float) -> None:
        """Start nothing yet."""
        self.polled = Polled()
        self._port = port
        self._every = every
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        with Client(self._port) as client:
            while not self._end.wait(self._every):
                begin = time.monotonic()
                try:
                    status = client.status()
                except (OSError, ValueError) as error:
                    self.polled.failures.append(str(error))
                    continue
                now = time.monotonic()
                self.polled.latencies.append(now - begin)
                seen = self.polled.statuses
                if not seen or seen[-1][1] != status:
                    seen.append((now, status))

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End, after the request that runs."""
        self._end.set()
        self._thread.join(TIMEOUT_SECONDS + 1)
