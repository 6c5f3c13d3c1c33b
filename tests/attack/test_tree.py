"""Attacks on the tree: what is planted, edited, re-moded and exchanged after sealing."""

import hashlib
import os
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.attack.sealed_tree import CODE, Release, sealed
from tests.conftest import File, Folder, Link, Tree, require

from duri.verdict import Kind, Status

ROWS = {
    "test_planted_file_is_drift": 20,
    "test_planted_file_among_the_artifacts_is_tampered": 20,
    "test_planted_empty_folder_is_drift": 20,
    "test_planted_folder_is_named_by_what_is_in_it": 20,
    "test_planted_file_passes_in_lenient_mode_only_as_a_note": 20,
    "test_removed_file_is_missing": 20,
    "test_same_size_and_times_do_not_hide_other_content": 21,
    "test_touched_file_with_sealed_content_is_accepted": 21,
    "test_changed_mode_is_drift": 22,
    "test_changed_folder_mode_is_drift": 22,
    "test_added_file_capability_is_drift": 22,
    "test_taken_file_capability_is_drift": 22,
    "test_changed_owner_is_drift_where_owners_are_sealed": 22,
    "test_hard_link_made_after_the_seal_is_drift": 26,
    "test_hard_link_within_the_tree_is_accepted": 26,
    "test_replacing_half_of_the_files_is_a_spike": 33,
    "test_one_changed_file_of_many_is_no_spike": 33,
}
"""Test -> the row of ATTACKS.md that it is about."""

NET_BIND = struct.pack("<IIIII", 0x02000001, 1 << 10, 0, 0, 0)
"""security.capability, version 2: cap_net_bind_service, permitted and effective."""


@pytest.fixture
def made(tree: Tree) -> Release:
    """Return a sealed and verified release."""
    return sealed(tree(CODE))


@pytest.mark.parametrize(
    "path",
    [
        "new.py",
        ".hidden",
        "pkg/__pycache__/core.cpython-311.pyc",
        ".git/hooks/post-checkout",
        "sitecustomize.py",
        "pkg/evil.pth",
        "uploads/shell.php",
        ".duri.json",
        ".duri2/checksums.json",
        "pkg/.duri/checksums.json",
    ],
)
def test_planted_file_is_drift(path: str, made: Release, tree: Tree) -> None:
    tree({path: b"import os\n"}, name=made.root.name)
    assert made.found("corrupted") == {("new", path.encode())}
    # Taken away again, folders that came with it too, the release is what it was.
    (made.root / path).unlink()
    for folder in (made.root / path).parents:
        if folder != made.root and not (folder.name == "uploads" or (folder / "core.py").exists()):
            folder.rmdir()
        else:
            break
    assert made.found("verified") == set()


@pytest.mark.parametrize("path", ["hook.sh", "hooks/evil.py", "checksums.json.bak", "sbom.json"])
def test_planted_file_among_the_artifacts_is_tampered(path: str, made: Release, tree: Tree) -> None:
    tree({f".duri/{path}": b"import os\n"}, name=made.root.name)
    name = path.split("/", 1)[0].encode()
    assert made.found("tampered") == {("artifact_unexpected", name)}


@pytest.mark.parametrize("path", ["empty", ".hidden", "pkg/data/empty", "uploads/empty"])
def test_planted_empty_folder_is_drift(path: str, made: Release) -> None:
    (made.root / path).mkdir()
    assert made.found("corrupted") == {("new", path.encode())}


def test_planted_folder_is_named_by_what_is_in_it(made: Release, tree: Tree) -> None:
    tree({"a/b/c": b"", "a/b/d": Link("c"), "a/e": Folder()}, name=made.root.name)
    assert made.found("corrupted") == {("new", b"a/b/c"), ("new", b"a/b/d"), ("new", b"a/e")}


def test_planted_file_passes_in_lenient_mode_only_as_a_note(tree: Tree) -> None:
    made = sealed(tree(CODE), mode="lenient")
    (made.root / "new.py").write_bytes(b"")
    lenient = made.verify(mode="lenient")
    assert [(one.kind, one.path, one.status) for one in lenient.findings] == [
        (Kind.NEW, b"new.py", Status.VERIFIED)
    ]
    assert lenient.status is Status.VERIFIED
    strict = made.verify(environment="prod", mode="lenient")
    assert (strict.status, strict.mode) == (Status.CORRUPTED, "strict")
    assert (Kind.NEW, Status.CORRUPTED) in {(one.kind, one.status) for one in strict.findings}


@pytest.mark.parametrize(
    ("path", "missing"),
    [
        ("main.py", {b"main.py"}),
        ("pkg/data/table.bin", {b"pkg/data/table.bin"}),
        ("current", {b"current"}),
        ("uploads", {b"uploads"}),
    ],
)
def test_removed_file_is_missing(path: str, missing: set[bytes], made: Release) -> None:
    target = made.root / path
    target.rmdir() if path == "uploads" else target.unlink()
    assert made.found("corrupted") == {("missing", one) for one in missing}


def test_same_size_and_times_do_not_hide_other_content(made: Release) -> None:
    path = made.root / "pkg/core.py"
    before = path.stat()
    with path.open("r+b") as file:  # the same inode
        file.write(b"VALUE = 2\n")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = path.stat()
    assert (after.st_size, after.st_mtime_ns, after.st_ino) == (
        (before.st_size, before.st_mtime_ns, before.st_ino)
    )
    verdict = made.verify()
    assert verdict.status is Status.CORRUPTED
    assert [(one.kind, one.path, one.expected, one.actual) for one in verdict.findings] == [
        (
            Kind.MODIFIED,
            b"pkg/core.py",
            hashlib.sha256(b"VALUE = 1\n").hexdigest(),
            hashlib.sha256(b"VALUE = 2\n").hexdigest(),
        )
    ]


def test_touched_file_with_sealed_content_is_accepted(made: Release) -> None:
    path = made.root / "pkg/core.py"
    path.unlink()
    path.write_bytes(b"VALUE = 1\n")
    path.chmod(0o644)
    os.utime(path, ns=(1, 1))
    assert made.found("verified") == set()


@pytest.mark.parametrize(
    ("path", "mode"),
    [
        ("main.py", 0o755),
        ("main.py", 0o666),
        ("main.py", 0o4644),
        ("main.py", 0o2644),
        ("main.py", 0o1644),
        ("run.sh", 0o4755),
        ("run.sh", 0o644),
    ],
)
def test_changed_mode_is_drift(path: str, mode: int, made: Release) -> None:
    before = (made.root / path).stat().st_mode & 0o7777
    (made.root / path).chmod(mode)
    verdict = made.verify()
    assert verdict.status is Status.CORRUPTED
    assert [(one.kind, one.path, one.expected, one.actual) for one in verdict.findings] == [
        (Kind.MODE, path.encode(), f"{before:04o}", f"{mode:04o}")
    ]
    (made.root / path).chmod(before)
    assert made.found("verified") == set()


@pytest.mark.parametrize("path", ["pkg", "uploads"])
@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o2755, 0o700])
def test_changed_folder_mode_is_drift(path: str, mode: int, made: Release) -> None:
    (made.root / path).chmod(mode)
    assert made.found("corrupted") == {("mode", path.encode())}
    (made.root / path).chmod(0o755)
    assert made.found("verified") == set()


def give_capability(path: Path) -> None:
    """Set a file capability, which takes CAP_SETFCAP and a file system that has them."""
    try:
        os.setxattr(path, "security.capability", NET_BIND)
    except OSError:
        require("file capabilities", present=False)


def test_added_file_capability_is_drift(made: Release) -> None:
    give_capability(made.root / "run.sh")
    assert made.found("corrupted") == {("capability", b"run.sh")}
    os.removexattr(made.root / "run.sh", "security.capability")
    assert made.found("verified") == set()


def test_taken_file_capability_is_drift(tree: Tree) -> None:
    root = tree(CODE)
    give_capability(root / "run.sh")
    made = sealed(root)
    os.removexattr(root / "run.sh", "security.capability")
    assert made.found("corrupted") == {("capability", b"run.sh")}
    give_capability(root / "run.sh")
    assert made.found("verified") == set()


@pytest.mark.parametrize("path", ["main.py", "pkg", "current"])
def test_changed_owner_is_drift_where_owners_are_sealed(path: str, tree: Tree) -> None:
    require("the right to give files away", present=os.geteuid() == 0)
    made = sealed(tree(CODE, name="owned"), owners=True)
    os.chown(made.root / path, 12345, 54321, follow_symlinks=False)
    assert made.found("corrupted") == {("owner", path.encode())}
    unowned = sealed(tree(CODE, name="plain"))
    os.chown(unowned.root / path, 12345, 54321, follow_symlinks=False)
    assert unowned.found("verified") == set()


@pytest.mark.parametrize("linked", ["main.py", "run.sh", "pkg/data/table.bin"])
def test_hard_link_made_after_the_seal_is_drift(linked: str, made: Release, tmp_path: Path) -> None:
    os.link(made.root / linked, tmp_path / "handle")
    verdict = made.verify()
    assert verdict.status is Status.CORRUPTED
    assert [(one.kind, one.path) for one in verdict.findings] == [(Kind.HARD_LINK, linked.encode())]
    assert verdict.summary.verified_files == verdict.summary.total_files - 1
    (tmp_path / "handle").unlink()
    assert made.found("verified") == set()


@pytest.mark.parametrize("other", ["pkg/again.py", None])
def test_hard_link_within_the_tree_is_accepted(
    other: str | None, tree: Tree, tmp_path: Path
) -> None:
    root = tree(CODE)
    # Both names sealed, or the outer one recorded by exception, as package managers make them.
    os.link(root / "main.py", tmp_path / "cache" if other is None else root / other)
    made = sealed(root)
    assert made.found("verified") == set()


def change_half(root: Path, change: Callable[[Path], object]) -> None:
    """Change files 0 to 4 of ten."""
    for number in range(5):
        change(root / f"{number}.py")


@pytest.mark.parametrize("way", ["modified", "missing"])
def test_replacing_half_of_the_files_is_a_spike(way: str, tree: Tree) -> None:
    made = sealed(tree({f"{number}.py": b"VALUE = 1\n" for number in range(10)}))
    if way == "modified":
        change_half(made.root, lambda path: path.write_bytes(b"VALUE = 2\n"))
    else:
        change_half(made.root, Path.unlink)
    verdict = made.verify()
    assert (verdict.status, verdict.summary.spike_detected) == (Status.CORRUPTED, True)
    assert {one.kind.value for one in verdict.findings} == {way}


def test_one_changed_file_of_many_is_no_spike(tree: Tree) -> None:
    made = sealed(tree({f"{number}.py": File(b"VALUE = 1\n") for number in range(10)}))
    (made.root / "3.py").write_bytes(b"VALUE = 2\n")
    verdict = made.verify()
    assert (verdict.status, verdict.summary.spike_detected) == (Status.CORRUPTED, False)
