"""The life of a release, from its first key to the day it is brought back. Read it from the top.

Two parties: whoever builds holds `keyring.json`, which signs; each host holds `public.json`, which
can only verify. Every step is the command that a person runs, and its exit code is the answer:
0 verified, 10 corrupted, 11 tampered, 13 unverifiable.
"""

import json
import os
import time
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.conftest import File, Node, Ran, RunDuri, Tree

APP: dict[str | bytes, Node] = {
    "start": File(b"#!/bin/sh\necho serving\nexit 7\n", 0o755),
    "app/__init__.py": b"",
    "app/prices.py": b"TEA = 3\n",
}
DAY = 86_400


class World(NamedTuple):
    """A builder, a host, and the `duri` of both."""

    place: Path
    duri: RunDuri

    def keys(self, verb: str, *arguments: str) -> Ran:
        """The builder changes its keyring; hosts get the public part of it at once."""
        ran = self.duri("keys", verb, *arguments, "--keyring", self.place / "keyring.json", check=0)
        self.publish()
        return ran

    def publish(self) -> None:
        """Give hosts what they need to verify, and nothing to sign with."""
        keyring, public = self.place / "keyring.json", self.place / "public.json"
        self.duri("keys", "public", "--keyring", keyring, "--out", public, check=0)

    def key(self, state: str) -> str:
        """Return the id of the one key in a state."""
        ran = self.duri("keys", "list", "--json", "--keyring", self.place / "keyring.json", check=0)
        (keyid,) = [key["keyid"] for key in json.loads(ran.stdout) if key["state"] == state]
        return str(keyid)

    def seal(self, root: Path, version: str, *options: str) -> Ran:
        """The builder seals."""
        keyring = ("--keyring", self.place / "keyring.json")
        product = ("--product", "shop")
        return self.duri("seal", root, "--version", version, *product, *keyring, *options, check=0)

    def verify(self, root: Path, *options: str) -> int:
        """The host verifies; return the exit code."""
        return self.duri("verify", root, "--keyring", self.place / "public.json", *options).code

    def gate(self, root: Path) -> Ran:
        """The host boots the release."""
        public = self.place / "public.json"
        return self.duri("gate", root, "--keyring", public, "--", root / "start")


@pytest.fixture
def world(tmp_path: Path, run_duri: RunDuri) -> World:
    """Return a builder with a new key, and a host that knows its public part."""
    made = World(tmp_path, run_duri)
    run_duri("keys", "new", "--out", tmp_path / "keyring.json", check=0)
    made.publish()
    return made


def test_release_is_sealed_verified_and_started(world: World, tree: Tree) -> None:
    root = tree(APP)
    assert world.verify(root) == 13  # nothing vouches for it yet

    said = world.seal(root, "1.0.0").out
    assert said.startswith("sealed     shop 1.0.0\n")
    assert "files      3, " in said

    assert world.verify(root) == 0
    started = world.gate(root)
    # The gate has become the command: its output and its exit code are the command's.
    assert (started.code, started.stdout) == (7, b"serving\n")

    # A host that could sign would be worth breaking into.
    refused = world.duri(
        "seal", root, "--version", "2", "--keyring", world.place / "public.json", check=13
    )
    assert "only its public part" in refused.err


def test_changed_release_never_starts_until_it_is_put_back_or_sealed_anew(
    world: World, tree: Tree
) -> None:
    root = tree(APP)
    world.seal(root, "1.0.0")

    (root / "app/prices.py").write_bytes(b"TEA = 0\n")
    assert world.verify(root) == 10
    refused = world.gate(root)
    assert (refused.code, refused.stdout) == (10, b"")
    assert "modified app/prices.py" in refused.err

    (root / "app/prices.py").write_bytes(b"TEA = 3\n")  # put back
    assert world.verify(root) == 0

    (root / "app/prices.py").write_bytes(b"TEA = 4\n")  # the next release
    world.seal(root, "1.1.0")
    assert world.verify(root) == 0
    assert world.gate(root).stdout == b"serving\n"

    evidence = root / ".duri/checksums.json"  # somebody edits a file and covers it up
    (root / "app/prices.py").write_bytes(b"TEA = 0\n")
    evidence.write_bytes(evidence.read_bytes().replace(b'": "', b'": "0', 1))
    assert world.verify(root) == 11


def test_key_is_replaced_without_a_release_that_fails(world: World, tree: Tree) -> None:
    first = tree(APP, name="first")
    world.seal(first, "1.0.0")

    # A new key, pending: hosts learn of it before anything depends on it.
    world.keys("rotate")
    old, new = world.key("active"), world.key("pending")
    assert world.verify(first) == 0

    # Now it signs, and for 30 days the old one signs beside it.
    world.keys("activate", new, "--window", "30")
    assert world.key("retiring") == old
    second = tree(APP, name="second")
    said = world.seal(second, "2.0.0").out
    assert new[:16] in said
    assert old[:16] in said
    assert [world.verify(root) for root in (first, second)] == [0, 0]

    # The new key countersigns what is kept; only then may the old one go.
    third = tree(APP, name="third")
    kept = (first / ".duri/checksums.json").read_bytes()
    world.seal(third, "3.0.0")
    world.duri("sign", "--countersign", first, "--keyring", world.place / "keyring.json", check=0)
    assert (first / ".duri/checksums.json").read_bytes() == kept

    world.keys("retire", old)
    assert [world.verify(root) for root in (first, second, third)] == [0, 0, 0]
    world.keys("remove", old)
    assert [world.verify(root) for root in (first, second, third)] == [0, 0, 0]


def test_release_that_nobody_countersigned_comes_back_from_the_archive_only(
    world: World, tree: Tree
) -> None:
    root = tree(APP)
    world.seal(root, "1.0.0")
    world.keys("rotate")
    old = world.key("active")
    world.keys("activate", world.key("pending"), "--window", "30")
    assert world.verify(root) == 0
    world.keys("retire", old)
    assert world.verify(root) == 11
    assert world.verify(root, "--from-archive") == 0


def test_retiring_key_stops_counting_when_its_window_is_over(world: World, tree: Tree) -> None:
    root = tree(APP)
    world.seal(root, "1.0.0")
    world.keys("rotate")
    world.keys(
        "activate", world.key("pending"), "--window", "0", "--now", str(int(time.time()) - 9)
    )
    assert world.verify(root) == 11
    assert world.verify(root, "--from-archive") == 0


def test_overdue_key_warns_then_seals_no_more_and_always_verifies(tree: Tree, world: World) -> None:
    root = tree(APP)
    for days, code in ((100, 0), (105, 13)):
        keyring = world.place / f"{days}.json"
        made = str(int(time.time()) - days * DAY)
        world.duri("keys", "new", "--out", keyring, "--now", made, check=0)
        ran = world.duri("seal", root, "--version", "1", "--keyring", keyring, check=code)
        assert f"{days} days" in ran.err
    # Sealed at a hundred days by the first of the two, and verified whatever its age.
    world.duri("verify", root, "--keyring", world.place / "100.json", check=0)


def test_stolen_key_is_worth_nothing_once_it_is_revoked(world: World, tree: Tree) -> None:
    root = tree(APP)
    world.seal(root, "1.0.0")
    stolen = world.key("active")
    world.keys("rotate")
    world.keys("activate", world.key("pending"), "--window", "30")
    assert world.verify(root) == 0

    world.keys("revoke", stolen, "--reason", "laptop lost")
    assert world.verify(root) == 11
    assert world.verify(root, "--from-archive") == 11
    assert world.gate(root).stdout == b""

    world.seal(root, "1.0.1")  # by the key that is left
    assert world.verify(root) == 0


def test_older_release_needs_a_permission_to_come_back(world: World, tree: Tree) -> None:
    old, new, other = (tree(APP, name=name) for name in ("old", "new", "other"))
    world.seal(old, "1.0.0", "--sequence", "1")
    world.seal(new, "2.0.0", "--sequence", "2")
    world.seal(other, "0.9.0", "--sequence", "0")

    # The host remembers the newest release that it has verified: below that it goes only by leave.
    state = ("--state", os.fspath(world.place / "state.json"))
    assert [world.verify(root, *state) for root in (old, new, old)] == [0, 0, 11]

    def permit(span: str, name: str) -> tuple[str, str]:
        out = world.place / name
        keyring = ("--keyring", world.place / "keyring.json")
        why = ("--reason", "2.0.0 loses orders", "--who", "on call", "--for", span)
        world.duri("sign", "--authorize-rollback", old, *why, "--out", out, *keyring, check=0)
        return "--authorization", os.fspath(out)

    permission = permit("24h", "permission.json")
    assert world.verify(old, *state, *permission) == 0
    assert world.verify(other, *state, *permission) == 11  # it names one release
    assert world.verify(old, *state) == 11  # and is asked for each time
    assert world.verify(new, *state) == 0

    # A floor that is set by hand, as a read-only container has it.
    assert world.verify(old, "--minimum-sequence", "2") == 11
    assert world.verify(old, "--minimum-sequence", "1") == 0
