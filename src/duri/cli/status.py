"""`duri status`: ask a running watcher how the release is."""

import sys
from collections.abc import Iterator

import click

from duri.cli import output
from duri.watch.http import client

DEFAULT_URL = "http://127.0.0.1:9101"

SECONDS = 10.0
"""For the whole conversation: a watcher answers in milliseconds."""

_FEW, _ALL = 1000, 10_000


@click.command("status", short_help="Ask a running watcher how the release is.")
@click.option("--url", default=DEFAULT_URL, show_default=True, help="Where the watcher listens.")
@click.option("--json", "as_json", is_flag=True, help="The watcher's own document.")
@click.option("--all", "show_all", is_flag=True, help="Every finding, not only the first of each.")
def command(*, url: str, as_json: bool, show_all: bool) -> int:
    """Ask a running watcher how the release is; the exit code is the status's.

    0 verified, 10 corrupted, 11 tampered, 12 policy changed, 13 unverifiable: also where nobody
    answers, before the first scan has ended, and when the watcher's scans are stuck.
    """
    from duri.verdict import Status

    reply = client.ask(url, findings=_ALL if show_all else _FEW, seconds=SECONDS)
    if as_json:
        output.raw(_indented(reply.raw))
        if reply.stuck is not None:
            output.remark((f"the watcher's scans are stuck, so this may be past: {reply.stuck}",))
    else:
        text = _report(reply, show_all=show_all)
        output.raw(text.encode("utf-8", "backslashreplace"))
    status = Status.UNVERIFIABLE if reply.stuck is not None else reply.told.status
    return (status or Status.UNVERIFIABLE).exit_code


def _report(reply: client.Reply, *, show_all: bool) -> str:
    from duri.report import text
    from duri.report.escape import printable
    from duri.settings import inherited_environment

    look = text.look_for(sys.stdout, environ=inherited_environment())
    told, verdict = reply.told, reply.told.verdict
    head = "" if verdict is None else text.render(verdict, look=look, show_all=show_all)
    # A report that ends with steps to take stands apart from what follows.
    gap = "\n" if told.status is not None and told.status.exit_code else ""
    lines = [printable(line, ascii_only=look.ascii_only) for line in _watching(told)]
    if reply.stuck is not None:
        reason = printable(reply.stuck, ascii_only=look.ascii_only)
        head = f"UNVERIFIABLE  the watcher's scans are stuck: {reason}\n\nSeen last\n{head}"
    return head + gap + "".join(f"{line}\n" for line in lines)


def _watching(told: client.Told) -> Iterator[str]:
    """Yield what the watcher adds to its verdict."""
    if told.status is None:
        yield f"NO STATUS YET  the first scan of {told.root} has not ended"
    else:
        yield f"{told.status.value.capitalize().replace('_', ' ')} since {told.since}"
    yield f"Last scan {told.last_scan_at or 'none yet'}, next {told.next_scan_at or 'unknown'}"
    if told.updating:
        yield "A successor is arriving: its artifacts are there, its files are not all"
    if told.truncated:
        yield f"{told.findings_total:,} findings in all; the first are counted above"
    if told.unknown_kinds:
        yield f"Findings of kinds that a newer DuRi knows: {', '.join(told.unknown_kinds)}"
    for problem in told.problems:
        yield f"Problem: {problem}"


def _indented(raw: bytes) -> bytes:
    """Return JSON indented, with what a terminal would not show as it is escaped as JSON does."""
    import msgspec

    text = msgspec.json.format(raw, indent=2).decode()
    return (
        "".join(c if c == "\n" or c.isprintable() else _escaped(c) for c in text).encode() + b"\n"
    )


def _escaped(c: str) -> str:
    units = c.encode("utf-16-be")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))
