"""A secret as Kubernetes mounts it for a process without root (docs/decisions/0010)."""

import os
from pathlib import Path

import pytest

from duri.errors import KeyringError
from duri.evidence.keys.source import load_file

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0, reason="only root makes files that belong to root and become somebody else"
)

NOW = 1_800_000_000


def read_without_root(path: Path) -> str:
    """Load a raw key in prod as user 65534 of group 65534; return what came of it."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
        try:
            load_file(str(path), now=NOW, prod=True)
            answer = "loaded"
        except KeyringError as error:
            answer = error.what
        os.write(write_end, answer.encode())
        os._exit(0)
    os.close(write_end)
    os.waitpid(child, 0)
    with os.fdopen(read_end) as answered:
        return answered.read()


@pytest.fixture
def mounted(tmp_path: Path) -> Path:
    path = tmp_path / "hmac-key"
    path.write_bytes(os.urandom(32).hex().encode())
    os.utime(path, (NOW, NOW))
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_mode & 0o005 != 0o005:
            folder.chmod(0o755)
        if folder.name.startswith("pytest-of-"):
            break
    os.chown(path, 0, 65534)
    path.chmod(0o440)
    return path


def test_a_secret_that_root_mounts_for_the_group_is_read_in_prod(mounted: Path) -> None:
    assert read_without_root(mounted) == "loaded"


@pytest.mark.parametrize(("mode", "word"), [(0o444, "world-readable"), (0o460, "group-writable")])
def test_one_that_others_can_reach_is_refused(mounted: Path, mode: int, word: str) -> None:
    mounted.chmod(mode)
    assert word in read_without_root(mounted)


def test_one_that_belongs_to_the_reader_is_refused(mounted: Path) -> None:
    os.chown(mounted, 65534, 65534)
    assert "group-readable" in read_without_root(mounted)


def test_one_that_root_itself_reads_is_refused(mounted: Path) -> None:
    with pytest.raises(KeyringError, match="group-readable"):
        load_file(str(mounted), now=NOW, prod=True)
