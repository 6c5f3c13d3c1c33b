"""What a verification says: one status, every finding, a summary.

Guarantees: `conclude` gives exactly one status, the first of DESIGN's order that any finding calls
for, so that a page never becomes a warning by adding findings. Values are frozen. Rendering,
metrics and exit are left to `duri.report` and `duri.cli`.
"""

import enum
from collections.abc import Iterable

import msgspec


class Status(enum.StrEnum):
    """The five answers, in the order in which the first that holds wins."""

    UNVERIFIABLE = "unverifiable"
    TAMPERED = "tampered"
    CORRUPTED = "corrupted"
    POLICY_CHANGED = "policy_changed"
    VERIFIED = "verified"

    @property
    def exit_code(self) -> int:
        """The exit code of a process that ends with this status."""
        return _EXIT_CODES[self]

    @property
    def severity(self) -> str:
        """`critical`, `warning` or `none`."""
        if self is Status.VERIFIED:
            return "none"
        return "warning" if self is Status.POLICY_CHANGED else "critical"


_EXIT_CODES = {
    Status.VERIFIED: 0,
    Status.CORRUPTED: 10,
    Status.TAMPERED: 11,
    Status.POLICY_CHANGED: 12,
    Status.UNVERIFIABLE: 13,
}


class Kind(enum.StrEnum):
    """What a finding is about; the names are part of the JSON schema and never change meaning."""

    # No verdict can be reached.
    ROOT_UNUSABLE = "root_unusable"
    ARTIFACTS_MISSING = "artifacts_missing"
    KEYRING_UNUSABLE = "keyring_unusable"
    UNREADABLE = "unreadable"
    IO_ERROR = "io_error"
    SCAN_INCOMPLETE = "scan_incomplete"
    SCHEMA_UNKNOWN = "schema_unknown"
    HASH_UNKNOWN = "hash_unknown"
    CLOCK_BEHIND = "clock_behind"
    STATE_UNUSABLE = "state_unusable"
    SETTING_UNUSABLE = "setting_unusable"
    # The evidence is not authentic.
    SIGNATURE_MISSING = "signature_missing"
    SIGNATURE_MALFORMED = "signature_malformed"
    SIGNATURE_INVALID = "signature_invalid"
    SIGNATURE_UNTRUSTED = "signature_untrusted"
    ARTIFACT_MISSING = "artifact_missing"
    ARTIFACT_MISMATCH = "artifact_mismatch"
    ARTIFACT_UNEXPECTED = "artifact_unexpected"
    ARTIFACT_MALFORMED = "artifact_malformed"
    ARTIFACTS_MIXED = "artifacts_mixed"
    PRODUCT_MISMATCH = "product_mismatch"
    ENVIRONMENT_MISMATCH = "environment_mismatch"
    BELOW_FLOOR = "below_floor"
    HASH_WEAK = "hash_weak"
    PROVENANCE_MISMATCH = "provenance_mismatch"
    SBOM_MISMATCH = "sbom_mismatch"
    # The tree differs from the evidence.
    MODIFIED = "modified"
    MISSING = "missing"
    NEW = "new"
    TYPE = "type"
    MODE = "mode"
    LINK_TARGET = "link_target"
    CAPABILITY = "capability"
    OWNER = "owner"
    HARD_LINK = "hard_link"
    MOUNT_POINT = "mount_point"
    CHANGING = "changing"
    EXECUTABLE = "executable"
    # Made under another policy.
    SCHEMA_OLDER = "schema_older"
    ALGORITHM_DIFFERS = "algorithm_differs"
    MODE_DIFFERS = "mode_differs"
    IGNORE_DIFFERS = "ignore_differs"
    MUTABLE_DIFFERS = "mutable_differs"
    THRESHOLD_DIFFERS = "threshold_differs"
    # Worth saying, never failing.
    UNSIGNED = "unsigned"
    KEY_OVERDUE = "key_overdue"
    CONFIGURATION_IGNORED = "configuration_ignored"
    KEYRING_WEAK = "keyring_weak"
    UNNAMED = "unnamed"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing a verification saw.

    Attributes:
        kind: what it is about.
        status: the status it calls for; `verified` for one that never fails.
        path: bytes relative to the root, or the artifact's file name; None where neither applies.
        expected: what was sealed or required, printable ASCII or UTF-8 without controls.
        actual: what was found instead.
        detail: one sentence for a person.
    """

    kind: Kind
    status: Status
    path: bytes | None = None
    expected: str | None = None
    actual: str | None = None
    detail: str = ""


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of one scan; `total_files` counts sealed files, durations are in milliseconds."""

    total_files: int = 0
    verified_files: int = 0
    modified_files: int = 0
    missing_files: int = 0
    new_files: int = 0
    scan_duration_ms: int = 0
    bytes_hashed: int = 0
    spike_detected: bool = False


class SignatureCheck(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one signature file: the keyids that count, and whether they suffice."""

    name: str
    ok: bool
    keyids: tuple[str, ...] = ()


class PolicyCheck(msgspec.Struct, frozen=True, kw_only=True):
    """The digest of the sealed policy beside that of the policy declared now."""

    stored_hash: str | None = None
    current_hash: str | None = None
    mismatch: bool = False


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to "is what is here what was released?".

    Attributes:
        status: the one status.
        root: the folder that was judged, as given.
        checked_at: RFC 3339, UTC.
        mode: `strict` or `lenient`, as applied.
        signatures: one a signature file; empty where the release is unsigned.
        findings: all of them, most severe status first, then by path.

    The release's own fields are None until its signature was checked.
    """

    status: Status
    root: str
    checked_at: str
    mode: str = "strict"
    product: str | None = None
    environment: str | None = None
    version: str | None = None
    sequence: int | None = None
    deployment_id: str | None = None
    schema_version: str | None = None
    hash_algorithm: str | None = None
    hash_version: int | None = None
    created_at: str | None = None
    summary: Summary = Summary()
    policy: PolicyCheck = PolicyCheck()
    signatures: tuple[SignatureCheck, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def exit_code(self) -> int:
        """The exit code of a process that ends with this verdict."""
        return self.status.exit_code


def conclude(findings: Iterable[Finding]) -> Status:
    """Return the first status, from the top, that a finding calls for."""
    called_for = {finding.status for finding in findings}
    return next((status for status in Status if status in called_for), Status.VERIFIED)
