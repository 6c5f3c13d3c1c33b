"""Bad input, keyrings: missing, of the wrong type, too short, too open, with twins in them."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from tests.conftest import RunDuri, Tree
from tests.integration.shop import Shop, complaint, sealed


@pytest.fixture
def shop(tree: Tree, run_duri: RunDuri) -> Shop:
    """Return a sealed and verified shop."""
    return sealed(tree, run_duri)


Make: TypeAlias = Callable[[Path, Path], object]
"""Makes a bad keyring of a good one: where that is, where the bad one goes."""


def document(change: Callable[[dict[str, Any]], object]) -> Make:
    """Return a maker of a keyring with something changed in its JSON."""

    def make(good: Path, bad: Path) -> None:
        loaded = json.loads(good.read_bytes())
        change(loaded)
        bad.write_text(json.dumps(loaded, indent=2))

    return make


def text(data: bytes) -> Make:
    """Return a maker of a file with these bytes."""
    return lambda _, bad: bad.write_bytes(data)


BAD: dict[str, tuple[Make, str]] = {
    "missing": (lambda *_: None, "the key file is missing"),
    "a folder": (lambda _, bad: bad.mkdir(), "the key file is a folder; expected a file"),
    "a FIFO": (lambda _, bad: os.mkfifo(bad), "the key file is not a regular file"),
    "a link to itself": (lambda _, bad: bad.symlink_to(bad), "a loop of links"),
    "empty": (text(b""), "the key file is empty"),
    "truncated": (lambda good, bad: bad.write_bytes(good.read_bytes()[:100]), "expected"),
    "too large": (lambda _, bad: bad.write_bytes(b"{" + b" " * (1 << 20)), "too large"),
    "no JSON": (text(b"{keys: 1}"), "expected"),
    "deeply nested": (text(b'{"keys": ' + b"[" * 100_000), "expected"),
    "not UTF-8": (text(b'{"keys": "\xff"}'), "expected"),
    "UTF-16": (text('{"keys": []}'.encode("utf-16")), "not plain UTF-8"),
    "a PEM": (text(b"-----BEGIN PRIVATE KEY-----\n"), "neither a keyring nor an HMAC secret"),
    "without keys": (document(lambda ring: ring.update(keys=[])), "has no keys"),
    "twins": (
        document(lambda ring: ring["keys"].append(ring["keys"][0])),
        "two keys have the same keyid",
    ),
    "a duplicate field": (
        lambda good, bad: bad.write_bytes(
            good.read_bytes().replace(b'"state"', b'"state": "revoked", "state"', 1)
        ),
        "the keyring has a duplicate JSON key",
    ),
    "a newer version": (
        document(lambda ring: ring.update(schema_version="9.0")),
        "schema_version",
    ),
    "an unknown state": (
        document(lambda ring: ring["keys"][0].update(state="golden")),
        "state",
    ),
    "another keyid": (
        document(lambda ring: ring["keys"][0].update(keyid="0" * 64)),
        "keyid",
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_keyring_seals_nothing_and_nothing_is_lost(kind: str, shop: Shop) -> None:
    bad = shop.root.parent / "bad.json"
    make, sentence = BAD[kind]
    make(shop.keyring, bad)
    secret = json.loads(shop.keyring.read_bytes())["keys"][0]["private_key"]
    before = shop.evidence()
    ran = shop.seal("--version", "2.0.0", "--keyring", str(bad), timeout=20)
    said = complaint(ran, 13)
    assert said.startswith(f"{bad}: ")
    assert sentence in said
    assert not any(line in said for line in secret.splitlines()[1:-1])
    assert shop.evidence() == before


@pytest.mark.parametrize("kind", BAD)
def test_bad_keyring_leaves_no_verdict(kind: str, shop: Shop) -> None:
    bad = shop.root.parent / "bad.json"
    make, sentence = BAD[kind]
    make(shop.keyring, bad)
    report = shop.report("--keyring", str(bad), timeout=20)
    assert report["status"] == "unverifiable"
    (finding,) = report["findings"]
    assert finding["kind"] == "keyring_unusable"
    assert finding["path"].startswith(str(bad))
    said = f"{finding['detail']}; expected {finding['expected']}, got {finding['actual']}"
    assert all(part in said for part in sentence.split("; ")), said


def test_no_keyring_at_all_says_how_to_name_one(shop: Shop) -> None:
    said = complaint(shop.duri("seal", shop.root, "--version", "2"), 13)
    assert "expected --keyring, DURI_KEYRING" in said
    assert "duri keys new" in said
    ran = shop.duri("verify", shop.root, check=13)
    assert "Give --keyring, DURI_KEYRING" in ran.out


def test_short_secret_is_refused_in_prod_and_warned_of_elsewhere(shop: Shop) -> None:
    short = shop.root.parent / "short.key"
    short.write_bytes(b"0123456789abcdef0123456789abcde")  # 31 bytes
    short.chmod(0o400)
    said = complaint(shop.seal("--keyring", str(short), "--environment", "prod"), 13)
    assert "the HMAC secret is too short; expected at least 32 bytes, got 31 bytes" in said
    ran = shop.seal("--keyring", str(short), "--environment", "staging", check=0)
    assert "warning: " in ran.err
    assert "too short" in ran.err
    assert shop.verify("--keyring", str(short), "--environment", "prod").code == 13
    short.chmod(0o600)
    short.write_bytes(b"0123456789abcdef0123456789abcdef")
    short.chmod(0o400)
    shop.seal("--keyring", str(short), "--environment", "prod", check=0)
    shop.verify("--keyring", str(short), "--environment", "prod", check=0)


@pytest.mark.parametrize("mode", [0o440, 0o404, 0o644])
def test_key_that_others_can_read_is_refused_in_prod(mode: int, shop: Shop) -> None:
    shop.keyring.chmod(mode)
    before = shop.evidence()
    said = complaint(shop.seal("--version", "2.0.0", "--environment", "prod"), 13)
    assert said.startswith(f"{shop.keyring}: ")
    assert f"{mode:04o}" in said
    assert shop.evidence() == before
    elsewhere = shop.seal("--version", "2.0.0", "--environment", "staging", check=0)
    assert f"{mode:04o}" in elsewhere.err
    shop.keyring.chmod(0o400)
    assert shop.seal("--environment", "prod", check=0).err == ""


def test_key_in_the_environment_is_refused_in_prod(shop: Shop) -> None:
    key = {"DURI_HMAC_KEY": "0123456789abcdef0123456789abcdef"}
    prod = {**key, "DURI_ENV": "prod"}
    ran = shop.duri("seal", shop.root, "--version", "2", env=key, check=0)
    assert "a key in the environment is readable by every child process" in ran.err
    shop.duri("verify", shop.root, env=key, check=0)
    refused = shop.duri("seal", shop.root, "--version", "3", env=prod)
    assert "a key in the environment is refused in prod; expected a mounted file" in complaint(
        refused, 13
    )
    for ran in (refused, shop.duri("verify", shop.root, env=prod, check=13)):
        assert key["DURI_HMAC_KEY"].encode() not in ran.stdout + ran.stderr


def test_keyring_inside_the_root_is_not_sealed_with_it(shop: Shop) -> None:
    inside = shop.root / "keyring.json"
    inside.write_bytes(shop.keyring.read_bytes())
    inside.chmod(0o600)
    before = shop.evidence()
    said = complaint(shop.seal("--version", "2.0.0", "--keyring", str(inside)), 13)
    assert "the release would carry the key that signs it" in said
    assert "Move it out of the root" in said
    assert shop.evidence() == before
