"""The trees are the same everywhere, and never fill a disk."""

import hashlib
import os
import shutil

import pytest

from bench import corpora


def _digest(root: str) -> str:
    """Return one digest over all names and contents."""
    total = hashlib.sha256()
    for path, folders, files in os.walk(root):
        folders.sort()
        for name in sorted(files):
            full = os.path.join(path, name)
            with open(full, "rb") as file:
                total.update(os.path.relpath(full, root).encode() + b"\0" + file.read())
    return total.hexdigest()


def test_the_same_seed_gives_the_same_tree(tmp_path: os.PathLike[str]) -> None:
    one, two = (os.path.join(tmp_path, name) for name in ("one", "two"))
    found = [corpora.prepare("source", workdir=workdir) for workdir in (one, two)]
    assert _digest(found[0].root) == _digest(found[1].root)
    assert found[0].files == 2262
    assert 20e6 < found[0].size < 30e6


def test_a_tree_is_made_once(tmp_path: os.PathLike[str]) -> None:
    first = corpora.prepare("source", workdir=str(tmp_path))
    marker = os.path.join(first.root, "marker")
    os.mkdir(marker)
    assert corpora.prepare("source", workdir=str(tmp_path)) == first
    assert os.path.isdir(marker)


def test_a_tree_of_another_recipe_is_made_anew(
    tmp_path: os.PathLike[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = corpora.prepare("source", workdir=str(tmp_path))
    marker = os.path.join(first.root, "marker")
    os.mkdir(marker)
    monkeypatch.setattr(corpora, "RECIPE", corpora.RECIPE + 1)
    corpora.prepare("source", workdir=str(tmp_path))
    assert not os.path.exists(marker)


def test_nothing_is_made_where_it_would_leave_no_room(
    tmp_path: os.PathLike[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(corpora, "SPARE_BYTES", shutil.disk_usage(tmp_path).free)
    with pytest.raises(corpora.NoRoomError, match="are needed beside"):
        corpora.prepare("source", workdir=str(tmp_path))
    assert not os.path.exists(os.path.join(tmp_path, "corpora"))


@pytest.mark.parametrize(
    ("target", "leaves"),
    [
        ("inner", False),
        ("../tree/inner", False),
        ("/etc", True),
        ("../../etc", True),
        ("out", True),
    ],
)
def test_links_that_leave_the_tree_are_known(
    tmp_path: os.PathLike[str], target: str, *, leaves: bool
) -> None:
    top = os.path.join(os.path.realpath(tmp_path), "tree")
    os.makedirs(os.path.join(top, "inner"))
    os.symlink("/etc", os.path.join(top, "out"))
    link = os.path.join(top, "link")
    os.symlink(target, link)
    assert corpora._leaves(top, link) is leaves


def test_a_survey_counts_without_following_links(tmp_path: os.PathLike[str]) -> None:
    os.mkdir(os.path.join(tmp_path, "folder"))
    os.symlink("folder", os.path.join(tmp_path, "link"))
    with open(os.path.join(tmp_path, "folder", "file"), "wb") as file:
        file.write(b"12345")
    found = corpora.survey("tiny", root=str(tmp_path))
    assert (found.files, found.folders, found.links, found.size) == (1, 1, 1, 5)
