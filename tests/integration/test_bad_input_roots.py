"""Bad input, roots: not there, not a folder, not readable; said clearly, and nothing lost."""

import os
from pathlib import Path

import pytest
from tests.conftest import RunDuri, Tree
from tests.integration.shop import Shop, complaint, sealed


@pytest.fixture
def shop(tree: Tree, run_duri: RunDuri) -> Shop:
    """Return a sealed and verified shop."""
    return sealed(tree, run_duri)


def bad_root(shop: Shop, kind: str) -> Path:
    """Make a root that is none."""
    path = shop.root.parent / "bad"
    if kind == "a file":
        path.write_bytes(b"")
    elif kind == "a FIFO":
        os.mkfifo(path)
    elif kind == "a dangling link":
        path.symlink_to("nowhere")
    elif kind == "below a file":
        path.write_bytes(b"")
        path /= "below"
    return path


ROOTS = {
    "nothing": "there is no such folder",
    "a file": "the root is not a folder",
    "a FIFO": "the root is not a folder",
    "a dangling link": "there is no such folder",
    "below a file": "the root is not a folder",
}


@pytest.mark.parametrize("kind", ROOTS)
def test_root_that_is_none_is_wrong_usage_when_sealing(kind: str, shop: Shop) -> None:
    path = bad_root(shop, kind)
    said = complaint(shop._replace(root=path).seal(), 2)
    assert said.startswith(f"{path}: {ROOTS[kind]}")


@pytest.mark.parametrize("kind", ROOTS)
def test_root_that_is_none_leaves_no_verdict(kind: str, shop: Shop) -> None:
    path = bad_root(shop, kind)
    ran = shop._replace(root=path).verify(check=13)
    assert ran.out.startswith(f"UNVERIFIABLE  no verdict about {path}; treat it as failed\n")
    assert f"  {path}  root cannot be used; {ROOTS[kind]}\n" in ran.out
    assert "Check that the root is mounted" in ran.out


def test_root_that_is_none_never_starts_a_command(shop: Shop) -> None:
    ran = shop.duri("gate", shop.keyring, "--keyring", shop.keyring, "--", "echo", "started")
    assert (ran.code, ran.stdout) == (13, b"")
    ran = shop.duri("gate", shop.root, "--keyring", shop.keyring, "--", "echo", "started")
    assert (ran.code, ran.stdout) == (0, b"started\n")


def test_unreadable_root_is_refused_as_such(shop: Shop) -> None:
    shop.root.chmod(0)
    before = shop.keyring.read_bytes()
    said = complaint(shop.seal(as_nobody=True), 2)
    assert said.startswith(f"{shop.root}: the root cannot be opened")
    assert "Permission denied" in said
    ran = shop.verify(as_nobody=True, check=13)
    assert "Permission denied" in ran.out
    shop.root.chmod(0o755)
    shop.verify(as_nobody=True, check=0)
    assert shop.keyring.read_bytes() == before


@pytest.mark.parametrize("path", ["shop.py", "lib", "uploads"])
def test_unreadable_file_or_folder_leaves_no_verdict(path: str, shop: Shop) -> None:
    mode = (shop.root / path).stat().st_mode & 0o777
    (shop.root / path).chmod(0)
    ran = shop.verify(as_nobody=True, check=13)
    assert f"  {path}  cannot be read" in ran.out
    assert "Permission denied" in ran.out
    assert "Run the check as a user who may read every file that was sealed." in ran.out
    (shop.root / path).chmod(mode)
    shop.verify(as_nobody=True, check=0)


@pytest.mark.parametrize("path", ["shop.py", "lib", "uploads"])
def test_unreadable_file_or_folder_is_not_sealed_and_nothing_is_lost(path: str, shop: Shop) -> None:
    before = shop.evidence()
    (shop.root / path).chmod(0)
    said = complaint(shop.seal("--version", "2.0.0", as_nobody=True), 13)
    assert f"\n  {path}: unreadable (Permission denied" in said
    assert "Remove these, or declare them" in said
    assert shop.evidence() == before


def test_unreadable_artifacts_leave_no_verdict(shop: Shop) -> None:
    shop.artifacts.chmod(0)
    assert ("unreadable", str(shop.artifacts)) in shop.found(as_nobody=True)
    shop.verify(as_nobody=True, check=13)
    shop.artifacts.chmod(0o755)
    for path in shop.artifacts.iterdir():
        path.chmod(0)
        assert ("unreadable", path.name) in shop.found(as_nobody=True)
        path.chmod(0o644)
    shop.verify(as_nobody=True, check=0)


def test_root_that_may_not_be_written_is_not_sealed_and_says_so(shop: Shop) -> None:
    (shop.root / "shop.py").write_bytes(b"print('open again')\n")
    before = shop.evidence()
    for folder in (shop.root, shop.root.parent):
        folder.chmod(0o555)
    said = complaint(shop.seal("--version", "2.0.0", as_nobody=True), 1)
    assert "could not be written; those that were there before are untouched" in said
    assert "Permission denied" in said
    for folder in (shop.root, shop.root.parent):
        folder.chmod(0o755)
    assert shop.evidence() == before
    shop.seal("--version", "2.0.0", as_nobody=True, check=0)
    shop.verify(check=0)


@pytest.mark.parametrize("kind", ["a file", "a link", "a folder with something else"])
def test_artifacts_folder_that_is_none_is_not_replaced(kind: str, shop: Shop) -> None:
    place = shop.root.parent / "evidence"
    if kind == "a file":
        place.write_bytes(b"mine")
    elif kind == "a link":
        place.symlink_to(shop.artifacts)
    else:
        place.mkdir()
        (place / "thesis.txt").write_bytes(b"mine")
    before = shop.evidence()
    said = complaint(shop.seal("--artifacts", str(place)), 2)
    assert said.startswith(f"{place}: ")
    assert "artifact" in said
    assert shop.evidence() == before
    if kind == "a folder with something else":
        assert "got 'thesis.txt'" in said
        assert (place / "thesis.txt").read_bytes() == b"mine"


def test_two_seals_at_once_are_refused(shop: Shop) -> None:
    import fcntl

    before = shop.evidence()
    folder = os.open(shop.root, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        said = complaint(shop.seal("--version", "2.0.0"), 2)
        assert "another seal of this root is running" in said
    finally:
        os.close(folder)
    assert shop.evidence() == before
    shop.seal("--version", "2.0.0", check=0)
