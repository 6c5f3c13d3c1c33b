"""Attacks on the tree: names that act on a terminal or look like another, paths that leave."""

import json
import unicodedata
from collections.abc import Callable
from typing import Any

import pytest
from tests.attack.sealed_tree import CODE, Release, run, seal_anew, sealed
from tests.conftest import Tree

import duri
from duri.errors import SealRefusedError
from duri.report.escape import unshown
from duri.verdict import Kind, Status

ROWS = {
    "test_planted_name_is_exact_and_shown_escaped": 30,
    "test_sealed_name_is_exact": 30,
    "test_name_that_cannot_be_told_apart_is_not_sealed": 30,
    "test_name_of_another_form_does_not_stand_for_the_sealed_one": 30,
    "test_case_twins_are_sealed_where_declared": 30,
    "test_link_target_is_shown_escaped": 30,
    "test_path_that_no_scan_can_meet_is_refused": 31,
    "test_checksums_in_another_spelling_are_refused": 31,
}
"""Test -> the row of ATTACKS.md that it is about."""

HOSTILE = {
    "newline": b"a\nVERIFIED  everything is fine",
    "return": b"\rVERIFIED",
    "clears the screen": b"\x1b[2J\x1b[H",
    "sets the title": b"\x1b]0;VERIFIED\x07",
    "not UTF-8": b"caf\xe9",
    "lone surrogate": b"\xed\xa0\x80",
    "C1 control": "a\u009b31m".encode(),
    "right to left": "a\u202egpj.exe".encode(),
    "zero width": "ma\u200bin.py".encode(),
    "delete": b"\x7f",
    "spaces": b"  x  ",
    "markup": b"<script>alert(1)<",
    "percent": b"%s%n%00",
    "backslash": b"a\\nb",
    "long": b"n" * 255,
}

NFC = unicodedata.normalize("NFC", "café.py").encode()
NFD = unicodedata.normalize("NFD", "café.py").encode()


@pytest.fixture
def made(tree: Tree) -> Release:
    """Return a sealed and verified release."""
    return sealed(tree(CODE))


def shown_safely(text: str) -> bool:
    """Return whether nothing in the text acts on a terminal or on the direction of reading."""
    acting = {"Cc", "Cf", "Co", "Cn", "Cs", "Zl", "Zp"}
    return all(c == "\n" or unicodedata.category(c) not in acting for c in text)


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE)
def test_planted_name_is_exact_and_shown_escaped(name: bytes, made: Release, tree: Tree) -> None:
    tree({b"pkg/" + name: b"x"}, name=made.root.name)
    assert made.found("corrupted") == {("new", b"pkg/" + name)}
    ended = run(made.command("--all"))
    assert ended.code == Status.CORRUPTED.exit_code
    assert shown_safely(ended.out), ended.out
    listed = ended.out.split("New (1)\n")[1].split("\n")[0]
    assert unshown(listed.strip()) == b"pkg/" + name
    report = json.loads(run(made.command("--json")).out)
    assert unshown(report["findings"][0]["path"]) == b"pkg/" + name


@pytest.mark.parametrize(
    "name", [name for kind, name in HOSTILE.items() if kind not in {"not UTF-8", "lone surrogate"}]
)
def test_sealed_name_is_exact(name: bytes, tree: Tree) -> None:
    made = sealed(tree({name: b"1", "other": b"2"}))
    tree({name: b"3"}, name=made.root.name)
    assert made.found("corrupted") == {("modified", name)}
    ended = run(made.command())
    assert shown_safely(ended.out), ended.out


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        ((HOSTILE["not UTF-8"],), "name not utf8"),
        ((HOSTILE["lone surrogate"],), "name not utf8"),
        ((NFC, NFD), "name nfc twin"),
        ((b"Readme", b"README"), "name case twin"),
        (("straße".encode(), b"STRASSE"), "name case twin"),
    ],
)
def test_name_that_cannot_be_told_apart_is_not_sealed(
    names: tuple[bytes, ...], kind: str, made: Release, tree: Tree
) -> None:
    root = tree({b"pkg/" + name: b"" for name in names}, name="refused")
    with pytest.raises(SealRefusedError, match=kind) as refused:
        duri.seal(root, version="1", keyring=made.keyring)
    assert str(refused.value).isprintable() or "\n" in str(refused.value)
    assert not (root / ".duri").exists()
    for name in names[1:] or names:
        root.joinpath("pkg").joinpath(name.decode(errors="surrogateescape")).unlink()
    assert sealed(root).found("verified") == set()


@pytest.mark.parametrize(("kept", "other"), [(NFC, NFD), (NFD, NFC), (b"Make.py", b"make.py")])
def test_name_of_another_form_does_not_stand_for_the_sealed_one(
    kept: bytes, other: bytes, tree: Tree
) -> None:
    made = sealed(tree({kept: b"VALUE = 1\n", "x": b""}))
    tree({other: b"VALUE = 1\n"}, name=made.root.name)
    assert made.found("corrupted") == {("new", other)}
    (made.root / kept.decode()).unlink()
    assert made.found("corrupted") == {("new", other), ("missing", kept)}
    listed = run(made.command()).out
    assert shown_safely(listed)
    # The twins differ on the screen too.
    names = {line.split("  ")[1] for line in listed.splitlines() if line.startswith("  ")}
    assert len({name for name in names if name.endswith(".py")}) == 2, listed


def test_case_twins_are_sealed_where_declared(tree: Tree) -> None:
    made = sealed(tree({"Make": b"1", "make": b"2"}), case_twins=True)
    (made.root / "make").write_bytes(b"1")
    assert made.found("corrupted") == {("modified", b"make")}


def test_link_target_is_shown_escaped(made: Release) -> None:
    (made.root / "current").unlink()
    (made.root / "current").symlink_to("\x1b[2J\u202e\nVERIFIED")
    assert made.found("corrupted") == {("link_target", b"current")}
    for options in ((), ("--json",), ("--format", "sarif")):
        ended = run(made.command(*options))
        assert ended.code == Status.CORRUPTED.exit_code
        assert shown_safely(ended.out), ended.out


def with_path(path: str) -> Callable[[bytes], bytes]:
    """Return a change of checksums: main.py's digest under another path, in canonical form."""

    def change(checksums: bytes) -> bytes:
        document: dict[str, Any] = json.loads(checksums)
        document[path] = document.pop("main.py")
        ordered = dict(sorted(document.items(), key=lambda item: item[0].encode()))
        return (json.dumps(ordered, indent=2, ensure_ascii=False) + "\n").encode()

    return change


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "../outside.py",
        "pkg/../main.py",
        "pkg//core2.py",
        "./main.py",
        "pkg/./core2.py",
        "pkg/",
        "..",
        ".",
        "",
        "a\0b",
        "n" * 4096,
        "pkg/core.py/below",
    ],
)
def test_path_that_no_scan_can_meet_is_refused(path: str, made: Release) -> None:
    seal_anew(made, with_path("main.py"))
    assert made.found("verified") == set()
    seal_anew(made, with_path(path))
    verdict = made.verify()
    assert verdict.status is Status.TAMPERED
    assert [(one.kind, one.path) for one in verdict.findings] == [
        (Kind.ARTIFACT_MALFORMED, b"checksums.json")
    ]
    assert verdict.summary.bytes_hashed == 0


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'"main.py"', b'"m\\u0061in.py"'),
        (b'"main.py"', b'"pkg/core.py"'),
        (b"{\n  ", b"{\n   "),
        (b"}\n", b"}"),
        (b"}\n", b"}\n\n"),
        (b"{\n", b"\xef\xbb\xbf{\n"),
        (b"\n", b"\r\n"),
    ],
)
def test_checksums_in_another_spelling_are_refused(
    before: bytes, after: bytes, made: Release
) -> None:
    assert before in (made.root / ".duri/checksums.json").read_bytes()
    seal_anew(made, lambda data: data)
    assert made.found("verified") == set()
    seal_anew(made, lambda data: data.replace(before, after))
    assert made.found("tampered") == {("artifact_malformed", b"checksums.json")}
