"""Writing a keyring: whole or not at all, and never readable by others."""

import contextlib
import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.keys.examples import NOW, example

from duri.errors import PublishError, UsageError
from duri.evidence.keys.generate import new_keyring, public_part
from duri.evidence.keys.keyring import Algorithm, write
from duri.evidence.keys.source import load_file
from duri.evidence.keys.store import write_file

Rights = Callable[[], contextlib.AbstractContextManager[None]]
WHOLE = new_keyring(example(1, Algorithm.ED25519), now=NOW)
OTHER = new_keyring(example(2), now=NOW)
PUBLIC = public_part(WHOLE).keyring


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o777])
@pytest.mark.parametrize("replace", [False, True])
def test_what_is_written_is_loaded_in_prod_whatever_the_umask(
    tmp_path: Path, *, replace: bool, mask: int
) -> None:
    path = tmp_path / "keyring.json"
    before = os.umask(mask)
    try:
        write_file(str(path), WHOLE, replace=replace)
    finally:
        os.umask(before)
    assert mode_of(path) == 0o600
    assert path.read_bytes() == write(WHOLE)
    assert load_file(str(path), now=NOW, prod=True).keyring == WHOLE
    assert os.listdir(tmp_path) == ["keyring.json"]


def test_a_public_keyring_is_readable_by_the_verifiers(tmp_path: Path) -> None:
    write_file(str(tmp_path / "public.json"), PUBLIC, replace=False)
    assert mode_of(tmp_path / "public.json") == 0o644


def test_a_new_keyring_replaces_nothing_unless_told(tmp_path: Path) -> None:
    path = tmp_path / "keyring.json"
    path.write_bytes(b"precious")
    path.chmod(0o644)
    with pytest.raises(UsageError, match="already"):
        write_file(str(path), WHOLE, replace=False)
    assert path.read_bytes() == b"precious"
    write_file(str(path), WHOLE, replace=True)
    assert path.read_bytes() == write(WHOLE)
    assert mode_of(path) == 0o600
    assert os.listdir(tmp_path) == ["keyring.json"]


def test_a_dangling_link_is_something_too(tmp_path: Path) -> None:
    (tmp_path / "keyring.json").symlink_to("elsewhere")
    with pytest.raises(UsageError):
        write_file(str(tmp_path / "keyring.json"), WHOLE, replace=False)
    assert not (tmp_path / "elsewhere").exists()


def test_a_path_that_cannot_be_written_is_named(tmp_path: Path, as_nobody: Rights) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)
    with as_nobody(), pytest.raises(PublishError, match="Permission denied"):
        write_file(str(tmp_path / "closed" / "k"), WHOLE, replace=False)
    for path in (tmp_path / "none" / "k", tmp_path / "closed"):
        with pytest.raises((PublishError, UsageError)):
            write_file(str(path), WHOLE, replace=path.name == "closed")
    with pytest.raises(PublishError, match="bad path"):
        write_file(str(tmp_path) + "/a\0b", WHOLE, replace=False)
    assert os.listdir(tmp_path) == ["closed"]


def test_a_relative_path_is_written_in_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_file("keyring.json", WHOLE, replace=False)
    assert (tmp_path / "keyring.json").read_bytes() == write(WHOLE)


@pytest.mark.parametrize("replace", [False, True])
@pytest.mark.parametrize("call", ["open", "write", "fchmod", "fsync", "link", "rename"])
def test_a_failure_at_any_call_leaves_the_old_file_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, *, replace: bool
) -> None:
    path = tmp_path / "keyring.json"
    if replace:
        write_file(str(path), OTHER, replace=False)

    def fail(*_args: object, **_options: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        if (call, replace) in {("link", True), ("rename", False)}:
            write_file(str(path), WHOLE, replace=replace)
        else:
            with pytest.raises(PublishError, match="No space left"):
                write_file(str(path), WHOLE, replace=replace)
    assert os.listdir(tmp_path) == (["keyring.json"] if path.exists() else [])
    if path.exists():
        assert path.read_bytes() in {write(WHOLE), write(OTHER)}
        assert mode_of(path) == 0o600


def test_a_file_system_without_links_is_written_and_nothing_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: object, **_options: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", fail)
    path = tmp_path / "keyring.json"
    write_file(str(path), WHOLE, replace=False)
    assert path.read_bytes() == write(WHOLE)
    with pytest.raises(UsageError):
        write_file(str(path), OTHER, replace=False)
    assert path.read_bytes() == write(WHOLE)


def test_no_moment_shows_the_secret_to_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes = []
    plain = os.write

    def watch(descriptor: int, data: memoryview) -> int:
        modes.append(stat.S_IMODE(os.fstat(descriptor).st_mode))
        return plain(descriptor, data[:100])

    monkeypatch.setattr(os, "write", watch)
    before = os.umask(0)
    try:
        write_file(str(tmp_path / "keyring.json"), WHOLE, replace=False)
    finally:
        os.umask(before)
    assert len(modes) > 1
    assert set(modes) == {0o600}
    assert (tmp_path / "keyring.json").read_bytes() == write(WHOLE)
