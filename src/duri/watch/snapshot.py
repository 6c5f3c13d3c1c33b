"""What a watcher knows at one moment, whole: all that its readers are told from.

Guarantees: values are frozen, so a reader never sees half of a change; times are Unix seconds of
the wall clock. Nothing here was read from an artifact whose signature had not been checked.
"""

import msgspec

from duri.verdict import Status, Verdict


class Events(msgspec.Struct, frozen=True, kw_only=True):
    """How the watcher learns of changes between scans.

    Attributes:
        source: `fanotify`, `inotify`, or `none` where only scans see changes.
        watches: folders being watched.
        lost: how often events were lost since the start; a scan of the whole tree followed each.
        problem: why events are missing in part or whole, for a person; None when they are not.
    """

    source: str = "none"
    watches: int = 0
    lost: int = 0
    problem: str | None = None


class Scanning(msgspec.Struct, frozen=True, kw_only=True):
    """A scan that runs now; counts of what was sealed, None where that is not known yet."""

    kind: str
    began: float
    files: int = 0
    bytes: int = 0
    total_files: int | None = None
    total_bytes: int | None = None


class KeyAge(msgspec.Struct, frozen=True, kw_only=True):
    """One key of the keyring; `due` says that it is active and past its rotation period."""

    keyid: str
    name: str | None
    algorithm: str
    state: str
    age_days: int
    due: bool


class ReceiptLog(msgspec.Struct, frozen=True, kw_only=True):
    """How the receipts stand.

    Attributes:
        folder: where they are written; None where nobody keeps any.
        written: receipts written by this process.
        sequence: of the last one.
        last_at: when it was written.
        waiting: receipts that could not be written yet.
        problem: why, for a person.
    """

    folder: str | None = None
    written: int = 0
    sequence: int = 0
    last_at: float | None = None
    waiting: int = 0
    problem: str | None = None


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """Who changed a path, where the kernel tells: the process may be gone since."""

    pid: int
    uid: int | None = None
    command: str | None = None
    at: float


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of time with one status; None where nobody watched."""

    begin: float
    end: float
    status: Status | None


class ScanPoint(msgspec.Struct, frozen=True, kw_only=True):
    """One finished scan, for charts; `kind` is `full` or `stat`."""

    at: float
    kind: str
    duration_ms: int
    bytes_hashed: int
    modified: int
    missing: int
    new: int


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """Everything, at one moment.

    Attributes:
        version: grows by one with each snapshot of a process.
        at: when it was made.
        started_at: when the watcher started.
        root: as given, or as found in the target process.
        target: the process whose root is watched, for a person; None for a root of our own.
        verdict: the last one; None before the first scan has ended.
        since: since when the status is what it is.
        last_scan_at: when the last scan of the whole tree ended.
        last_full_at: when the last one that read every file ended.
        next_scan_at: when the next one is due.
        interval: seconds between two full scans.
        scanning: the scan that runs now.
        updating: a successor's authentic artifacts are there and its files are still arriving.
        origins: who changed what, newest last, bounded.
        spans: the last 24 hours by status, oldest first, without holes.
        points: finished scans of the last 24 hours, oldest first, bounded.
        problems: what does not work beside the release itself (textfile, receipts, events, clock).
    """

    version: int
    at: float
    started_at: float
    root: str
    target: str | None = None
    verdict: Verdict | None = None
    since: float
    last_scan_at: float | None = None
    last_full_at: float | None = None
    next_scan_at: float | None = None
    interval: int = 300
    scanning: Scanning | None = None
    updating: bool = False
    events: Events = Events()
    keys: tuple[KeyAge, ...] = ()
    receipts: ReceiptLog = ReceiptLog()
    origins: tuple[tuple[bytes, Origin], ...] = ()
    spans: tuple[Span, ...] = ()
    points: tuple[ScanPoint, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def status(self) -> Status | None:
        """The status; None before the first scan has ended."""
        return None if self.verdict is None else self.verdict.status

    @property
    def is_ready(self) -> bool:
        """Whether traffic may come: verified, or a policy that changed, which only warns."""
        status = self.status
        return status is not None and status.severity != "critical"
