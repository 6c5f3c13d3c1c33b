"""Rows 14 and 15: nothing is used before its signature, nothing is kept for the next release."""

import json
from pathlib import Path

import pytest
from tests.attack import releases
from tests.attack.releases import LATER, Release, is_refused, is_verified, make, new_key, ring_of

import duri
from duri.evidence import canonical, release
from duri.evidence import envelope as dsse
from duri.settings import Settings
from duri.verdict import Kind, Status

TAMPERED = Status.TAMPERED


@pytest.fixture
def made(tmp_path: Path) -> Release:
    """Return a release that is verified."""
    return make(tmp_path / "app")


# Row 14.


def test_nothing_of_an_artifact_is_used_before_its_signature(made: Release) -> None:
    """A poisoned policy and a path out of the root, consistent, signed by a key nobody knows."""
    poison = made.root.parent / "poison"
    poison.write_text("outside")
    (made.root / "main.py").write_bytes(b"changed\n")
    checksums = made.read()[release.CHECKSUMS]
    releases.resign(
        made,
        key=new_key(),
        metadata=lambda said: said["policy"].update(ignore=["*"]),
        checksums=checksums.replace(b'"README"', b'"../poison"'),
    )
    verdict = made.verify()
    is_refused(verdict, TAMPERED, Kind.SIGNATURE_UNTRUSTED)
    assert verdict.version is None
    assert verdict.product is None
    assert verdict.policy.stored_hash is None
    assert verdict.summary.total_files == 0
    assert {one.kind for one in verdict.findings} == {Kind.SIGNATURE_UNTRUSTED}


def test_poisoned_policy_without_a_new_signature_is_not_obeyed(made: Release) -> None:
    document = json.loads(made.read()[release.METADATA])
    document["policy"]["ignore"] = ["*"]
    document["ignore_hash"] = release.digest(canonical.encode(document["policy"]))
    (made.folder / release.METADATA).write_bytes(canonical.encode(document))
    verdict = made.verify()
    is_refused(verdict, TAMPERED, Kind.ARTIFACT_MISMATCH, release.METADATA)
    assert (verdict.version, verdict.summary.total_files) == (None, 0)


def test_poisoned_statement_is_not_read_before_its_signature(made: Release) -> None:
    """A payload that no parser takes is refused for its signature, so no parser saw it."""
    key = made.ring.keys[0].keyid
    forged = dsse.Envelope(
        payload=b"[" * 900, signatures=(dsse.Signature(keyid=key, signature=bytes(64)),)
    )
    made.put_envelope(forged)
    verdict = made.verify()
    is_refused(verdict, TAMPERED, Kind.SIGNATURE_INVALID)
    assert Kind.SIGNATURE_MALFORMED not in {one.kind for one in verdict.findings}


# Row 15.


def test_second_release_of_a_process_is_judged_as_a_first_one_is(tmp_path: Path) -> None:
    """B has no ignore list; a verifier that kept A's would let the planted file through."""
    ring = ring_of(new_key())
    settings = Settings(threads=2)
    one = make(tmp_path / "one", ring, ignore=("planted",), files={"main.py": b"a\n"})
    two = make(tmp_path / "two", ring)
    for made in (one, two):
        (made.root / "planted").write_bytes(b"x")

    def judged(made: Release) -> duri.Verdict:
        return duri.verify(made.root, keyring=ring, settings=settings, now=LATER)

    fresh = [judged(two), judged(one)]
    again = [judged(one), judged(two), judged(one), judged(two)]
    is_verified(fresh[1])
    is_refused(fresh[0], Status.CORRUPTED, Kind.NEW, "planted")
    same = [(verdict.status, verdict.findings, verdict.deployment_id) for verdict in again]
    assert (
        same
        == [(verdict.status, verdict.findings, verdict.deployment_id) for verdict in fresh[::-1]]
        * 2
    )


def test_revoking_a_key_is_seen_by_the_next_verification(made: Release) -> None:
    """Nothing of a keyring is kept between two calls."""
    path = releases.keyring_file(made.root.parent / "keyring.json", made.ring)
    is_verified(duri.verify(made.root, keyring=path, now=LATER))
    path.unlink()
    revoked = ring_of(releases.revoked(made.ring.keys[0]), new_key())
    releases.keyring_file(path, revoked)
    verdict = duri.verify(made.root, keyring=path, now=LATER)
    is_refused(verdict, TAMPERED, Kind.SIGNATURE_UNTRUSTED)
