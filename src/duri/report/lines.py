"""Log lines, for `duri gate`, `duri watch` and whatever collects their output.

Guarantees: one line whatever the names hold; the fields and their order are fixed; nothing but
msgspec is imported, because a boot waits for it. Levels are those of syslog's names: `info` where
verified, `warning` for a warning, `critical` for what pages.
"""

from collections.abc import Mapping

import msgspec

from duri.report.escape import printable, shown
from duri.verdict import Finding, Verdict

_LEVELS = {"none": "info", "warning": "warning", "critical": "critical"}

_FIRST = 3
"""Findings named in the line: enough to tell a deploy from an intruder, few enough to read."""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """The fields, in the order in which they are written."""

    time: str
    level: str
    event: str
    status: str
    exit_code: int
    product: str | None
    environment: str | None
    version: str | None
    deployment_id: str | None
    root: str
    mode: str
    files: int
    bytes_hashed: int
    duration_ms: int
    spike_detected: bool
    findings: dict[str, int]
    first: tuple[str, ...]
    reason: str | None


def line(
    verdict: Verdict,
    *,
    event: str,
    reason: str | None = None,
    code: int = 0,
    time: str | None = None,
) -> Line:
    """Return the fields for one event, such as `gate.refused`.

    Args:
        verdict: what was found.
        event: what became of it.
        reason: why a verified release was refused all the same.
        code: the exit code that goes with the reason.
        time: when it is said; when the verdict was begun by default.
    """
    counts: dict[str, int] = {}
    for finding in verdict.findings:
        counts[finding.kind.value] = counts.get(finding.kind.value, 0) + 1
    return Line(
        time=time or verdict.checked_at,
        level=_LEVELS[verdict.status.severity],
        event=event,
        status=verdict.status.value,
        exit_code=verdict.exit_code or code,
        product=verdict.product,
        environment=verdict.environment,
        version=verdict.version,
        deployment_id=verdict.deployment_id,
        root=shown(verdict.root.encode("utf-8", "surrogateescape")),
        mode=verdict.mode,
        files=verdict.summary.total_files,
        bytes_hashed=verdict.summary.bytes_hashed,
        duration_ms=verdict.summary.scan_duration_ms,
        spike_detected=verdict.summary.spike_detected,
        findings=counts,
        first=tuple(_named(finding) for finding in verdict.findings[:_FIRST]),
        reason=reason,
    )


def as_json(verdict: Verdict, *, event: str, reason: str | None = None, code: int = 0) -> bytes:
    """Return the line as one JSON object and a newline."""
    return written(line(verdict, event=event, reason=reason, code=code), as_json=True)


def json(fields: object) -> bytes:
    """Return fields as one JSON object and a newline."""
    return msgspec.json.encode(fields) + b"\n"


def logfmt(fields: Mapping[str, object]) -> bytes:
    """Return fields as `key=value` pairs and a newline."""
    return (" ".join(_pair(key, value) for key, value in fields.items()) + "\n").encode()


def as_text(verdict: Verdict, *, event: str, reason: str | None = None, code: int = 0) -> bytes:
    """Return the line as `key=value` pairs (logfmt) and a newline; what is null is left out."""
    return written(line(verdict, event=event, reason=reason, code=code), as_json=False)


def written(fields: Line, *, as_json: bool) -> bytes:
    """Return a line about a verdict in either form, with its newline."""
    if as_json:
        return json(fields)
    pairs = []
    for key, value in msgspec.structs.asdict(fields).items():
        if key == "findings":
            pairs += [f"findings.{kind}={count}" for kind, count in value.items()]
        elif key == "first":
            pairs += [_pair("first", ", ".join(value))] if value else []
        elif value is not None:
            pairs.append(_pair(key, value))
    return (" ".join(pairs) + "\n").encode()


def _named(finding: Finding) -> str:
    kind = finding.kind.value
    return kind if finding.path is None else f"{kind} {shown(finding.path)}"


def _pair(key: str, value: object) -> str:
    if isinstance(value, bool):
        return f"{key}={str(value).lower()}"
    text = printable(str(value))
    if not text or any(c in text for c in ' "=\\'):
        escaped = text.replace("\\", "\\\\").replace('"', '\\"')
        return f'{key}="{escaped}"'
    return f"{key}={text}"
