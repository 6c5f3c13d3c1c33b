"""Row 13: JSON meant to cost, to crash or to be read two ways, in bounded time and memory."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.attack import releases
from tests.attack.releases import Release, is_refused, is_verified, make
from tests.conftest import Ran, clean_environment

import duri
from duri.evidence import release
from duri.limits import MAX_KEYRING_BYTES, MAX_SECRET_BYTES
from duri.verdict import Kind, Status

NAMES = [*release.REQUIRED, *release.SIGNATURES]
MEMORY = 512 << 20
"""Address space of a verifier that reads a bomb: threads and libraries need half of it."""
SECONDS = 20

BOMBS: Mapping[str, bytes] = {
    "duplicate keys": b'{\n  "main.py": "00",\n  "main.py": "11"\n}\n',
    "NaN": b'{\n  "main.py": NaN\n}\n',
    "Infinity": b'{\n  "main.py": -Infinity\n}\n',
    "1e400": b'{\n  "sequence": 1e400\n}\n',
    "a number of a million digits": b'{\n  "sequence": ' + b"9" * 1_000_000 + b"\n}\n",
    "a million arrays": b"[" * 1_000_000,
    "a million objects": b'{"a":' * 1_000_000,
    "a million closed arrays": b"[" * 500_000 + b"]" * 500_000,
    "invalid UTF-8": b'{\n  "\xff\xfe": "00"\n}\n',
    "overlong UTF-8": b'{\n  "\xc0\xaf": "00"\n}\n',
    "a lone surrogate": b'{\n  "\\ud800\\ud800": "00"\n}\n',
    "BOM": b"\xef\xbb\xbf{}\n",
    "UTF-16": '{"a": "b"}'.encode("utf-16"),
    "trailing bytes": b"{}\n{}\n",
    "a NUL behind": b"{}\n\0",
    "nothing": b"",
    "white space": b" \n" * 1000,
    "a comment": b'{ /* "a" */ }\n',
    "a string that does not end": b'{\n  "' + b"a" * 100_000,
}


@pytest.fixture
def made(tmp_path: Path) -> Release:
    """Return a release that is verified."""
    return make(tmp_path / "app")


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS.keys())
@pytest.mark.parametrize("name", NAMES)
def test_bomb_in_an_artifact_is_tampered(made: Release, name: str, bomb: bytes) -> None:
    (made.folder / name).write_bytes(bomb)
    began = time.monotonic()
    verdict = made.verify()
    assert time.monotonic() - began < SECONDS
    kind = Kind.SIGNATURE_MALFORMED if name in release.SIGNATURES else Kind.ARTIFACT_MISMATCH
    if name in release.SIGNATURES and len(bomb) > 65536:
        kind = Kind.ARTIFACT_MALFORMED
    is_refused(verdict, Status.TAMPERED, kind, name)


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS.keys())
@pytest.mark.parametrize("name", release.REQUIRED)
def test_bomb_in_an_unsigned_lenient_release_is_never_verified(
    tmp_path: Path, name: str, bomb: bytes
) -> None:
    """Nobody vouches for these bytes, and the parsers meet them all the same."""
    made = make(tmp_path / "app")
    for signature in release.SIGNATURES:
        (made.folder / signature).unlink()
    is_verified(made.verify(mode="lenient"))
    (made.folder / name).write_bytes(bomb)
    began = time.monotonic()
    verdict = made.verify(mode="lenient")
    assert time.monotonic() - began < SECONDS
    assert verdict.status is Status.TAMPERED, verdict.findings


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS.keys())
def test_bomb_that_is_well_signed_is_never_verified(made: Release, bomb: bytes) -> None:
    releases.resign(made, checksums=bomb)
    is_refused(made.verify(), Status.TAMPERED, Kind.ARTIFACT_MALFORMED, release.CHECKSUMS)


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS.keys())
def test_bomb_as_payload_that_is_well_signed_is_never_verified(made: Release, bomb: bytes) -> None:
    made.put_envelope(releases.signed(bomb[:3000], made.ring.keys[0]))
    is_refused(made.verify(), Status.TAMPERED, Kind.SIGNATURE_MALFORMED)


def bounded(made: Release, *options: str) -> Ran:
    """Run `duri verify` as a process of little memory, in bounded time."""
    ring = made.root.parent / "keyring.json"
    if not ring.exists():
        releases.keyring_file(ring, made.ring)
    script = (
        "import resource, sys; "
        f"resource.setrlimit(resource.RLIMIT_AS, ({MEMORY}, {MEMORY})); "
        "from duri.cli.main import run; sys.exit(run(sys.argv[1:]))"
    )
    command = [sys.executable, "-I", "-c", script, "verify", os.fspath(made.root)]
    command += ["--threads", "2", "--keyring", os.fspath(ring), *options]
    ran = subprocess.run(
        command,
        capture_output=True,
        check=False,
        env=clean_environment("/nonexistent"),
        timeout=SECONDS,
    )
    return Ran(tuple(command), ran.returncode, ran.stdout, ran.stderr)


@pytest.mark.parametrize("name", NAMES)
def test_four_gigabytes_of_artifact_are_refused_unread(made: Release, name: str) -> None:
    path = made.folder / name
    os.truncate(path, 4 << 30)
    ran = bounded(made, "--json")
    assert ran.code == 11, ran
    assert Kind.ARTIFACT_MALFORMED in ran.out
    assert "Traceback" not in ran.err


@pytest.mark.parametrize("name", [release.METADATA, release.PROVENANCE])
def test_largest_artifact_that_is_read_fits_in_bounded_memory(made: Release, name: str) -> None:
    """All of its bytes are read and hashed, none of them parsed."""
    size = {release.METADATA: 256 << 20, release.PROVENANCE: 16 << 20}[name]
    os.truncate(made.folder / name, size)
    ran = bounded(made, "--json")
    assert ran.code == 11, ran
    assert Kind.ARTIFACT_MISMATCH in ran.out


def test_whole_release_is_verified_in_the_same_memory(made: Release) -> None:
    ran = bounded(made)
    assert ran.code == 0, ran


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS.keys())
def test_bomb_as_keyring_is_unverifiable(made: Release, tmp_path: Path, bomb: bytes) -> None:
    path = tmp_path / "keyring.json"
    path.write_bytes(bomb)
    path.chmod(0o600)
    verdict = duri.verify(made.root, keyring=path, now=releases.LATER)
    # Text that is no JSON object is a raw secret, which did not sign this.
    raw = bomb.lstrip()[:1] not in {b"{", b"", b"\xef", b"\xff"} and len(bomb) <= MAX_SECRET_BYTES
    expected = Status.TAMPERED if raw else Status.UNVERIFIABLE
    assert verdict.status is expected, verdict.findings


def test_keyring_that_is_too_large_is_unverifiable(made: Release, tmp_path: Path) -> None:
    path = tmp_path / "keyring.json"
    path.write_bytes(b"{" + b" " * MAX_KEYRING_BYTES)
    verdict = duri.verify(made.root, keyring=path, now=releases.LATER)
    is_refused(verdict, Status.UNVERIFIABLE, Kind.KEYRING_UNUSABLE)


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS.keys())
def test_bomb_as_state_of_the_verifier_is_unverifiable(
    made: Release, tmp_path: Path, bomb: bytes
) -> None:
    path = tmp_path / "state.json"
    path.write_bytes(bomb)
    verdict = made.verify(state=str(path))
    is_refused(verdict, Status.UNVERIFIABLE, Kind.STATE_UNUSABLE)
    path.unlink()
    is_verified(made.verify(state=str(path)))


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS.keys())
def test_bomb_as_ignore_file_is_not_obeyed(made: Release, bomb: bytes) -> None:
    """It is a new file too, so the tree is not what was sealed; nothing crashes on the way."""
    (made.root / "duriignore.json").write_bytes(bomb)
    is_refused(made.verify(), Status.CORRUPTED, Kind.NEW, "duriignore.json")
