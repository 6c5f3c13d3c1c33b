"""What the page shows of a snapshot: the decisions, before any markup.

Guarantees: pure; whatever came from outside is safe to read as text, and bounded. The state is the
status, with two more: `starting` before the first verdict, and `updating` while a new release
arrives, but never in place of a critical status.
"""

import msgspec

from duri import times
from duri.report.advice import Step, next_steps
from duri.report.escape import printable, shown
from duri.report.kinds import Group, group_of
from duri.verdict import Verdict
from duri.watch.page import charts, formats
from duri.watch.page.languages import Code, translated
from duri.watch.page.tree import Line, Text, cut, is_of_the_tree, row, tree
from duri.watch.page.wording import Wording
from duri.watch.snapshot import Snapshot, Span

MAX_LISTED = 50
"""Findings about the release, stretches of the day, gaps, keys: a screen or two of each."""


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One small chart with its values as text."""

    key: str
    chart: charts.Chart
    latest: str
    smallest: str
    largest: str


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """What was found, in the three places of the page, each bounded."""

    total: int = 0
    release: tuple[Line, ...] = ()
    release_more: int = 0
    files: tuple[Line, ...] = ()
    files_total: int = 0
    notes: tuple[Line, ...] = ()
    notes_more: int = 0


class View(msgspec.Struct, frozen=True, kw_only=True):
    """All that the templates are told."""

    snapshot: Snapshot
    verdict: Verdict | None
    state: str
    release: str
    root: Text
    target: Text | None
    problems: tuple[str, ...]
    steps: tuple[Step, ...]
    sealed_at: float | None
    counts: str
    findings: Findings
    strip: tuple[charts.Bar, ...]
    day: tuple[Span, ...]
    day_more: int
    figures: tuple[Figure, ...]
    coverage: float
    gaps: tuple[Span, ...]
    gaps_more: int


def view(snapshot: Snapshot, *, code: Code, now: float) -> View:
    """Return what the page shows at `now`."""
    verdict = snapshot.verdict
    created = None if verdict is None else verdict.created_at
    wording = Wording(code, now=now)
    day = charts.clipped(snapshot.spans, begin=now - charts.DAY, end=now)
    gaps = [span for span in _with_holes(day, now=now) if span.status is None]
    return View(
        snapshot=snapshot,
        verdict=verdict,
        state=state_of(snapshot),
        release=_release(verdict),
        root=cut(shown(snapshot.root.encode("utf-8", "surrogateescape"))),
        target=None if snapshot.target is None else cut(printable(snapshot.target)),
        problems=_problems(snapshot, wording, now=now),
        steps=() if verdict is None else _steps(verdict, code=code),
        sealed_at=None if created is None else times.parse(created),
        counts="" if verdict is None else _counts(verdict, wording),
        findings=Findings() if verdict is None else _findings(verdict, snapshot),
        strip=charts.strip(snapshot.spans, now=now),
        day=day[-MAX_LISTED:][::-1],
        day_more=max(0, len(day) - MAX_LISTED),
        figures=_figures(snapshot, wording, now=now),
        coverage=charts.watched(snapshot.spans, now=now),
        gaps=tuple(gaps[-5:][::-1]),
        gaps_more=max(0, len(gaps) - 5),
    )


def state_of(snapshot: Snapshot) -> str:
    """Return the state: a status, `starting` or `updating`."""
    status = snapshot.status
    if status is not None and status.severity == "critical":
        return status.value
    if snapshot.updating:
        return "updating"
    return "starting" if status is None else status.value


def _release(verdict: Verdict | None) -> str:
    if verdict is None:
        return ""
    parts = (verdict.product, verdict.version, verdict.environment)
    return cut(printable(" ".join(part for part in parts if part))).whole[:120]


def _problems(snapshot: Snapshot, wording: Wording, *, now: float) -> tuple[str, ...]:
    """Return the watcher's problems, the page's own observations first."""
    own: list[str] = []
    # Both a scan that hangs and a loop that stopped look like this; a green page must not hide it.
    idle = now - (snapshot.last_scan_at or snapshot.started_at)
    if idle > 2 * snapshot.interval + 60:
        own.append(
            wording(
                "problem.overdue",
                span=wording.span(idle),
                interval=wording.span(snapshot.interval),
            )
        )
    due = sum(key.due for key in snapshot.keys)
    if due:
        own.append(wording.count("problem.keys", due))
    told = (*snapshot.problems, snapshot.events.problem, snapshot.receipts.problem)
    return (*own, *dict.fromkeys(printable(problem) for problem in told if problem))


def _steps(verdict: Verdict, *, code: Code) -> tuple[Step, ...]:
    return tuple(
        (translated(sentence, code=code), *commands) for sentence, *commands in next_steps(verdict)
    )


def _counts(verdict: Verdict, wording: Wording) -> str:
    """Return "2 modified · 1 new of 2,262 sealed files"; nothing where no file differs."""
    summary = verdict.summary
    counts = " · ".join(
        wording.count(f"files.{key}", count)
        for key, count in (
            ("modified", summary.modified_files),
            ("missing", summary.missing_files),
            ("new", summary.new_files),
        )
        if count
    )
    files = wording.count("files.value", summary.total_files)
    return wording("files.summary", counts=counts, files=files) if counts else ""


def _findings(verdict: Verdict, snapshot: Snapshot) -> Findings:
    files = [finding for finding in verdict.findings if is_of_the_tree(finding)]
    others = [finding for finding in verdict.findings if not is_of_the_tree(finding)]
    notes = [finding for finding in others if group_of(finding) is Group.NOTES]
    release = [finding for finding in others if group_of(finding) is not Group.NOTES]
    origins = dict(snapshot.origins)
    return Findings(
        total=len(verdict.findings),
        release=tuple(
            row(finding, name=finding.path, origin=origins.get(finding.path or b""))
            for finding in release[:MAX_LISTED]
        ),
        release_more=max(0, len(release) - MAX_LISTED),
        files=tree(files, origins=origins),
        files_total=len(files),
        notes=tuple(row(finding, name=finding.path) for finding in notes[:MAX_LISTED]),
        notes_more=max(0, len(notes) - MAX_LISTED),
    )


def _with_holes(day: tuple[Span, ...], *, now: float) -> list[Span]:
    """Return the spans with what lies between them, and before the first, as unwatched."""
    at = now - charts.DAY
    whole: list[Span] = []
    for span in day:
        if span.begin - at >= 1:
            whole.append(Span(begin=at, end=span.begin, status=None))
        whole.append(span)
        at = max(at, span.end)
    if now - at >= 1:
        whole.append(Span(begin=at, end=now, status=None))
    return whole


def _figures(snapshot: Snapshot, wording: Wording, *, now: float) -> tuple[Figure, ...]:
    # Passes that read only what changed would draw a saw; the full ones are comparable.
    full = [point for point in snapshot.points if point.kind == "full"] or snapshot.points
    made = []
    for key, points, value, text in (
        ("duration", full, lambda point: point.duration_ms, wording.milliseconds),
        ("bytes", full, lambda point: point.bytes_hashed, formats.size),
        ("modified", snapshot.points, lambda point: point.modified, formats.number),
        ("missing", snapshot.points, lambda point: point.missing, formats.number),
        ("new", snapshot.points, lambda point: point.new, formats.number),
    ):
        chart = charts.chart(points, value=value, now=now)
        latest, smallest, largest = (
            "" if number is None else text(number)
            for number in (chart.latest, chart.smallest, chart.largest)
        )
        made.append(Figure(key=key, chart=chart, latest=latest, smallest=smallest, largest=largest))
    return tuple(made)
