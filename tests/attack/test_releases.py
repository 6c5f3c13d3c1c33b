"""Rows 7 to 10: well signed, and not the release that is expected here."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.attack import releases
from tests.attack.releases import LATER, Release, is_refused, is_verified, make, new_key, ring_of

import duri
from duri.evidence import release
from duri.verdict import Kind, Status

TAMPERED = Status.TAMPERED


@pytest.fixture
def made(tmp_path: Path) -> Release:
    """Return a release that is verified."""
    return make(tmp_path / "app")


# Row 7.


@pytest.mark.parametrize("name", [*release.REQUIRED, *release.SIGNATURES])
def test_artifact_of_another_release_is_tampered(made: Release, tmp_path: Path, name: str) -> None:
    """Both are well signed by the same key, of the same tree, and differ by the version."""
    other = make(tmp_path / "other", made.ring, version="1.0.1", sequence=101)
    before = made.read()
    taken = other.read()
    if before[name] == taken[name]:
        taken[name] = make(tmp_path / "third", made.ring, files={"main.py": b"other\n"}).read()[
            name
        ]
    (made.folder / name).write_bytes(taken[name])
    expected = Kind.ARTIFACTS_MIXED if name in release.SIGNATURES else Kind.ARTIFACT_MISMATCH
    is_refused(made.verify(), TAMPERED, expected)
    (made.folder / name).write_bytes(before[name])
    is_verified(made.verify())


def test_artifacts_of_another_release_with_all_its_signatures_do_not_fit(
    made: Release, tmp_path: Path
) -> None:
    """Checksums and every signature of B with the metadata of A."""
    other = make(tmp_path / "other", made.ring, files={"main.py": b"other\n"}, sequence=101)
    for name, data in other.read().items():
        if name != release.METADATA:
            (made.folder / name).write_bytes(data)
    is_refused(made.verify(), TAMPERED, Kind.ARTIFACT_MISMATCH, release.METADATA)
    is_verified(other.verify())


@pytest.mark.parametrize(
    "change",
    [
        {"deployment_id": "shop-1.0.1-100-000000000000"},
        {"sequence": 10_000},
        {"environment": "prod"},
        {"product": "bank"},
    ],
)
def test_metadata_that_is_not_the_release_of_the_statement_is_tampered(
    made: Release, change: Mapping[str, Any]
) -> None:
    releases.resign(made)
    is_verified(made.verify())
    releases.resign(made, predicate=change)
    is_refused(made.verify(), TAMPERED, Kind.ARTIFACTS_MIXED, release.METADATA)


def test_metadata_that_names_other_checksums_is_tampered(made: Release) -> None:
    releases.resign(made, metadata={"checksums_digest": release.digest(b"other")})
    is_refused(made.verify(), TAMPERED, Kind.ARTIFACTS_MIXED, release.CHECKSUMS)


# Row 8.


def test_release_below_the_floor_is_tampered(made: Release) -> None:
    is_refused(made.verify(minimum_sequence=101), TAMPERED, Kind.BELOW_FLOOR)
    is_verified(made.verify(minimum_sequence=100))


def test_release_older_than_one_verified_before_is_tampered(made: Release, tmp_path: Path) -> None:
    state = str(tmp_path / "state.json")
    newer = make(tmp_path / "newer", made.ring, version="1.1.0", sequence=101)
    is_verified(made.verify(state=state))
    is_verified(newer.verify(state=state))
    is_refused(made.verify(state=state), TAMPERED, Kind.BELOW_FLOOR)
    is_verified(newer.verify(state=state))


def test_refused_release_does_not_raise_the_floor(made: Release, tmp_path: Path) -> None:
    """Else somebody without the key could lock every good release out."""
    state = str(tmp_path / "state.json")
    forged = make(tmp_path / "forged", ring_of(new_key()), sequence=10_000)
    is_refused(forged.verify(made.ring, state=state), TAMPERED, Kind.SIGNATURE_UNTRUSTED)
    broken = make(tmp_path / "broken", made.ring, sequence=10_001)
    (broken.root / "main.py").write_bytes(b"evil\n")
    is_refused(broken.verify(state=state), Status.CORRUPTED, Kind.MODIFIED)
    is_verified(made.verify(state=state))


def permitted(made: Release, permission: bytes) -> duri.Verdict:
    """Verify below the floor with this permission."""
    path = made.root.parent / "permission.sig"
    path.write_bytes(permission)
    return made.verify(minimum_sequence=101, authorization=str(path))


def test_signed_authorisation_lets_one_older_release_pass(made: Release) -> None:
    key = made.ring.keys[0]
    is_verified(permitted(made, releases.rollback_permission(made, key, expires_at=LATER)))


def test_expired_foreign_or_forged_authorisation_is_tampered(made: Release, tmp_path: Path) -> None:
    key = made.ring.keys[0]
    other = make(tmp_path / "other", made.ring, version="1.0.1", sequence=99)
    sound = releases.rollback_permission(made, key, expires_at=LATER)
    for permission in (
        releases.rollback_permission(made, key, expires_at=LATER - 1),
        releases.rollback_permission(other, key, expires_at=LATER),
        releases.rollback_permission(made, new_key(), expires_at=LATER),
        releases.rollback_permission(made, key, expires_at=LATER, sequence=101),
        made.read()[release.CHECKSUMS_SIGNATURE],
        sound.replace(b'"payload": "', b'"payload": "A'),
        b"",
        b"[" * 100_000,
    ):
        is_refused(permitted(made, permission), TAMPERED, Kind.BELOW_FLOOR)
    is_verified(permitted(made, sound))


# Row 9.


@pytest.mark.parametrize(
    ("expected", "kind"),
    [
        ({"product": "bank"}, Kind.PRODUCT_MISMATCH),
        ({"environment": "prod"}, Kind.ENVIRONMENT_MISMATCH),
    ],
)
def test_release_of_another_product_or_environment_is_tampered(
    tmp_path: Path, expected: Mapping[str, Any], kind: Kind
) -> None:
    made = make(tmp_path / "app", product="shop", environment="staging")
    is_refused(made.verify(**expected), TAMPERED, kind)
    is_verified(made.verify(product="shop", environment="staging"))


# Row 10.


@pytest.mark.parametrize("version", ["2.1", "3.0", "10.0", "9999.0"])
def test_schema_newer_than_this_verifier_is_unverifiable(made: Release, version: str) -> None:
    releases.resign(made, metadata={"schema_version": version})
    is_refused(made.verify(), Status.UNVERIFIABLE, Kind.SCHEMA_UNKNOWN)


@pytest.mark.parametrize("version", ["", "2", "2.0.0", "02.0", "2.0 ", "²", "-1.0", "99999.0"])
def test_schema_that_is_no_version_is_tampered(made: Release, version: str) -> None:
    releases.resign(made, metadata={"schema_version": version})
    is_refused(made.verify(), TAMPERED, Kind.ARTIFACT_MALFORMED)


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "crc32"])
def test_weak_hash_is_tampered_however_well_it_is_signed(made: Release, algorithm: str) -> None:
    releases.resign(made, metadata={"hash_algorithm": algorithm})
    is_refused(made.verify(), TAMPERED, Kind.HASH_WEAK)


@pytest.mark.parametrize("algorithm", ["sha3-256", "", "SHA256", "sha256 "])
def test_unknown_hash_is_unverifiable(made: Release, algorithm: str) -> None:
    releases.resign(made, metadata={"hash_algorithm": algorithm})
    is_refused(made.verify(), Status.UNVERIFIABLE, Kind.HASH_UNKNOWN)


def test_newer_hash_version_is_unverifiable(made: Release) -> None:
    releases.resign(made, metadata={"hash_version": release.HASH_VERSION + 1})
    is_refused(made.verify(), Status.UNVERIFIABLE, Kind.HASH_UNKNOWN)


@pytest.mark.parametrize(
    ("declared", "kind"),
    [({"algorithm": "sha512"}, Kind.ALGORITHM_DIFFERS), ({"mode": "lenient"}, Kind.MODE_DIFFERS)],
)
def test_another_hash_or_mode_than_was_sealed_is_policy_changed(
    made: Release, declared: Mapping[str, Any], kind: Kind
) -> None:
    is_refused(made.verify(**declared), Status.POLICY_CHANGED, kind)
    is_verified(made.verify(algorithm="sha256", mode="strict"))


Change = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize(
    "change",
    [
        lambda said: said["policy"].update(spike_threshold="many"),
        lambda said: said["policy"].update(ignore=["***/[z-a]", "\\"]),
        lambda said: said["policy"].update(mutable=["a\n\0b["]),
        lambda said: said["policy"].update(ignore=[f"p{n}" for n in range(5000)]),
        lambda said: said.update(sequence=-1),
        lambda said: said.update(sequence=10**30),
        lambda said: said.update(hash_version=-(10**30)),
        lambda said: said.update(attributes={"symlinks": {"../x": "/etc"}}),
        lambda said: said.update(attributes=[]),
        lambda said: said.update(created_at="never\x1b[2J"),
    ],
)
@pytest.mark.parametrize("schema", ["2.0", "1.0"])
def test_well_signed_nonsense_is_a_verdict_and_never_a_crash(
    made: Release, change: Change, schema: str
) -> None:
    """A key that signs anything it is given must not take the verifier down."""

    def both(said: dict[str, Any]) -> None:
        said["schema_version"] = schema
        change(said)

    releases.resign(made, metadata=both)
    verdict = made.verify()
    assert verdict.status is not (Status.VERIFIED if schema == "1.0" else Status.POLICY_CHANGED)
    if verdict.status is Status.TAMPERED:
        assert {one.kind for one in verdict.findings} & {Kind.ARTIFACT_MALFORMED, Kind.BELOW_FLOOR}
