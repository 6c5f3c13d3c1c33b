"""A path is part of a tree when reading it reads something that the tree's writers decide."""

import os
from pathlib import Path

import pytest

from duri.containment import passes_through


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "app"
    (folder / "inner").mkdir(parents=True)
    (folder / "inner" / "file").write_bytes(b"")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").write_bytes(b"")
    return folder


@pytest.mark.parametrize(
    "path", ["app/inner/file", "app/not-there-yet", "app/../app/inner/file", "outside/../app/x"]
)
def test_what_lies_inside_passes_through(root: Path, path: str) -> None:
    assert passes_through(f"{root.parent}/{path}", str(root))


@pytest.mark.parametrize(
    "path", ["outside/file", "outside/none", "app", "application", "none/at/all", "app\0"]
)
def test_what_lies_outside_does_not(root: Path, path: str) -> None:
    assert not passes_through(f"{root.parent}/{path}", str(root))


def test_links_count_where_they_lie_and_where_they_lead(root: Path) -> None:
    outside = root.parent / "outside"
    (root / "out").symlink_to(outside)
    (outside / "in").symlink_to(root / "inner" / "file")
    (outside / "through").symlink_to(root / "out" / "file")
    (outside / "beside").symlink_to("file")
    (outside / "loop").symlink_to("loop")
    for path in (root / "out", root / "out" / "file", outside / "in", outside / "through"):
        assert passes_through(str(path), str(root))
    for path in (outside / "beside", outside / "loop"):
        assert not passes_through(str(path), str(root))


def test_root_reached_by_a_link_is_the_same_root(root: Path) -> None:
    (root.parent / "current").symlink_to("app")
    for way in (root, root.parent / "current"):
        assert passes_through(str(root / "inner" / "file"), str(way))
        assert passes_through(str(way / "inner" / "file"), str(root))
        assert not passes_through(str(root.parent / "outside" / "file"), str(way))


def test_path_of_the_working_folder_is_followed(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root)
    assert passes_through("inner/file", os.curdir)
    assert not passes_through("../outside/file", os.curdir)
