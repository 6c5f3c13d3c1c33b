"""Receipt logs for tests: really written, with a real key, at made-up times."""

import os
from collections.abc import Iterable
from pathlib import Path

from tests.unit.report import samples

from duri.evidence.keys.backend import Signer
from duri.report.receipt import folder, key
from duri.report.receipt.audit import Audit, audit
from duri.report.receipt.chain import Anchor, Chain, Proof
from duri.report.receipt.entry import entry_of
from duri.report.receipt.key import WatchKey
from duri.report.receipt.log import Log
from duri.report.receipt.receipt import (
    FIRST,
    Entry,
    Kind,
    Receipt,
    ScanKind,
    digest,
    parse,
    sign,
    write,
)
from duri.verdict import Status, Verdict

NOW = 1_795_341_600
"""2026-11-22T10:00:00Z."""
INTERVAL = 300


def scan(
    status: Status = Status.VERIFIED,
    *,
    kind: Kind = Kind.SCAN,
    scan_kind: ScanKind = ScanKind.FULL,
    interval: int = INTERVAL,
    verdict: Verdict | None = None,
) -> Entry:
    """Return the entry of a scan or a change."""
    verdict = verdict or samples.EVERY_STATUS[status]
    return entry_of(verdict, kind=kind, scan_kind=scan_kind, interval=interval, since=NOW)


def new_key(path: Path) -> WatchKey:
    """Return the key of a folder, which is made with it."""
    path.mkdir(exist_ok=True)
    return key.open_or_make(os.fspath(path), None, now=NOW)


def open_log(path: Path, *, now: float = NOW, limit_bytes: int = 1 << 20) -> Log:
    """Return an open log."""
    return Log.open(os.fspath(path), signer=new_key(path), now=now, limit_bytes=limit_bytes)


def write_log(path: Path, *, scans: int = 5, now: int = NOW, limit_bytes: int = 1 << 20) -> int:
    """Write a run: a start, scans at their interval, a stop; return the time after it."""
    log = open_log(path, now=now, limit_bytes=limit_bytes)
    assert log.append(Entry(kind=Kind.START), now=now)
    for _ in range(scans):
        assert log.append(scan(), now=now)
        now += INTERVAL
    assert log.append(Entry(kind=Kind.STOP), now=now)
    log.close(now)
    return now


def text(path: Path) -> bytes:
    """Return all lines of a log's files, in order."""
    names = [*folder.rotated(os.fspath(path)), folder.ACTIVE]
    return b"".join((path / name).read_bytes() for name in names if (path / name).exists())


def receipts(path: Path) -> list[Receipt]:
    """Return every receipt of a log; each line must be one."""
    return [parse(line) for line in text(path).splitlines()]


def prove(
    path: Path, *, after: Anchor | None = None, expected: Anchor | None = None, now: int = NOW
) -> Proof:
    """Return what the chain proves by the key beside it."""
    keyring = key.load_public(os.fspath(path), now=now)
    chain = Chain(keyring, after=after, expected=expected)
    for line in folder.lines(os.fspath(path)):
        chain.feed(line)
    return chain.proof()


def audited(path: Path, *, begin: int | None = None, end: int) -> Audit:
    """Return what an auditor sees."""
    keyring = key.load_public(os.fspath(path), now=NOW)
    return audit(os.fspath(path), keyring=keyring, begin=begin, end=end)


def kinds(proof: Proof) -> set[str]:
    """Return what is wrong or worth saying."""
    return set(proof.counts)


def chained(entries: Iterable[tuple[int, Entry]], signer: Signer, *, run: str = "0" * 16) -> bytes:
    """Return a log's bytes of entries at times, without files in between."""
    previous, data = FIRST, b""
    for sequence, (at, entry) in enumerate(entries, 1):
        receipt = sign(
            entry, sequence=sequence, at=at, watcher=run, previous=previous, signer=signer
        )
        line = write(receipt)
        previous = digest(line)
        data += line + b"\n"
    return data
