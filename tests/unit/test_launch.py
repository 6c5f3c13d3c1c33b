"""Which file a gated command's name means."""

import os
from pathlib import Path

import pytest

from duri import launch
from duri.errors import UsageError


def program(path: Path, mode: int = 0o755) -> str:
    """Write a program and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(mode)
    return os.fspath(path)


def test_name_is_the_first_program_of_that_name_on_path(tmp_path: Path) -> None:
    (tmp_path / "folder" / "serve").mkdir(parents=True)
    program(tmp_path / "text" / "serve", mode=0o644)
    first = program(tmp_path / "one" / "serve")
    program(tmp_path / "two" / "serve")
    parts = [tmp_path / name for name in ("missing", "folder", "text", "one", "two")]
    path = {"PATH": os.pathsep.join(map(str, parts))}
    assert launch.find("serve", path) == first
    with pytest.raises(UsageError, match="server: there is no such command on PATH"):
        launch.find("server", path)


@pytest.mark.parametrize("part", ["", ".", "bin", "./bin", "bin/.."])
def test_part_of_path_that_is_not_absolute_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    program(tmp_path / "serve")
    program(tmp_path / "bin" / "serve")
    monkeypatch.chdir(tmp_path)
    for path in (part, f"{part}:/nowhere", f"/nowhere:{part}"):
        with pytest.raises(UsageError, match="no such command on PATH"):
            launch.find("serve", {"PATH": path})
    # The twins: the same folder by its whole name, and the file by its own.
    whole = os.path.join(tmp_path, part)
    assert launch.find("serve", {"PATH": whole}) == os.path.join(whole, "serve")
    assert launch.find("./serve", {"PATH": part}) == "./serve"


def test_name_with_a_slash_is_that_file_and_never_looked_up(tmp_path: Path) -> None:
    there = program(tmp_path / "bin" / "sub" / "serve")
    assert launch.find(there, {"PATH": "/nowhere"}) == there
    with pytest.raises(UsageError, match="sub/serve: there is no such command"):
        launch.find("sub/serve", {"PATH": str(tmp_path / "bin")})


def test_what_cannot_be_started_is_refused_with_the_reason(tmp_path: Path) -> None:
    text = program(tmp_path / "notes", mode=0o644)
    for name, path in ((text, "/nowhere"), ("notes", str(tmp_path))):
        with pytest.raises(UsageError, match="notes: the command may not be executed"):
            launch.find(name, {"PATH": path})
    with pytest.raises(UsageError, match="the command is no file"):
        launch.find(str(tmp_path), {})
    for name in ("", "serve"):
        with pytest.raises(UsageError, match="no such command on PATH"):
            launch.find(name, {"PATH": str(tmp_path)})
    Path(text).chmod(0o755)
    assert launch.find("notes", {"PATH": str(tmp_path)}) == text


def test_without_a_path_the_systems_folders_are_searched() -> None:
    assert launch.find("sh", {}) in {"/bin/sh", "/usr/bin/sh"}
    with pytest.raises(UsageError, match="no such command on PATH"):
        launch.find("sh", {"PATH": ""})
