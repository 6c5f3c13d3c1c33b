"""How a sealed policy compares with what is declared where DuRi runs.

Guarantees: a sealed policy is a floor. `differences` only ever reports; nothing declared at
verification loosens what was sealed.
"""

import msgspec

from duri.errors import MalformedError
from duri.evidence import declaration, release
from duri.evidence.declaration import Declared
from duri.policy import Policy
from duri.settings import Settings
from duri.threshold import millionths
from duri.verdict import Finding, Kind, PolicyCheck, Status


class Differing(msgspec.Struct, frozen=True, kw_only=True):
    """The digests of both policies, and a finding for each way in which they differ."""

    policy: PolicyCheck
    findings: tuple[Finding, ...] = ()


def check(
    metadata: release.Metadata | release.OlderMetadata,
    settings: Settings,
    *,
    root_fd: int,
    signed: bool,
) -> Differing:
    """Compare the sealed policy with what the settings and `duriignore.json` declare now."""
    found = []
    stored = release.policy_digest(metadata.policy)
    if isinstance(metadata, release.OlderMetadata):
        stored = metadata.ignore_hash or stored
        found.append(
            Finding(
                kind=Kind.SCHEMA_OLDER,
                status=Status.POLICY_CHANGED,
                expected=release.SCHEMA_VERSION,
                actual=metadata.schema_version,
                detail="the release was sealed by an older DuRi, which checked less; seal it again",
            )
        )
    try:
        declared = declaration.at_verification(settings, root_fd=root_fd)
    except MalformedError as error:
        unreadable = Finding(
            kind=Kind.IGNORE_DIFFERS,
            status=Status.POLICY_CHANGED,
            path=(error.where or "").encode(),
            actual=error.got,
            detail=f"{error.what}; the sealed policy was applied",
        )
        return Differing(
            policy=PolicyCheck(stored_hash=stored, mismatch=True), findings=(*found, unreadable)
        )
    # An unsigned release's own word on its mode binds nobody.
    mode = metadata.mode if signed else (declared.mode or metadata.mode)
    found += differences(
        metadata.policy, declared, sealed_mode=mode, sealed_algorithm=metadata.hash_algorithm
    )
    same = not any(finding.kind is Kind.IGNORE_DIFFERS for finding in found)
    current = ignore_as_declared(metadata.policy, declared)
    return Differing(
        policy=PolicyCheck(
            stored_hash=stored,
            current_hash=stored if same else release.policy_digest(current),
            mismatch=not same,
        ),
        findings=tuple(found),
    )


def ignore_as_declared(sealed: Policy, declared: Declared) -> Policy:
    """Return the policy that sealing with what is declared now would give."""
    if declared.ignore is None or not _ignore_differs(sealed, declared):
        return sealed
    return msgspec.structs.replace(sealed, ignore=declared.ignore)


def differences(
    sealed: Policy, declared: Declared, *, sealed_mode: str, sealed_algorithm: str
) -> list[Finding]:
    """Return a `policy_changed` finding for each way in which the declared policy is another."""
    found = []

    def differs(kind: Kind, expected: object, actual: object, detail: str) -> None:
        found.append(
            Finding(
                kind=kind,
                status=Status.POLICY_CHANGED,
                expected=_shown(expected),
                actual=_shown(actual),
                detail=detail,
            )
        )

    if declared.mode is not None and declared.mode != sealed_mode:
        differs(
            Kind.MODE_DIFFERS,
            sealed_mode,
            declared.mode,
            "the release was sealed in another mode; the stricter one was applied",
        )
    if declared.algorithm is not None and declared.algorithm != sealed_algorithm:
        differs(
            Kind.ALGORITHM_DIFFERS,
            sealed_algorithm,
            declared.algorithm,
            "the release was sealed with another hash algorithm",
        )
    if _ignore_differs(sealed, declared):
        differs(
            Kind.IGNORE_DIFFERS,
            sealed.ignore,
            declared.ignore,
            "other ignore patterns are declared here than were sealed; the sealed ones apply",
        )
    for name in ("mutable", "append_only"):
        now = getattr(declared, name)
        then = getattr(sealed, name)
        if now is not None and set(now) != set(then):
            differs(
                Kind.MUTABLE_DIFFERS,
                then,
                now,
                f"other {name} patterns are declared here than were sealed; the sealed ones apply",
            )
    if declared.spike_threshold is not None and millionths(declared.spike_threshold) > millionths(
        sealed.spike_threshold
    ):
        differs(
            Kind.THRESHOLD_DIFFERS,
            sealed.spike_threshold,
            declared.spike_threshold,
            "a looser spike threshold is declared here than was sealed; the sealed one was applied",
        )
    return found


def _ignore_differs(sealed: Policy, declared: Declared) -> bool:
    """Tell whether the declared ignore patterns are others than the sealed ones.

    A source that is absent says nothing: a pod does not carry CI's flags. A pattern that was not
    sealed always differs; once DURI_INTEGRITY_EXCLUDES is set, a pattern that is no longer
    declared differs too.
    """
    if declared.ignore is None:
        return False
    if declared.ignore_complete:
        return set(declared.ignore) != set(sealed.ignore)
    return not set(declared.ignore) <= set(sealed.ignore)


def _shown(value: object) -> str:
    """Return a value as a finding shows it: patterns as one JSON list, so none hides another."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
