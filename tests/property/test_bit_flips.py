"""Thousands of single-bit changes of a release, artifacts and tree: none is ever `verified`."""

import os
import random
from pathlib import Path

import pytest
from tests.conftest import File, Folder, Link, Tree

import duri
from duri.evidence import release
from duri.evidence.keys import generate
from duri.evidence.keys.keyring import Algorithm, Keyring
from duri.settings import Settings
from duri.verdict import Status

NOW = 1_795_341_600
FLIPS = 1500
SETTINGS = Settings(product="p", threads=1)


@pytest.fixture(params=["ecdsa-p256-sha256", "hmac-sha256"])
def keyring(request: pytest.FixtureRequest) -> Keyring:
    """Return a keyring with one active key."""
    key = generate.new_key(Algorithm(request.param), now=NOW)
    return generate.new_keyring(key, now=NOW)


@pytest.fixture
def root(tree: Tree, keyring: Keyring) -> Path:
    """Return a sealed release with some of everything."""
    root = tree(
        {
            "app.py": b"import os\n",
            "bin/run": File(b"#!/bin/sh\nexec true\n", 0o755),
            "empty": b"",
            "empty-folder": Folder(0o700),
            "link": Link("app.py"),
            "n\u00e4me\n": b"x" * 300,
        }
    )
    duri.seal(root, version="1", keyring=keyring, settings=SETTINGS, now=NOW)
    return root


def status(root: Path, keyring: Keyring) -> Status:
    return duri.verify(root, keyring=keyring, settings=SETTINGS, now=NOW).status


def chosen(bits: list[tuple[Path, int]], *, seed: int, count: int) -> list[tuple[Path, int]]:
    """Return some of the bits, the same ones each time."""
    return random.Random(seed).sample(bits, count)  # noqa: S311 - a sample, not a key


def flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def test_no_single_bit_of_an_artifact_can_change(root: Path, keyring: Keyring) -> None:
    contents = {path: path.read_bytes() for path in sorted((root / ".duri").iterdir())}
    assert len(contents) == 6
    bits = [(path, bit) for path, data in contents.items() for bit in range(len(data) * 8)]
    assert status(root, keyring) is Status.VERIFIED
    for path, bit in chosen(bits, seed=2, count=FLIPS):
        path.write_bytes(flipped(contents[path], bit))
        assert status(root, keyring) is Status.TAMPERED, f"{path.name}, bit {bit}"
        path.write_bytes(contents[path])
    assert status(root, keyring) is Status.VERIFIED


def test_no_single_bit_of_all_signature_files_can_change(root: Path, keyring: Keyring) -> None:
    """The same bit of each, so that it is the signature that refuses, not their difference."""
    paths = [root / ".duri" / name for name in release.SIGNATURES]
    data = paths[0].read_bytes()
    bits = [(paths[0], bit) for bit in range(len(data) * 8)]
    for _, bit in chosen(bits, seed=4, count=FLIPS // 3):
        for path in paths:
            path.write_bytes(flipped(data, bit))
        assert status(root, keyring) is Status.TAMPERED, f"bit {bit}"
    for path in paths:
        path.write_bytes(data)
    assert status(root, keyring) is Status.VERIFIED


def test_no_single_bit_of_a_file_can_change(root: Path, keyring: Keyring) -> None:
    files = [path for path in sorted(root.rglob("*")) if path.is_file() and not path.is_symlink()]
    contents = {path: path.read_bytes() for path in files if ".duri" not in path.parts}
    bits = [(path, bit) for path, data in contents.items() for bit in range(len(data) * 8)]
    for path, bit in chosen(bits, seed=3, count=FLIPS // 3):
        path.write_bytes(flipped(contents[path], bit))
        assert status(root, keyring) is Status.CORRUPTED, f"{path.name}, bit {bit}"
        path.write_bytes(contents[path])
    assert status(root, keyring) is Status.VERIFIED


@pytest.mark.parametrize("name", sorted({*release.REQUIRED, *release.SIGNATURES}))
def test_artifact_cannot_be_cut_extended_replaced_or_left_out(
    root: Path, keyring: Keyring, name: str
) -> None:
    path = root / ".duri" / name
    data = path.read_bytes()
    for size in {0, 1, len(data) // 2, len(data) - 1}:
        path.write_bytes(data[:size])
        assert status(root, keyring) is Status.TAMPERED, f"cut to {size}"
    for more in (b"\n", b" ", b"\0", data):
        path.write_bytes(data + more)
        assert status(root, keyring) is Status.TAMPERED, f"extended by {more[:1]!r}"
    path.unlink()
    # The users' checklist keeps five artifacts (docs/decisions/0001).
    alone = Status.VERIFIED if name == release.PROVENANCE_SIGNATURE else Status.TAMPERED
    assert status(root, keyring) is alone
    for other in sorted((root / ".duri").iterdir()):
        path.write_bytes(other.read_bytes())
        # The signature files are alike, so one for another changes nothing.
        same = {other.suffix, path.suffix} == {".sig"}
        assert (status(root, keyring) is Status.VERIFIED) == same, other.name
        path.unlink()
    path.symlink_to(root / "app.py")
    assert status(root, keyring) is Status.TAMPERED
    path.unlink()
    path.mkdir()
    assert status(root, keyring) is Status.TAMPERED
    path.rmdir()
    os.mkfifo(path)
    assert status(root, keyring) is Status.TAMPERED
    path.unlink()
    path.write_bytes(data)
    assert status(root, keyring) is Status.VERIFIED
