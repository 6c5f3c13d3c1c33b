"""One look at the release under watch: open the root, weigh the evidence, compare, judge.

    full      the evidence anew, and every file read
    stat      the evidence anew, and each file read that changed its identity since it was verified
    partial   the folders that events named, under the same rule; the evidence too where it changed

Guarantees: a look remembers nothing by itself. What the next one may build on is the `Standing`
that it returns, and only while the root is the same folder and the evidence has the same bytes;
anything else is looked at in full. A look that cannot answer for the whole tree becomes one that
can.

It runs in a thread of its own, and touches nothing that another look is using.
"""

import contextlib
import enum
import os
import time

import msgspec

from duri import inspection
from duri.errors import DuriError, UnverifiableError
from duri.evidence import findings, folder
from duri.inspection import Case, Weighed
from duri.limits import MAX_WATCHED_FINDINGS
from duri.settings import Settings
from duri.tree import events, heap, scan
from duri.verdict import Kind, Summary, Verdict
from duri.watch import basis, stamp, target
from duri.watch.basis import Basis
from duri.watch.pending import Named
from duri.watch.stamp import Stamp
from duri.watch.target import Opened, Target

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


class Depth(enum.StrEnum):
    """How much a look reads."""

    FULL = "full"
    STAT = "stat"
    PARTIAL = "partial"


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """What is under watch, and how.

    Attributes:
        in_kubernetes: whether this process runs in a pod.
        own_pid: of this process.
        with_events: whether the kernel is asked for events.
        with_fanotify: whether it may be asked by fanotify, which tells who changed what.
    """

    target: Target
    settings: Settings
    in_kubernetes: bool = False
    own_pid: int
    with_events: bool = True
    with_fanotify: bool = True


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What a look leaves for the next one.

    Attributes:
        opened: the root as it was opened; its descriptor is closed.
        basis: what the tree was compared with.
        memory: what the tree looked like.
        events: where changes are heard of.
        stamp: the evidence as files, before it was weighed.
    """

    opened: Opened
    stamp: Stamp
    basis: Basis
    memory: scan.Memory
    events: events.Opened

    @property
    def weighed(self) -> Weighed:
        """The evidence."""
        return self.basis.weighed

    @property
    def baseline(self) -> scan.Baseline | None:
        """The evidence as the tree is compared with it; None where none may be believed."""
        return self.basis.baseline


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """How closely to look.

    Attributes:
        named: the folders that a partial look is about.
        evidence: whether a partial look weighs the evidence anew.
        bytes_per_second: what it reads at most in a second.
    """

    depth: Depth
    named: Named = Named()
    evidence: bool = False
    bytes_per_second: int | None = None


class Examined(msgspec.Struct, frozen=True, kw_only=True):
    """What a look found.

    Attributes:
        depth: how much was read in the end.
        standing: None where the root could not be opened.
        authentic: whether the evidence alone calls for no failure.
        seconds: how long it took.
        scanned: the counts of the scan behind it, where a later look completed that.
    """

    verdict: Verdict
    depth: Depth
    scanned: Summary | None = None
    standing: Standing | None = None
    authentic: bool = False
    seconds: float = 0.0


def examine(
    subject: Subject,
    standing: Standing | None,
    wanted: Wanted,
    *,
    now: int,
    progress: scan.Progress,
) -> Examined:
    """Look at the release once.

    Args:
        subject: what is under watch.
        standing: what the last look left; None at the first.
        wanted: how closely to look.
        now: unix seconds.
        progress: counters to add to; cancelling them ends the look without an answer.
    """
    began = time.monotonic()
    try:
        opened = open_root(subject, standing)
    except DuriError as error:
        case = Case(root=subject.target.root, settings=subject.settings)
        verdict = inspection.unusable_root(case, error, now=now)
        return Examined(verdict=verdict, depth=wanted.depth, seconds=time.monotonic() - began)
    with opened:
        if standing is not None and standing.opened.identity != opened.identity:
            standing = None
        examined = _examine(subject, opened, standing, wanted, now=now, progress=progress)
    if examined.depth is not Depth.PARTIAL:
        heap.trim()
    return msgspec.structs.replace(examined, seconds=time.monotonic() - began)


def failed(subject: Subject, error: Exception, *, now: int) -> Examined:
    """Return what is told where looks fail: nothing is proved any more."""
    case = Case(root=subject.target.root, settings=subject.settings)
    reason = UnverifiableError(
        "the release could not be looked at", got=f"{type(error).__name__}: {error}"
    )
    finding = findings.unverifiable(Kind.SCAN_INCOMPLETE, reason)
    verdict = inspection.verdict(case, [finding], now=now)
    return Examined(verdict=verdict, depth=Depth.PARTIAL)


def open_root(subject: Subject, standing: Standing | None) -> Opened:
    """Open the root anew.

    Raises:
        UnverifiableError: there is none, it may not be read, or it is not the right one.
        UsageError: it is no folder.
    """
    return target.open_target(
        subject.target,
        in_kubernetes=subject.in_kubernetes,
        own_pid=subject.own_pid,
        last=None if standing is None else standing.opened,
    )


def is_same(before: Standing | None, after: Standing | None) -> bool:
    """Return whether two looks were at the same folder with the same evidence."""
    if before is None or after is None:
        return before is after
    same_root = before.opened.identity == after.opened.identity
    return same_root and before.baseline is after.baseline


def _examine(
    subject: Subject,
    opened: Opened,
    standing: Standing | None,
    wanted: Wanted,
    *,
    now: int,
    progress: scan.Progress,
) -> Examined:
    case = Case(
        root=opened.path,
        settings=subject.settings,
        is_foreign=not subject.target.is_ours,
    )
    if standing is not None and wanted.depth is Depth.PARTIAL and not wanted.evidence:
        stamped, based = standing.stamp, standing.basis
    else:
        stamped = stamp.of_evidence(subject.settings, opened.fd)
        last = None if standing is None else standing.basis
        based = basis.weigh(case, opened.fd, last, now=now)
    weighed, baseline = based.weighed, based.baseline
    known = standing if baseline is not None and _has(standing, baseline) else None
    # Without evidence to believe nothing is read, however much was wanted.
    depth = wanted.depth if known is not None or baseline is None else Depth.FULL
    heard = _events(subject, opened, weighed, standing)
    if depth is Depth.PARTIAL and (standing is None or heard is not standing.events):
        depth = Depth.STAT  # each folder is to be heard of
    memory = known.memory if known is not None and depth is not Depth.FULL else scan.Memory()
    look = scan.Look(
        memory=memory,
        reread=depth is Depth.FULL,
        only=wanted.named.folders if depth is Depth.PARTIAL else None,
        watcher=heard.watcher,
        bytes_per_second=wanted.bytes_per_second,
        most=MAX_WATCHED_FINDINGS,
    )
    compared = inspection.compare(
        case, opened.fd, weighed, parsed=baseline, look=look, progress=progress
    )
    if not compared.complete:
        depth, look = Depth.STAT, msgspec.structs.replace(look, only=None)
        compared = inspection.compare(
            case, opened.fd, weighed, parsed=baseline, look=look, progress=progress
        )
    return Examined(
        verdict=inspection.judge(
            case, opened.fd, weighed, compared, now=now, remember=depth is not Depth.PARTIAL
        ),
        depth=depth,
        standing=Standing(
            opened=opened,
            stamp=stamped,
            basis=based,
            memory=memory,
            events=heard,
        ),
        authentic=weighed.is_authentic,
    )


def _has(standing: Standing | None, baseline: scan.Baseline) -> bool:
    return standing is not None and standing.baseline is baseline


def _events(
    subject: Subject, opened: Opened, weighed: Weighed, standing: Standing | None
) -> events.Opened:
    """Return where changes are heard of; a new place where root or policy are not the same."""
    metadata = weighed.evidence.metadata
    if not subject.with_events or metadata is None:
        return events.Opened(watcher=None, problem=None)
    before = None if standing is None else standing.weighed
    if (
        standing is not None
        and before is not None
        and standing.events.watcher is not None
        and before.evidence.metadata is not None
        and (before.evidence.metadata.policy, before.inside) == (metadata.policy, weighed.inside)
    ):
        heard = standing.events
    else:
        heard = events.open_watcher(
            metadata.policy,
            weighed.inside,
            root_fd=opened.fd,
            allow_fanotify=subject.with_fanotify,
        )
    if heard.watcher is not None:
        _hear_of_artifacts(heard.watcher, subject, opened, weighed)
    return heard


def _hear_of_artifacts(
    watcher: events.Watcher, subject: Subject, opened: Opened, weighed: Weighed
) -> None:
    """Ask for events of the artifacts' folder; where that fails, looking twice a second remains."""
    with contextlib.suppress(OSError):
        if weighed.inside is not None:
            fd = os.open(weighed.inside, _FOLDER | os.O_NOFOLLOW, dir_fd=opened.fd)
        else:
            fd = os.open(subject.settings.artifacts or folder.DEFAULT_NAME, _FOLDER)
        try:
            watcher.watch(fd, weighed.inside or b"", artifacts=True)
        finally:
            os.close(fd)
