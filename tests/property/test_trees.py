"""The laws of a release: sealed then verified is `verified`; any single change never is."""

import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.property.changes import changed
from tests.property.trees import Tree, read, trees, written

import duri
from duri.evidence.keys import generate
from duri.evidence.keys.keyring import Keyring
from duri.settings import Settings
from duri.verdict import Status

NOW = 1_795_341_600
"""2026-11-22T10:00:00Z."""

SETTINGS = Settings(product="p", threads=2)


@pytest.fixture(scope="module")
def keyring() -> Keyring:
    """Return a keyring with one active key."""
    key = generate.new_key(now=NOW)
    return generate.new_keyring(key, now=NOW)


def seal(root: bytes, keyring: Keyring) -> None:
    duri.seal(os.fsdecode(root), version="1", keyring=keyring, settings=SETTINGS, now=NOW)


def verify(root: bytes, keyring: Keyring) -> duri.Verdict:
    return duri.verify(os.fsdecode(root), keyring=keyring, settings=SETTINGS, now=NOW)


@given(tree=trees())
def test_what_was_sealed_is_verified(keyring: Keyring, tree: Tree) -> None:
    with written(tree) as root:
        seal(root, keyring)
        verdict = verify(root, keyring)
        assert verdict.status is Status.VERIFIED, verdict.findings
        assert not [one for one in verdict.findings if one.status is not Status.VERIFIED]
        assert verify(root, keyring) == verdict or verdict.summary.scan_duration_ms >= 0
        files = sum(one.type == "file" for one in read(root).values())
        assert (verdict.summary.total_files, verdict.summary.verified_files) == (files, files)


@given(tree=trees(), data=st.data())
def test_any_single_change_of_a_tree_is_corrupted(
    keyring: Keyring, tree: Tree, data: st.DataObject
) -> None:
    with written(tree) as root:
        seal(root, keyring)
        before = read(root)
        done = data.draw(changed(root, tree))
        assert read(root) != before, "the change changed nothing"
        verdict = verify(root, keyring)
        assert verdict.status is Status.CORRUPTED, f"{done}: {verdict}"


@given(tree=trees())
def test_json_artifacts_are_what_the_standard_library_writes(keyring: Keyring, tree: Tree) -> None:
    with written(tree) as root:
        seal(root, keyring)
        folder = os.path.join(root, b".duri")
        for name in os.listdir(folder):
            with open(os.path.join(folder, name), "rb") as file:
                data = file.read()
            value = json.loads(data)
            again = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
            # An empty list or object has no line of its own in either writer.
            assert data == again.encode(), name
        with open(os.path.join(folder, b"checksums.json"), "rb") as file:
            checksums = json.loads(file.read())
        files = {path: one.content for path, one in read(root).items() if one.type == "file"}
        assert {path.encode(): digest for path, digest in checksums.items()} == files
