"""What readers see of a watcher's parts: pure functions from its state to snapshot and numbers."""

from duri.report.receipt.entry import entry_of
from duri.report.receipt.receipt import Entry, Identity, Kind, ScanKind
from duri.tree import events as heard
from duri.verdict import Status, Verdict
from duri.watch import key_ages
from duri.watch.examination import Depth, Examined, Standing, Subject
from duri.watch.snapshot import Events, KeyAge, ScanPoint


def source(standing: Standing) -> str:
    """Return what tells of changes."""
    watcher = standing.events.watcher
    return "none" if watcher is None else watcher.source


def events_problem(standing: Standing) -> str | None:
    """Return why changes are not heard of, in part or whole; None where they are."""
    watcher = standing.events.watcher
    return standing.events.problem if watcher is None else heard.problem_of(watcher)


def events(standing: Standing | None, lost: int) -> Events:
    """Return how changes are heard of."""
    if standing is None:
        return Events(lost=lost)
    watcher = standing.events.watcher
    return Events(
        source=source(standing),
        watches=0 if watcher is None else watcher.watches,
        lost=lost,
        problem=events_problem(standing),
    )


def keys(standing: Standing, *, now: float, period_days: int) -> tuple[KeyAge, ...]:
    """Return the keys that the evidence was judged with."""
    keyring = standing.weighed.keyring
    if keyring is None:
        return ()
    return key_ages.ages(keyring, now=int(now), period_days=period_days)


def point(examined: Examined, now: float) -> ScanPoint:
    """Return a scan as a point of the charts."""
    summary = examined.scanned or examined.verdict.summary
    found = examined.verdict.summary
    return ScanPoint(
        at=now,
        kind=examined.depth.value,
        duration_ms=summary.scan_duration_ms,
        bytes_hashed=summary.bytes_hashed,
        modified=found.modified_files,
        missing=found.missing_files,
        new=found.new_files,
    )


def entries(
    examined: Examined,
    *,
    is_new: bool,
    since: float,
    interval: int,
    lost: int,
    boot: str | None,
) -> list[Entry]:
    """Return the receipts that a look leaves: of a scan, and of a change of status."""
    kinds = [Kind.SCAN] if examined.depth is not Depth.PARTIAL else []
    kinds += [Kind.CHANGE] if is_new else []
    return [
        entry_of(
            examined.verdict,
            kind=kind,
            interval=interval,
            scan_kind=ScanKind(examined.depth.value),
            since=since,
            identity=_identity(examined.standing, boot),
            events_lost=lost,
        )
        for kind in kinds
    ]


def note(verdict: Verdict, text: str, subject: Subject) -> Entry:
    """Return a receipt that says something about a status that stays what it is."""
    interval = subject.settings.interval
    return entry_of(verdict, kind=Kind.CHANGE, interval=interval, note=text)


def sentence(verdict: Verdict) -> str:
    """Return the line that `systemctl status` shows."""
    release = f"{verdict.product} {verdict.version}" if verdict.product else verdict.root
    count = len(verdict.findings)
    if verdict.status is Status.VERIFIED:
        return f"verified: {release}, {verdict.summary.total_files} files"
    return f"{verdict.status.value}: {release}, {count} finding{'' if count == 1 else 's'}"


def _identity(standing: Standing | None, boot: str | None) -> Identity | None:
    if standing is None:
        return None
    known = standing.opened.identity
    return Identity(device=known.device, inode=known.inode, mount=known.mount, boot=boot)
