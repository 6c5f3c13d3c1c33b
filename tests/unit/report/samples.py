"""Verdicts of each status, as the renderers' tests take them."""

from duri.verdict import Finding, Kind, PolicyCheck, SignatureCheck, Status, Summary, Verdict

DIGEST_1 = "sha256:" + "ab" * 32
DIGEST_2 = "sha256:" + "cd" * 32


def verdict(
    status: Status,
    *findings: Finding,
    root: str = "/srv/app",
    deployment_id: str = "shop-1.4.2-17-0123456789ab",
    summary: Summary | None = None,
) -> Verdict:
    """Return a verdict about a signed release."""
    return Verdict(
        status=status,
        root=root,
        checked_at="2026-11-22T10:00:00Z",
        product="shop",
        environment="prod",
        version="1.4.2",
        sequence=17,
        deployment_id=deployment_id,
        schema_version="2.0",
        hash_algorithm="sha256",
        hash_version=1,
        created_at="2026-11-20T09:00:00Z",
        summary=summary
        or Summary(
            total_files=2262, verified_files=2262, scan_duration_ms=263, bytes_hashed=25 * 10**6
        ),
        policy=PolicyCheck(stored_hash=DIGEST_1, current_hash=DIGEST_1),
        signatures=(SignatureCheck(name="checksums.sig", ok=True, keyids=("ab" * 32,)),),
        findings=findings,
    )


def finding(kind: Kind, path: bytes | None = None, *, detail: str = "") -> Finding:
    """Return a finding of a kind, with the status that such a finding calls for."""
    return Finding(kind=kind, status=STATUS_OF[kind], path=path, detail=detail)


def _status_of(kind: Kind) -> Status:
    order = list(Kind)
    at = order.index(kind)
    for first, status in (
        (Kind.UNSIGNED, Status.VERIFIED),
        (Kind.SCHEMA_OLDER, Status.POLICY_CHANGED),
        (Kind.MODIFIED, Status.CORRUPTED),
        (Kind.SIGNATURE_MISSING, Status.TAMPERED),
    ):
        if at >= order.index(first):
            return status
    return Status.UNVERIFIABLE


STATUS_OF = {kind: _status_of(kind) for kind in Kind}

UNKNOWN = Verdict(
    status=Status.UNVERIFIABLE,
    root="/srv/app",
    checked_at="2026-11-22T10:00:00Z",
    findings=(
        Finding(
            kind=Kind.ARTIFACTS_MISSING, status=Status.UNVERIFIABLE, detail="there is no .duri here"
        ),
    ),
)

MODIFIED = Finding(
    kind=Kind.MODIFIED,
    status=Status.CORRUPTED,
    path=b"app/main.py",
    expected=DIGEST_1,
    actual=DIGEST_2,
)

HOSTILE = Finding(
    kind=Kind.NEW,
    status=Status.CORRUPTED,
    path=b"app/\x1b]0;owned\x07\xff\n<script>.py",
    actual="file",
)

EVERY_STATUS = {
    Status.UNVERIFIABLE: UNKNOWN,
    Status.TAMPERED: verdict(
        Status.TAMPERED, finding(Kind.SIGNATURE_INVALID, b"checksums.sig"), MODIFIED
    ),
    Status.CORRUPTED: verdict(Status.CORRUPTED, MODIFIED, HOSTILE),
    Status.POLICY_CHANGED: verdict(Status.POLICY_CHANGED, finding(Kind.IGNORE_DIFFERS)),
    Status.VERIFIED: verdict(Status.VERIFIED),
}
