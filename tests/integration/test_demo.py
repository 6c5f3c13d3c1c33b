"""`examples/demo.sh`, which `make demo` runs: every status appears, and a wrong answer fails it."""

import collections
import os
import subprocess
import sys
from pathlib import Path

DEMO = Path(__file__).parents[2] / "examples" / "demo.sh"
BIN = Path(sys.executable).parent


def run_demo(folder: Path, bin_folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the demo with its temporary folder in `folder`, under settings that would mislead it."""
    misleading = {"DURI_KEYRING": "/nowhere", "DURI_INTEGRITY_MODE": "lenient", "DURI_ENV": "prod"}
    return subprocess.run(
        [DEMO],
        env=misleading
        | {
            "PATH": os.environ["PATH"],
            "HOME": os.fspath(folder),
            "TMPDIR": os.fspath(folder),
            "DURI_BIN": os.fspath(bin_folder),
        },
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def test_demo_shows_each_status_with_its_exit_code_and_cleans_up(tmp_path: Path) -> None:
    ran = run_demo(tmp_path, BIN)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    shown = [line for line in ran.stdout.splitlines() if line.startswith("-> ")]
    assert collections.Counter(shown) == {
        "-> verified, exit 0": 3,
        "-> corrupted, exit 10": 8,
        "-> tampered, exit 11": 4,
        "-> policy_changed, exit 12": 1,
        "-> unverifiable, exit 13": 1,
    }
    # The gated command ran from the verified tree, and not from the edited one.
    assert ran.stdout.count("\nthe application runs from ") == 1
    assert list(tmp_path.iterdir()) == []


def test_demo_fails_when_an_answer_is_wrong(tmp_path: Path) -> None:
    """A `duri` that calls everything verified is the mutant that the demo must catch."""
    fake = tmp_path / "bin"
    fake.mkdir()
    liar = 'case $1 in verify|gate) echo "VERIFIED  app"; exit 0 ;; esac\n'
    for name, first in (("python", ""), ("duri", liar)):
        (fake / name).write_text(f'#!/bin/sh\n{first}exec {BIN}/{name} "$@"\n')
        (fake / name).chmod(0o755)
    work = tmp_path / "work"
    work.mkdir()
    ran = run_demo(work, fake)
    assert ran.returncode == 1
    assert "-> WRONG: exit 0, expected corrupted with exit 10" in ran.stdout
    assert "answers were wrong" in ran.stderr
    assert list(work.iterdir()) == []


def test_demo_says_what_to_do_where_duri_is_not_built(tmp_path: Path) -> None:
    ran = run_demo(tmp_path, tmp_path)
    assert ran.returncode == 1
    assert "run: make build" in ran.stderr
