"""The artifacts of a release as types: their names, and the metadata's one parser and one writer.

Guarantees: `parse_metadata` accepts only canonical bytes of a schema it knows, or of an older one,
whose missing fields it leaves at None; a newer schema is told apart from a malformed one. The
attributes stay raw JSON here, since they grow with the tree: `duri.tree` parses them in the core.

Leaves to others: checksums (`duri.tree`), signatures, and whether any of this is authentic.
"""

import re

import msgspec

from duri import times
from duri.errors import MalformedError, UnverifiableError, UsageError
from duri.evidence import canonical
from duri.policy import Policy
from duri.threshold import millionths
from duri.tree.digest import sha256

CHECKSUMS = "checksums.json"
CHECKSUMS_SIGNATURE = "checksums.sig"
METADATA = "deployment_metadata.json"
METADATA_SIGNATURE = "deployment_metadata.sig"
PROVENANCE = "provenance.json"
PROVENANCE_SIGNATURE = "provenance.sig"

REQUIRED = (CHECKSUMS, METADATA, PROVENANCE)
SIGNATURES = (CHECKSUMS_SIGNATURE, METADATA_SIGNATURE, PROVENANCE_SIGNATURE)
SBOM_FORMATS = {"sbom.spdx.json": "spdx-json", "sbom.cdx.json": "cyclonedx-json"}

SCHEMA_VERSION = "2.0"
HASH_VERSION = 1
HASH_ALGORITHMS = ("sha256", "sha512", "blake3")
WEAK_ALGORITHMS = frozenset({"md5", "sha1", "md4", "crc32", "sha224", "ripemd160"})
MODES = ("strict", "lenient")
MAX_NUMBER = 2**63 - 1
"""What other readers of JSON keep exact as a signed integer."""

# Compiled where they are used: a gate uses none of them.
_NAME = r"[A-Za-z0-9][A-Za-z0-9._+-]{0,127}\Z"
_NOT_IN_ID = r"[^A-Za-z0-9._-]"
_SCHEMA = r"(0|[1-9][0-9]{0,3})\.(0|[1-9][0-9]{0,3})\Z"
_ID_DIGEST_DIGITS = 12
_PREFIX = "sha256:"


class Metadata(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`deployment_metadata.json`, schema 2.0.

    Attributes:
        attributes: what is not content, by exception, as raw JSON for the core.
        sequence: grows with each release of a product in an environment.
        created_at: RFC 3339, UTC.
        ignore_hash: "sha256:…" over the canonical policy.
        file_count: entries of `checksums.json`.
        total_bytes: size of those files when they were sealed.
        checksums_digest: "sha256:…" over the bytes of `checksums.json`.
        environment: "" for a release sealed for no environment in particular.
    """

    attributes: msgspec.Raw
    checksums_digest: str
    created_at: str
    deployment_id: str
    environment: str
    file_count: int
    hash_algorithm: str
    hash_version: int
    ignore_hash: str
    mode: str
    policy: Policy
    product: str
    schema_version: str
    sequence: int
    total_bytes: int
    version: str


class OlderMetadata(msgspec.Struct, frozen=True, kw_only=True):
    """Metadata of a schema before 2.0: what it says is used, what it lacks is not checked.

    Attributes:
        attributes: empty where there are none; msgspec takes no `Raw | None`.
    """

    schema_version: str
    deployment_id: str
    version: str = ""
    product: str = ""
    environment: str = ""
    sequence: int = 0
    created_at: str = ""
    hash_algorithm: str = "sha256"
    hash_version: int = 0
    mode: str = "strict"
    policy: Policy = Policy()
    attributes: msgspec.Raw = msgspec.Raw()
    checksums_digest: str | None = None
    ignore_hash: str | None = None


class _Versioned(msgspec.Struct, frozen=True):
    schema_version: str


def write_metadata(metadata: Metadata) -> bytes:
    """Return the canonical document; `attributes` stays as the core wrote it.

    Raises:
        UsageError: the sequence is one that no verifier would accept.
    """
    if not 0 <= metadata.sequence <= MAX_NUMBER:
        raise UsageError(
            "not a usable sequence", expected=f"0 to {MAX_NUMBER}", got=str(metadata.sequence)
        )
    return canonical.encode(metadata)


def parse_metadata(data: bytes) -> Metadata | OlderMetadata:
    """Parse `deployment_metadata.json` once its signature was checked.

    Raises:
        MalformedError: not canonical, wrong types, or a value outside its range.
        UnverifiableError: a schema newer than this verifier knows.
    """
    schema = canonical.parse(data, _Versioned, name=METADATA).schema_version
    age = _compare_schema(schema)
    if age > 0:
        raise UnverifiableError(
            "the release was sealed by a newer DuRi than this verifier",
            where=METADATA,
            expected=f"schema_version {SCHEMA_VERSION} or older",
            got=schema,
            todo="Update DuRi where it verifies",
        )
    if age < 0:
        canonical.decode(data, dict[str, object], name=METADATA)
        older = canonical.parse(data, OlderMetadata, name=METADATA)
        _check_threshold(older.policy)
        return older
    metadata = canonical.decode(data, Metadata, name=METADATA)
    _check_ranges(metadata)
    return metadata


def digest(data: bytes) -> str:
    """Return "sha256:…" of bytes, as the metadata names digests."""
    return _PREFIX + sha256(data)


def policy_digest(policy: Policy) -> str:
    """Return the digest of a policy, over its canonical document."""
    return digest(canonical.encode(policy))


def make_deployment_id(product: str, version: str, sequence: int, checksums: bytes) -> str:
    """Return a name for a release that is unique by content and safe as a file name and a label."""
    parts = f"{product}-{version}-{sequence}-{sha256(checksums)[:_ID_DIGEST_DIGITS]}"
    return re.sub(_NOT_IN_ID, "_", parts)


def check_name(what: str, value: str) -> str:
    """Return a product's, environment's or version's name, or raise UsageError.

    They become file names, labels and parts of signed statements; what they may hold is what is
    safe in all of these.
    """
    if not re.match(_NAME, value):
        raise UsageError(
            f"not a usable {what}",
            expected="letters, digits, . _ + - and at most 128 of them, a letter or digit first",
            got=repr(value),
        )
    return value


def _compare_schema(schema: str) -> int:
    if schema != SCHEMA_VERSION and not re.match(_SCHEMA, schema):
        raise MalformedError("not a schema_version", where=METADATA, got=repr(schema))
    ours = tuple(map(int, SCHEMA_VERSION.split(".")))
    theirs = tuple(map(int, schema.split(".")))
    return (theirs > ours) - (theirs < ours)


def _check_ranges(metadata: Metadata) -> None:
    wrong = next(
        (
            name
            for name, holds in (
                ("mode", metadata.mode in MODES),
                ("sequence", 0 <= metadata.sequence <= MAX_NUMBER),
                ("hash_version", metadata.hash_version >= 1),
                ("file_count", 0 <= metadata.file_count <= MAX_NUMBER),
                ("total_bytes", 0 <= metadata.total_bytes <= MAX_NUMBER),
                ("created_at", _is_time(metadata.created_at)),
                ("ignore_hash", metadata.ignore_hash == policy_digest(metadata.policy)),
            )
            if not holds
        ),
        None,
    )
    if wrong is not None:
        raise MalformedError(f"the field {wrong} is out of its range", where=METADATA)
    _check_threshold(metadata.policy)


def _is_time(text: str) -> bool:
    try:
        times.parse(text)
    except ValueError:
        return False
    return True


def _check_threshold(policy: Policy) -> None:
    try:
        millionths(policy.spike_threshold)
    except UsageError as error:
        raise MalformedError(error.what, where=METADATA, got=error.got) from error
