"""Snapshots of every state of the status page, fixed, for its tests and its pictures."""

from duri.verdict import Finding, Kind, Status, Summary, Verdict
from duri.watch.snapshot import (
    Events,
    KeyAge,
    Origin,
    ReceiptLog,
    Scanning,
    ScanPoint,
    Snapshot,
    Span,
)

NOW = 1_795_312_336.0
"""2026-11-22 01:52:16 UTC."""

DAY = 86_400

FILES = 12_418

BYTES = 1_482_300_000

OLD = "sha256:" + "9f2c" * 16
OTHER = "sha256:" + "41d7" * 16

KEYS = (
    KeyAge(
        keyid="1dbe14481100334e4e1739c96c81b7427852c8f94932d1f5c6cf5a35a042fb4a",
        name="build-2026-q4",
        algorithm="ecdsa-p256-sha256",
        state="active",
        age_days=37,
        due=False,
    ),
    KeyAge(
        keyid="4cd7c3441303ade71dbe14481100334e4e1739c96c81b7427852c8f94932d1f5",
        name="build-2026-q3",
        algorithm="ecdsa-p256-sha256",
        state="retiring",
        age_days=121,
        due=False,
    ),
)

RECEIPTS = ReceiptLog(
    folder="/var/lib/duri/receipts", written=412, sequence=48_213, last_at=NOW - 74
)

EVENTS = Events(source="fanotify", watches=1_846)


def verdict(
    status: Status,
    *findings: Finding,
    files: int = FILES,
    spike: bool = False,
    **fields: object,
) -> Verdict:
    """Return a verdict whose summary counts its findings."""
    kinds = [finding.kind for finding in findings]
    known = status not in {Status.TAMPERED, Status.UNVERIFIABLE}
    release: dict[str, object] = {
        "product": "shop",
        "environment": "prod",
        "version": "1.4.2",
        "sequence": 17,
        "deployment_id": "shop-1.4.2-1795347076-6584c70e08de",
        "created_at": "2026-11-20T09:14:03Z",
    }
    return Verdict(
        status=status,
        root="/srv/app",
        checked_at="2026-11-22T01:51:02Z",
        summary=Summary(
            total_files=files if known else 0,
            verified_files=files - len(findings) if known else 0,
            modified_files=kinds.count(Kind.MODIFIED),
            missing_files=kinds.count(Kind.MISSING),
            new_files=kinds.count(Kind.NEW),
            scan_duration_ms=2140,
            bytes_hashed=BYTES,
            spike_detected=spike,
        ),
        findings=findings,
        **((release if known else {}) | fields),  # type: ignore[arg-type]
    )


def spans(last: Status, since: float, *, hole: bool = True) -> tuple[Span, ...]:
    """Return a day that was verified, with a hole and a short incident, and ends with `last`."""
    if not hole:
        return (Span(begin=NOW - DAY, end=NOW, status=last),)
    day = [
        Span(begin=NOW - DAY, end=NOW - 71_000, status=Status.VERIFIED),
        Span(begin=NOW - 71_000, end=NOW - 69_200, status=None),
        Span(begin=NOW - 69_200, end=NOW - 39_000, status=Status.VERIFIED),
        Span(begin=NOW - 39_000, end=NOW - 36_400, status=Status.POLICY_CHANGED),
        Span(begin=NOW - 36_400, end=NOW - since, status=Status.VERIFIED),
    ]
    if last is Status.VERIFIED:
        day[-1] = Span(begin=NOW - 36_400, end=NOW, status=Status.VERIFIED)
    else:
        day.append(Span(begin=NOW - since, end=NOW, status=last))
    return tuple(day)


def points(*, modified: int = 0, missing: int = 0, new: int = 0) -> tuple[ScanPoint, ...]:
    """Return a day of scans; the last two see what is passed."""
    made = []
    for at in range(288):
        late = at >= 286
        made.append(
            ScanPoint(
                at=NOW - DAY + 300 * (at + 1) - 74,
                kind="full" if at % 4 == 3 else "stat",
                duration_ms=1900 + (at * 7919) % 620 if at % 4 == 3 else 90,
                bytes_hashed=BYTES if at % 4 == 3 else 0,
                modified=modified if late else 0,
                missing=missing if late else 0,
                new=new if late else 0,
            )
        )
    return tuple(made)


def snapshot(found: Verdict | None, *, since: float = 41 * 3600, **fields: object) -> Snapshot:
    """Return a snapshot around a verdict."""
    usual: dict[str, object] = {
        "version": 12,
        "at": NOW,
        "started_at": NOW - 6 * DAY,
        "root": "/srv/app",
        "verdict": found,
        "since": NOW - since,
        "last_scan_at": NOW - 74,
        "last_full_at": NOW - 974,
        "next_scan_at": NOW + 226,
        "events": EVENTS,
        "keys": KEYS,
        "receipts": RECEIPTS,
        "spans": () if found is None else spans(found.status, since),
        "points": points(),
    }
    return Snapshot(**(usual | fields))  # type: ignore[arg-type]


def corrupted(kind: Kind, path: bytes, **fields: str) -> Finding:
    """Return a finding of the tree."""
    return Finding(kind=kind, status=Status.CORRUPTED, path=path, **fields)


FEW = (
    corrupted(Kind.MODIFIED, b"app/payments/charge.py", expected=OLD, actual=OTHER),
    corrupted(Kind.MODIFIED, b"app/payments/refund.py", expected=OTHER, actual=OLD),
    corrupted(Kind.MISSING, b"app/static/js/checkout.min.js", expected=OLD),
    corrupted(Kind.NEW, b"app/static/js/jquery.min.js", detail="not sealed"),
    corrupted(Kind.MODE, b"bin/start", expected="0755", actual="4755"),
    corrupted(Kind.LINK_TARGET, b"lib/current", expected="v1.4.2", actual="/tmp/.x/v1.4.2"),
)

ORIGINS = (
    (
        b"app/payments/charge.py",
        Origin(pid=48_213, uid=0, command="/usr/bin/python3", at=NOW - 760),
    ),
    (b"bin/start", Origin(pid=48_260, uid=0, command="chmod", at=NOW - 741)),
)

MANY = tuple(
    corrupted(
        (Kind.MODIFIED, Kind.MISSING, Kind.NEW)[at % 3],
        b"lib/python3.11/site-packages/package_%03d/module_%d/file_%d.py" % (at % 137, at % 11, at),
        expected=OLD,
        actual=OTHER,
    )
    for at in range(10_000)
)

HOSTILE_NAMES = (
    b"<script>alert(1)</script>",
    b'"><img src=x onerror=alert(1)>',
    "invoice\u202efdp.exe".encode(),
    b"two\nlines",
    b"\xff\xfe not UTF-8",
    b"a" * 4000,
    b"/".join([b"d"] * 1500),
    b"{{ 7*7 }}{% raw %}",
    "결제/확인.py".encode(),
)

TAMPERED = (
    Finding(
        kind=Kind.SIGNATURE_INVALID,
        status=Status.TAMPERED,
        path=b"checksums.sig",
        detail="the signature by key 1dbe14481100334e does not fit what it signs",
    ),
    Finding(
        kind=Kind.ARTIFACT_MISMATCH,
        status=Status.TAMPERED,
        path=b"checksums.json",
        expected=OLD,
        actual=OTHER,
    ),
)

POLICY = (
    Finding(
        kind=Kind.IGNORE_DIFFERS,
        status=Status.POLICY_CHANGED,
        expected="",
        actual="*.log",
        detail="the declared ignore patterns are not the sealed ones",
    ),
)

UNVERIFIABLE = (
    Finding(
        kind=Kind.KEYRING_UNUSABLE,
        status=Status.UNVERIFIABLE,
        path=b"keyring.json",
        detail="/etc/duri/keyring.json is not there",
    ),
    Finding(
        kind=Kind.UNREADABLE,
        status=Status.UNVERIFIABLE,
        path=b"app/private",
        detail="permission denied",
    ),
)

OVERDUE_KEY = (
    KeyAge(
        keyid="ab" * 32, name=None, algorithm="hmac-sha256", state="active", age_days=133, due=True
    ),
    *KEYS,
)

STATES: dict[str, Snapshot] = {
    "starting": snapshot(
        None,
        since=12,
        started_at=NOW - 12,
        last_scan_at=None,
        last_full_at=None,
        next_scan_at=None,
        points=(),
        receipts=ReceiptLog(folder="/var/lib/duri/receipts"),
        scanning=Scanning(
            kind="full",
            began=NOW - 9,
            files=4_120,
            bytes=514_000_000,
            total_files=FILES,
            total_bytes=BYTES,
        ),
    ),
    "verified": snapshot(verdict(Status.VERIFIED)),
    "corrupted": snapshot(
        verdict(Status.CORRUPTED, *FEW),
        since=760,
        origins=ORIGINS,
        points=points(modified=2, missing=1, new=1),
    ),
    "corrupted-many": snapshot(
        verdict(Status.CORRUPTED, *MANY),
        since=190,
        points=points(modified=3334, missing=3333, new=3333),
    ),
    "tampered": snapshot(verdict(Status.TAMPERED, *TAMPERED), since=45),
    "policy-changed": snapshot(verdict(Status.POLICY_CHANGED, *POLICY), since=5 * 3600),
    "unverifiable": snapshot(
        verdict(Status.UNVERIFIABLE, *UNVERIFIABLE), since=3700, keys=(), target="gunicorn (pid 7)"
    ),
    "updating": snapshot(verdict(Status.VERIFIED), since=20, updating=True),
    "events-lost": snapshot(
        verdict(Status.VERIFIED),
        keys=OVERDUE_KEY,
        events=Events(
            source="inotify",
            watches=8_192,
            lost=3,
            problem="1,204 folders are not watched: raise fs.inotify.max_user_watches",
        ),
        scanning=Scanning(kind="stat", began=NOW - 1, files=310),
    ),
    "no-receipts": snapshot(
        verdict(Status.VERIFIED), receipts=ReceiptLog(), events=Events(), last_scan_at=NOW - 4000
    ),
    "spike": snapshot(
        verdict(Status.CORRUPTED, *MANY[:42], files=70, spike=True),
        since=30,
        problems=("/metrics/integrity.prom cannot be written: no space left on device",),
        points=points(modified=14, missing=14, new=14),
    ),
    "hostile": snapshot(
        verdict(
            Status.CORRUPTED,
            *(
                corrupted(Kind.NEW, name, actual=name.decode("utf-8", "replace")[:300])
                for name in HOSTILE_NAMES
            ),
            product="<b>shop</b>",
            version="\u202e2.4.1",
        ),
        since=5,
        root="/srv/<app>",
        target="{evil} \x1b[31m",
        origins=((HOSTILE_NAMES[0], Origin(pid=1, uid=None, command="<i>sh</i>\n", at=NOW - 5)),),
        problems=("a \u202eproblem</li><script>",),
    ),
}
"""One snapshot a state, and some that a page must bear."""
