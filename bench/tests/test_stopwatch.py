"""A process is timed and weighed for what it is, not for who started it."""

import os
import sys
import time

import pytest

from bench import stopwatch
from bench.stopwatch import BenchError, Tools, TooSlowError, run


def test_the_peak_is_the_process_own_not_that_of_who_started_it(
    tmp_path: os.PathLike[str], tools: Tools
) -> None:
    ballast = bytearray(200 << 20)
    ballast[::4096] = b"\1" * len(ballast[::4096])
    result = run(["/bin/true"], cwd=str(tmp_path), tools=tools)
    assert 0 < result.peak_kib < 20 * 1024
    assert len(ballast) > 20 << 20


def test_a_process_that_takes_memory_is_seen_to(tmp_path: os.PathLike[str], tools: Tools) -> None:
    program = "print(len(bytes([1]) * (100 << 20)))"
    result = run([sys.executable, "-c", program], cwd=str(tmp_path), tools=tools)
    assert result.output.strip() == str(100 << 20)
    assert result.peak_kib > 100 * 1024


def test_the_wall_time_is_that_of_the_process(tmp_path: os.PathLike[str], tools: Tools) -> None:
    result = run(["sleep", "0.2"], cwd=str(tmp_path), tools=tools)
    assert 0.2 <= result.wall < 2.0
    assert result.cpu < 0.1


@pytest.mark.parametrize(("script", "code"), [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137)])
def test_the_end_is_told_as_it_was(
    tmp_path: os.PathLike[str], tools: Tools, script: str, code: int
) -> None:
    assert run(["sh", "-c", script], cwd=str(tmp_path), tools=tools).code == code


def test_a_program_that_is_not_there_is_an_error(tmp_path: os.PathLike[str], tools: Tools) -> None:
    with pytest.raises(BenchError, match="could not be started"):
        run(["/nowhere/program"], cwd=str(tmp_path), tools=tools)


def test_a_process_that_hangs_is_ended_with_its_children(
    tmp_path: os.PathLike[str], tools: Tools, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stopwatch, "PATIENCE_SECONDS", 0.3)
    pid = os.path.join(tmp_path, "pid")
    with pytest.raises(TooSlowError):
        run(["sh", "-c", f"sleep 600 & echo $! > '{pid}'; wait"], cwd=str(tmp_path), tools=tools)
    with open(pid, encoding="ascii") as file:
        child = file.read().strip()
    deadline = time.monotonic() + 5
    while _runs(child) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not _runs(child)


def _runs(pid: str) -> bool:
    """Say whether it is a living process: a zombie has ended, whoever has yet to wait for it."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_what_steers_python_or_duri_does_not_reach_a_process(
    tmp_path: os.PathLike[str], tools: Tools, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    monkeypatch.setenv("DURI_INTEGRITY_MODE", "lenient")
    output = run(["env"], cwd=str(tmp_path), tools=tools).output
    assert "PATH=" in output
    assert "PYTHONPATH" not in output
    assert "DURI_" not in output
