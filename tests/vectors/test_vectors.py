"""Every release ever committed here stays `verified`, and is what other code says it is."""

import base64
import hashlib
import hmac
import json
import os
import shutil
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

import duri
from duri.settings import Settings
from duri.verdict import Status

HERE = Path(__file__).parent
VECTORS = sorted(path.parent for path in HERE.glob("*/*/keyring.json"))
TIMES = (1_767_225_600, 4_102_444_800)
"""When they were sealed, and the year 2100."""


@pytest.fixture(params=VECTORS, ids=lambda path: f"{path.parent.name}-{path.name}")
def vector(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return a copy of a vector with the modes that git means, whatever the umask at checkout."""
    copy = tmp_path / "vector"
    shutil.copytree(request.param, copy, symlinks=True)
    for path in copy.rglob("*"):
        if not path.is_symlink():
            executable = path.is_dir() or path.stat().st_mode & 0o100
            path.chmod(0o755 if executable else 0o644)
    (copy / "keyring.json").chmod(0o600)
    return copy


def verify(vector: Path, now: int) -> duri.Verdict:
    settings = Settings(environment="test", product="vector")
    return duri.verify(vector / "tree", keyring=vector / "keyring.json", settings=settings, now=now)


def test_there_are_vectors_for_both_kinds_of_key() -> None:
    assert {path.name for path in VECTORS} == {"ecdsa-p256-sha256", "hmac-sha256"}


@pytest.mark.parametrize("now", TIMES)
def test_release_stays_verified(vector: Path, now: int) -> None:
    verdict = verify(vector, now)
    assert verdict.status is Status.VERIFIED, verdict.findings
    assert (verdict.product, verdict.version, verdict.sequence) == ("vector", "1.0.0", 1)
    assert verdict.schema_version == vector_schema(vector)
    assert verdict.summary.verified_files == verdict.summary.total_files == 5


def test_changed_release_does_not(vector: Path) -> None:
    with (vector / "tree" / "README.txt").open("ab") as file:
        file.write(b"!")
    assert verify(vector, TIMES[0]).status is Status.CORRUPTED


def test_release_under_another_key_does_not(vector: Path) -> None:
    other = next(path for path in VECTORS if not same_key(path, vector))
    shutil.copy(other / "keyring.json", vector / "keyring.json")
    assert verify(vector, TIMES[0]).status is Status.TAMPERED


def test_other_code_says_the_same(vector: Path) -> None:
    """Digests by hashlib, signatures by cryptography or hmac, DSSE's encoding written out here."""
    root = vector / "tree"
    artifacts = root / ".duri"
    checksums = json.loads((artifacts / "checksums.json").read_bytes())
    files = {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*")
        if path.is_file() and not path.is_symlink() and artifacts not in path.parents
    }
    assert checksums == files
    metadata = json.loads((artifacts / "deployment_metadata.json").read_bytes())
    links = metadata["attributes"]["symlinks"]
    assert links == {
        os.fspath(path.relative_to(root)): os.readlink(path)
        for path in root.rglob("*")
        if path.is_symlink()
    }
    envelope = json.loads((artifacts / "checksums.sig").read_bytes())
    payload = base64.b64decode(envelope["payload"], validate=True)
    subjects = {one["name"]: one["digest"]["sha256"] for one in json.loads(payload)["subject"]}
    assert subjects == {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in artifacts.glob("*.json")
    }
    kind = envelope["payloadType"].encode()
    encoded = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)
    check_signature(vector, base64.b64decode(envelope["signatures"][0]["sig"]), encoded)


def check_signature(vector: Path, signature: bytes, encoded: bytes) -> None:
    """Fail where the signature is not one over these bytes by the vector's key."""
    key = json.loads((vector / "keyring.json").read_bytes())["keys"][0]
    if "secret" in key:
        expected = hmac.digest(base64.b64decode(key["secret"]), encoded, "sha256")
        assert hmac.compare_digest(signature, expected)
        return
    public = load_pem_public_key(key["public_key"].encode())
    assert isinstance(public, ec.EllipticCurvePublicKey)
    public.verify(signature, encoded, ec.ECDSA(SHA256()))


def vector_schema(vector: Path) -> str:
    """Return the schema that a vector's metadata names."""
    data = (vector / "tree" / ".duri" / "deployment_metadata.json").read_bytes()
    return str(json.loads(data)["schema_version"])


def same_key(one: Path, other: Path) -> bool:
    """Say whether two vectors have one keyring."""
    return (one / "keyring.json").read_bytes() == (other / "keyring.json").read_bytes()
