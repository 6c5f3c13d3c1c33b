"""The fixtures that other tests lean on do what they say."""

import os
import stat
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from tests import conftest
from tests.conftest import File, Folder, Link, RunDuri, Tree

AsNobody = Callable[[], AbstractContextManager[None]]


def test_tree_holds_what_it_was_told_whatever_the_umask(tree: Tree) -> None:
    before = os.umask(0o077)
    try:
        root = tree(
            {
                "app/main.py": b"pass\n",
                "app/run": File(b"#!", mode=0o4755),
                "app/link": Link("main.py"),
                "closed": Folder(mode=0o500),
                "closed/inside": b"x",
            }
        )
    finally:
        os.umask(before)
    assert (root / "app/main.py").read_bytes() == b"pass\n"
    assert stat.S_IMODE((root / "app/main.py").stat().st_mode) == 0o644
    assert stat.S_IMODE((root / "app/run").stat().st_mode) == 0o4755
    assert stat.S_IMODE((root / "app").stat().st_mode) == 0o755
    assert stat.S_IMODE((root / "closed").stat().st_mode) == 0o500
    assert (root / "closed/inside").read_bytes() == b"x"
    assert os.readlink(root / "app/link") == "main.py"


def test_tree_takes_names_that_are_not_utf8(tree: Tree) -> None:
    root = tree({b"caf\xe9": b"x"})
    assert os.listdir(os.fsencode(root)) == [b"caf\xe9"]


def test_duri_runs_with_nothing_of_our_environment(
    run_duri: RunDuri, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DURI_ENV", "nonsense")
    assert "DURI_ENV" not in conftest.clean_environment("/nowhere")
    assert b"duri" in run_duri("--help", check=0).stdout.lower()


def test_wrong_exit_code_is_a_failure(run_duri: RunDuri) -> None:
    with pytest.raises(AssertionError):
        run_duri("--help", check=10)


def test_missing_component_fails_in_ci_and_skips_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conftest, "IN_CI", True)
    with pytest.raises(pytest.fail.Exception, match="no-such-command"):
        conftest.require("no-such-command")
    monkeypatch.setattr(conftest, "IN_CI", False)
    with pytest.raises(pytest.skip.Exception, match="no-such-command"):
        conftest.require("no-such-command")
    assert conftest.require("sh").endswith("/sh")
    assert conftest.require("a thing", present=True) == "a thing"


def test_nobody_cannot_read_what_is_closed_and_root_can_again(
    tree: Tree, as_nobody: AsNobody
) -> None:
    root = tree({"closed": File(b"x", mode=0), "open": b"y"})
    seen: list[str] = []

    def read() -> None:
        for name in ("closed", "open"):
            try:
                (root / name).read_bytes()
                seen.append(name)
            except PermissionError:
                seen.append(f"no {name}")

    with as_nobody():
        thread = threading.Thread(target=read)
        thread.start()
        thread.join()
        read()
    assert seen == ["no closed", "open"] * 2
    if os.geteuid() == 0:
        assert (root / "closed").read_bytes() == b"x"


def test_process_of_nobody_cannot_read_what_is_closed(tree: Tree) -> None:
    root = tree({"closed": File(b"x", mode=0)})
    child = os.fork()
    if child == 0:
        conftest.drop_rights_for_good()
        os.execvp("cat", ["cat", os.fspath(root / "closed")])  # noqa: S606 - no shell is the point
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1
