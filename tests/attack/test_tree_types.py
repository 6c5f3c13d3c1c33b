"""Attacks on the tree: what something is, and where a link leads."""

import json
import os
import socket
import stat
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.attack.sealed_tree import CODE, Release, sealed
from tests.conftest import File, Link, Node, Tree, require

import duri
from duri.errors import SealRefusedError
from duri.verdict import Kind, Status

ROWS = {
    "test_file_replaced_by_another_type_is_drift": 23,
    "test_special_file_planted_anywhere_is_drift": 23,
    "test_link_or_folder_replaced_by_a_file_is_drift": 23,
    "test_sparse_giant_is_answered_at_once": 23,
    "test_sparse_giant_that_may_change_is_not_read": 23,
    "test_sparse_file_is_sealed_as_the_zeros_it_reads_as": 23,
    "test_folder_replaced_by_a_link_to_its_twin_is_drift": 24,
    "test_changed_link_target_is_drift": 25,
    "test_link_loops_end": 25,
    "test_symlink_loop_prevention": 25,
    "test_link_that_leaves_the_root_is_refused_unless_declared": 25,
    "test_planted_link_is_drift_wherever_it_leads": 25,
}
"""Test -> the row of ATTACKS.md that it is about."""

QUICKLY = 20.0
"""Seconds, on the busiest machine: what blocks does so for ever, and 1 TiB takes minutes."""

Plant = Callable[[Path], None]


@pytest.fixture
def made(tree: Tree) -> Release:
    """Return a sealed and verified release."""
    return sealed(tree(CODE))


def plant_socket(path: Path) -> None:
    """Leave a socket; its address may be longer than one takes, so it is bound by its folder."""
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(f"/proc/self/fd/{folder}/{path.name}")
    finally:
        os.close(folder)


def plant_device(kind: int, major: int, minor: int) -> Plant:
    """Return a maker of a device node, which takes root's rights."""

    def plant(path: Path) -> None:
        try:
            os.mknod(path, kind | 0o644, os.makedev(major, minor))
        except PermissionError:
            require("the right to make device nodes", present=False)

    return plant


SPECIAL: dict[str, Plant] = {
    "fifo": os.mkfifo,
    "socket": plant_socket,
    "character device": plant_device(stat.S_IFCHR, 1, 5),  # /dev/zero: endless
    "block device": plant_device(stat.S_IFBLK, 7, 0),
}


@pytest.mark.parametrize("actual", [*SPECIAL, "folder", "link"])
@pytest.mark.parametrize("path", ["main.py", "pkg/data/table.bin"])
def test_file_replaced_by_another_type_is_drift(
    actual: str, path: str, made: Release, tmp_path: Path
) -> None:
    target = made.root / path
    target.rename(tmp_path / "kept")
    if actual == "link":
        target.symlink_to(tmp_path / "kept")  # to the very content that was sealed
    elif actual == "folder":
        target.mkdir()
    else:
        SPECIAL[actual](target)
    begin = time.monotonic()
    verdict = made.verify()
    assert time.monotonic() - begin < QUICKLY
    assert verdict.status is Status.CORRUPTED
    assert [(one.kind, one.path, one.expected, one.actual) for one in verdict.findings] == [
        (Kind.TYPE, path.encode(), "file", actual)
    ]
    target.rmdir() if actual == "folder" else target.unlink()
    (tmp_path / "kept").rename(target)
    assert made.found("verified") == set()


@pytest.mark.parametrize("actual", SPECIAL)
def test_special_file_planted_anywhere_is_drift(actual: str, made: Release) -> None:
    SPECIAL[actual](made.root / "pkg/special")
    begin = time.monotonic()
    assert made.found("corrupted") == {("new", b"pkg/special")}
    with pytest.raises(SealRefusedError, match=f"special file \\({actual}\\)"):
        duri.seal(made.root, version="2", keyring=made.keyring)
    assert time.monotonic() - begin < QUICKLY
    (made.root / "pkg/special").unlink()
    assert made.found("verified") == set()


@pytest.mark.parametrize(
    ("path", "findings"),
    [
        ("current", {("type", b"current")}),
        ("uploads", {("type", b"uploads")}),
        ("pkg/data", {("type", b"pkg/data"), ("missing", b"pkg/data/table.bin")}),
    ],
)
def test_link_or_folder_replaced_by_a_file_is_drift(
    path: str, findings: set[tuple[str, bytes]], made: Release, tmp_path: Path
) -> None:
    (made.root / path).rename(tmp_path / "kept")
    (made.root / path).write_bytes(b"pkg")
    assert made.found("corrupted") == findings
    (made.root / path).unlink()
    (tmp_path / "kept").rename(made.root / path)
    assert made.found("verified") == set()


def make_giant(path: Path) -> None:
    """Make a file of 1 TiB that takes no space; reading it would take minutes."""
    try:
        os.truncate(path, 1 << 40)
    except OSError:
        require("files of 1 TiB on this file system", present=False)


def test_sparse_giant_is_answered_at_once(made: Release) -> None:
    make_giant(made.root / "main.py")
    begin = time.monotonic()
    assert made.found("corrupted") == {("modified", b"main.py")}
    (made.root / "giant").touch()
    make_giant(made.root / "giant")
    assert made.found("corrupted") == {("modified", b"main.py"), ("new", b"giant")}
    assert time.monotonic() - begin < QUICKLY


def test_sparse_giant_that_may_change_is_not_read(tree: Tree) -> None:
    made = sealed(
        tree({**CODE, "cache/index": b"1", "app.log": b"begun\n"}),
        mutable=("cache/",),
        append_only=("app.log",),
    )
    make_giant(made.root / "cache/index")
    make_giant(made.root / "app.log")
    begin = time.monotonic()
    assert made.found("verified") == set()
    (made.root / "app.log").write_bytes(b"ended\n")
    assert made.found("corrupted") == {("modified", b"app.log")}
    assert time.monotonic() - begin < QUICKLY


def test_sparse_file_is_sealed_as_the_zeros_it_reads_as(tree: Tree) -> None:
    root = tree({"sparse": b"", "code.py": b"VALUE = 1\n"})
    os.truncate(root / "sparse", 1 << 24)
    made = sealed(root)
    (root / "sparse").write_bytes(bytes(1 << 24))
    assert made.found("verified") == set()
    with (root / "sparse").open("r+b") as file:
        file.seek(1 << 23)
        file.write(b"\1")
    assert made.found("corrupted") == {("modified", b"sparse")}


@pytest.mark.parametrize("target", ["twin", "absolute"])
def test_folder_replaced_by_a_link_to_its_twin_is_drift(
    target: str, made: Release, tmp_path: Path
) -> None:
    twin = tmp_path / "twin"
    (made.root / "pkg").rename(twin)
    (made.root / "pkg").symlink_to(twin if target == "absolute" else "../twin")
    found = made.found("corrupted")
    assert ("type", b"pkg") in found
    assert {kind for kind, _ in found} == {"type", "missing"}
    (made.root / "pkg").unlink()
    twin.rename(made.root / "pkg")
    assert made.found("verified") == set()


@pytest.mark.parametrize("target", ["pkg/", "./pkg", "nowhere", "/etc", "current", "pkg/data"])
def test_changed_link_target_is_drift(target: str, made: Release) -> None:
    link = made.root / "current"
    link.unlink()
    link.symlink_to(target)
    verdict = made.verify()
    assert verdict.status is Status.CORRUPTED
    assert [(one.kind, one.path, one.expected, one.actual) for one in verdict.findings] == [
        (Kind.LINK_TARGET, b"current", "pkg", os.readlink(link))
    ]
    link.unlink()
    link.symlink_to("pkg")
    assert made.found("verified") == set()


LOOPS: dict[str | bytes, Node] = {
    "self": Link("self"),
    "a": Link("b"),
    "b": Link("a"),
    "deep/up": Link(".."),
    "here": Link("."),
}


def test_link_loops_end(tree: Tree) -> None:
    begin = time.monotonic()
    made = sealed(tree({**CODE, **LOOPS}))
    (made.root / "planted").symlink_to(".")
    assert made.found("corrupted") == {("new", b"planted")}
    assert time.monotonic() - begin < QUICKLY


def test_symlink_loop_prevention(tree: Tree) -> None:
    made = sealed(tree({**CODE, **LOOPS}))
    files = json.loads((made.root / ".duri/checksums.json").read_bytes())
    assert set(files) == {path for path, node in CODE.items() if isinstance(node, bytes | File)}
    metadata = json.loads((made.root / ".duri/deployment_metadata.json").read_bytes())
    assert metadata["attributes"]["symlinks"] == {
        path: node.target
        for nodes in (CODE, LOOPS)
        for path, node in nodes.items()
        if isinstance(node, Link)
    }


@pytest.mark.parametrize("target", ["/etc/hostname", "..", "pkg/../../outside", "current/../../x"])
def test_link_that_leaves_the_root_is_refused_unless_declared(target: str, tree: Tree) -> None:
    root = tree({**CODE, "leaves": Link(target)})
    with pytest.raises(SealRefusedError, match="leaves: link leaves root"):
        duri.seal(root, version="1", keyring=sealed(tree(CODE, name="other")).keyring)
    assert not (root / ".duri").exists()
    made = sealed(root, external_links=("leaves",))
    (root / "leaves").unlink()
    (root / "leaves").symlink_to("/etc/passwd")
    assert made.found("corrupted") == {("link_target", b"leaves")}


@pytest.mark.parametrize("target", ["main.py", "nowhere", "planted", "/etc", "..", "pkg"])
def test_planted_link_is_drift_wherever_it_leads(target: str, made: Release) -> None:
    (made.root / "planted").symlink_to(target)
    assert made.found("corrupted") == {("new", b"planted")}
