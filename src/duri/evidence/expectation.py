"""Does authentic evidence hold together, and is it what is expected here?

The checks of `duri.evidence.authenticity`, steps 4 to 7, each on artifacts whose bytes were
accepted: metadata, checksums and provenance are of one release; it is a release for this place and
no older than the floor; time has not gone backwards; the hash is one that this verifier trusts and
knows.
"""

from collections.abc import Mapping

import msgspec

from duri import times
from duri.errors import DuriError, MalformedError
from duri.evidence import envelope as dsse
from duri.evidence import findings, provenance, release, statement
from duri.evidence.keys import trust
from duri.evidence.keys.keyring import Keyring
from duri.limits import CLOCK_SKEW_SECONDS
from duri.tree.digest import sha256
from duri.verdict import Finding, Kind, Status


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """What the place of verification expects.

    Attributes:
        product: the one product that may run here; None for any.
        environment: the one environment; None for any.
        minimum_sequence: the floor that the settings give.
        floors: "product/environment" -> the highest sequence this verifier has seen.
        authorization: the bytes of a signed permission to go below the floor.
        allow_unsigned: lenient, and not in production.
        now: unix seconds.
        dual_verify: whether retiring keys still count.
        from_archive: whether the release was brought back from the archive.
    """

    product: str | None = None
    environment: str | None = None
    minimum_sequence: int = 0
    floors: dict[str, int] = {}
    authorization: bytes | None = None
    allow_unsigned: bool = False
    now: int
    dual_verify: bool = True
    from_archive: bool = False


def judge_envelope(envelope: dsse.Envelope, keyring: Keyring, expected: Expected) -> trust.Trust:
    """Ask the keyring which of an envelope's signatures count."""
    return trust.judge(
        dsse.pae(envelope.payload_type, envelope.payload),
        tuple((one.keyid, one.signature) for one in envelope.signatures),
        keyring=keyring,
        now=expected.now,
        dual_verify=expected.dual_verify,
        from_archive=expected.from_archive,
    )


def check_same_release(
    metadata: release.Metadata | release.OlderMetadata,
    predicate: statement.Release,
    found: list[Finding],
) -> None:
    """Step 4: the metadata is about the release that was signed."""
    for field in ("deployment_id", "product", "environment", "sequence"):
        said, signed = getattr(metadata, field), getattr(predicate, field)
        if said != signed:
            found.append(
                findings.finding(
                    Kind.ARTIFACTS_MIXED,
                    f"the metadata's {field} is not the signed one",
                    path=release.METADATA,
                    expected=str(signed),
                    actual=str(said),
                )
            )


def check_binding(
    metadata: release.Metadata | release.OlderMetadata,
    content: dict[str, bytes],
    digests: Mapping[str, str],
    found: list[Finding],
) -> None:
    """Steps 4 and 5: checksums and provenance belong to this metadata.

    Args:
        metadata: as it was parsed.
        content: the artifacts that were accepted, of those in memory.
        digests: the SHA-256 of all that were accepted, by name.
        found: what is found is added here.
    """
    if release.CHECKSUMS not in digests:
        return
    if metadata.checksums_digest is not None:
        actual = f"sha256:{digests[release.CHECKSUMS]}"
        if metadata.checksums_digest != actual:
            found.append(
                findings.finding(
                    Kind.ARTIFACTS_MIXED,
                    "the metadata names other checksums",
                    path=release.CHECKSUMS,
                    expected=metadata.checksums_digest,
                    actual=actual,
                )
            )
    if release.PROVENANCE in content:
        try:
            provenance.check(content[release.PROVENANCE], digests)
        except MalformedError as error:
            about_sbom = error.where != release.PROVENANCE
            kind = Kind.SBOM_MISMATCH if about_sbom else Kind.PROVENANCE_MISMATCH
            found.append(findings.from_error(kind, error.where or release.PROVENANCE, error))


def check_expected(
    metadata: release.Metadata | release.OlderMetadata,
    content: dict[str, bytes],
    keyring: Keyring | None,
    expected: Expected,
    found: list[Finding],
) -> None:
    """Step 6: it is a release for this place, and not an old one."""
    for kind, field, wanted in (
        (Kind.PRODUCT_MISMATCH, "product", expected.product),
        # A release sealed for no environment in particular runs in any.
        (Kind.ENVIRONMENT_MISMATCH, "environment", metadata.environment and expected.environment),
    ):
        said = getattr(metadata, field)
        if wanted and said != wanted:
            found.append(
                findings.finding(
                    kind, f"the release is of another {field}", expected=wanted, actual=said
                )
            )
    # Where it runs, not what it was sealed for: a release for any environment has this one's floor.
    place = expected.environment or metadata.environment
    seen = expected.floors.get(f"{metadata.product}/{place}", 0)
    floor = max(seen, expected.minimum_sequence)
    if metadata.sequence < floor:
        detail = _authorized(metadata, content, keyring, expected)
        if detail is not None:
            found.append(
                findings.finding(
                    Kind.BELOW_FLOOR,
                    f"the release is older than the floor; {detail}",
                    expected=f"sequence {floor} or later",
                    actual=f"sequence {metadata.sequence}",
                )
            )


def _authorized(
    metadata: release.Metadata | release.OlderMetadata,
    content: dict[str, bytes],
    keyring: Keyring | None,
    expected: Expected,
) -> str | None:
    """Return why no permission lets this release go below the floor; None when one does."""
    if expected.authorization is None or keyring is None:
        return "no authorisation permits it"
    name = "the authorisation"
    try:
        envelope = dsse.parse(expected.authorization, name=name)
        # A permission is given now: an archived key gives none.
        today = msgspec.structs.replace(expected, from_archive=False)
        if not judge_envelope(envelope, keyring, today).ok:
            return f"{name} is not signed by a trusted key"
        permission = statement.parse_rollback(envelope, name=name)
        expires = times.parse(permission.predicate.expires_at)
    except DuriError as error:
        return f"{name} is malformed: {error.what}"
    except ValueError as error:
        return f"{name} is malformed: {error}"
    said = permission.predicate
    about = permission.subject[0].digest.sha256
    if about != sha256(content[release.METADATA]) or (
        (said.deployment_id, said.sequence) != (metadata.deployment_id, metadata.sequence)
    ):
        return f"{name} is for another release"
    return f"{name} has expired" if expires < expected.now else None


def check_time(predicate: statement.Release, expected: Expected, found: list[Finding]) -> None:
    """Step 7: a clock before the signing time says nothing about keys' windows."""
    try:
        signed_at = times.parse(predicate.signed_at)
    except ValueError as error:
        detail = f"the signing time is malformed: {error}"
        found.append(findings.finding(Kind.SIGNATURE_MALFORMED, detail))
        return
    if expected.now + CLOCK_SKEW_SECONDS < signed_at:
        found.append(
            findings.finding(
                Kind.CLOCK_BEHIND,
                "the clock stands before the release was signed",
                Status.UNVERIFIABLE,
                expected=f"{predicate.signed_at} or later",
                actual=times.write(expected.now),
            )
        )


def hash_usable(metadata: release.Metadata | release.OlderMetadata, found: list[Finding]) -> bool:
    """Return whether the hash is one that this verifier trusts and knows."""
    name = metadata.hash_algorithm
    if name in release.WEAK_ALGORITHMS:
        found.append(
            findings.finding(
                Kind.HASH_WEAK,
                "the release was hashed with an algorithm that can be forged",
                expected=", ".join(release.HASH_ALGORITHMS),
                actual=name,
            )
        )
        return False
    if name not in release.HASH_ALGORITHMS or metadata.hash_version > release.HASH_VERSION:
        found.append(
            findings.finding(
                Kind.HASH_UNKNOWN,
                "the release was hashed in a way this verifier does not know; update DuRi",
                Status.UNVERIFIABLE,
                actual=f"{name}, version {metadata.hash_version}",
            )
        )
        return False
    return True
