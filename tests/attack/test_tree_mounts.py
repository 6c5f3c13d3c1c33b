"""Attacks on the tree: what is mounted over it. Real mounts, in a namespace of their own."""

import shutil

import pytest
from tests.attack.sealed_tree import (
    CODE,
    Release,
    in_mount_namespace,
    sealed,
    with_failing_calls,
)
from tests.conftest import DURI, File, Folder, Tree

from duri.verdict import Status

ROWS = {
    "test_mount_below_the_root_is_drift_though_the_content_is_the_same": 27,
    "test_mount_is_seen_without_openat2": 27,
    "test_mount_below_the_root_is_not_sealed": 27,
    "test_root_that_is_a_mount_is_accepted": 27,
    "test_artifacts_that_are_mounted_are_accepted": 27,
}
"""Test -> the row of ATTACKS.md that it is about."""


@pytest.fixture
def made(tree: Tree) -> Release:
    """Return a sealed and verified release."""
    return sealed(tree(CODE))


BINDS = {
    "bind of a folder": 'mount --bind "{root}/pkg" "{root}/pkg"',
    "bind of a file": 'mount --bind "{root}/main.py" "{root}/main.py"',
    "overlay": 'mount -t overlay o -o lowerdir="{root}/pkg:{root}/uploads" "{root}/pkg"',
    "tmpfs over an empty folder": 'mount -t tmpfs -o mode=755 t "{root}/uploads"',
}
MOUNTED = dict(zip(BINDS, ("pkg", "main.py", "pkg", "uploads"), strict=True))


@pytest.mark.parametrize("way", BINDS)
def test_mount_below_the_root_is_drift_though_the_content_is_the_same(
    way: str, made: Release
) -> None:
    ended = in_mount_namespace(BINDS[way].format(root=made.root), made.command("--all"))
    assert ended.code == Status.CORRUPTED.exit_code, ended
    assert f"  {MOUNTED[way]}  mount point" in ended.out, ended
    assert "Changed (1)" in ended.out, ended
    assert made.found("verified") == set()


@pytest.mark.parametrize("way", ["bind of a folder", "overlay"])
def test_mount_is_seen_without_openat2(way: str, made: Release) -> None:
    probe = with_failing_calls(["true"])
    assert probe.code == 0, probe
    old = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "inject=openat2:error=ENOSYS"]
    ended = in_mount_namespace(BINDS[way].format(root=made.root), [*old, *made.command()])
    assert ended.code == Status.CORRUPTED.exit_code, ended
    assert f"  {MOUNTED[way]}  mount point" in ended.out, ended
    ended = with_failing_calls(made.command(), "-e", "inject=openat2:error=ENOSYS")
    assert ended.code == 0, ended


def test_mount_below_the_root_is_not_sealed(tree: Tree) -> None:
    made = sealed(tree({**CODE, "cache": Folder(), "x": File()}), mutable=("cache/",))
    seal = [str(DURI), "seal", str(made.root), "--version", "2"]
    seal += ["--keyring", str(made.keyring_file()), "--mutable", "cache/"]
    ended = in_mount_namespace(BINDS["bind of a folder"].format(root=made.root), seal)
    assert ended.code == 13, ended
    assert "pkg: mount point" in ended.err, ended
    # What may change may lie on a volume of its own.
    volume = f'mount -t tmpfs t "{made.root}/cache"\ntouch "{made.root}/cache/x"'
    assert in_mount_namespace(volume, made.command()).code == 0
    assert in_mount_namespace(volume, seal).code == 0


COPY = 'cp -a "{root}" "{root}-low"\nmkdir "{root}-none"\n'
ROOTS = {
    "bind": 'mount --bind "{root}" "{root}"',
    "read-only bind": 'mount --bind -o ro "{root}" "{root}"',
    "overlay": COPY + 'mount -t overlay o -o lowerdir="{root}-low:{root}-none" "{root}"',
    "tmpfs": COPY + 'mount -t tmpfs -o mode=755 t "{root}"\ncp -a "{root}-low/." "{root}"',
}


@pytest.mark.parametrize("way", ROOTS)
def test_root_that_is_a_mount_is_accepted(way: str, made: Release) -> None:
    mount = ROOTS[way].format(root=made.root)
    ended = in_mount_namespace(mount, made.command())
    assert ended.code == 0, ended
    for copy in made.root.parent.glob("tree-[ln]*"):
        shutil.rmtree(copy)
    changed = f'echo "VALUE = 2" > "{made.root}/pkg/core.py"\n{mount}'
    ended = in_mount_namespace(changed, made.command())
    assert (ended.code, "pkg/core.py" in ended.out) == (Status.CORRUPTED.exit_code, True), ended


def test_artifacts_that_are_mounted_are_accepted(made: Release) -> None:
    mount = f'mount --bind -o ro "{made.root}/.duri" "{made.root}/.duri"'
    ended = in_mount_namespace(mount, made.command())
    assert ended.code == 0, ended
    # Under another name they are one more thing that was not sealed.
    other = made.root / "evidence"
    (made.root / ".duri").rename(other)
    mount = f'mount --bind "{other}" "{other}"'
    ended = in_mount_namespace(mount, made.command("--artifacts", str(other)))
    assert ended.code == 0, ended
    ended = in_mount_namespace(mount, made.command())
    assert ended.code == Status.UNVERIFIABLE.exit_code, ended
