"""`examples/demo.sh`, which `make demo` runs: every status appears, and a wrong answer fails it.

Its last steps watch the tree. Off a terminal it ends by itself, on one with Ctrl-C.
"""

import collections
import http.client
import os
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

DEMO = Path(__file__).parents[2] / "examples" / "demo.sh"
BIN = Path(sys.executable).parent


MISLEADING = {
    "DURI_KEYRING": "/nowhere",
    "DURI_INTEGRITY_MODE": "lenient",
    "DURI_ENV": "prod",
    "DURI_LISTEN": "none",
    "KUBERNETES_SERVICE_HOST": "192.0.2.1",
}


def environment(folder: Path, bin_folder: Path) -> dict[str, str]:
    """Return settings that would mislead the demo, and where it works."""
    return MISLEADING | {
        "PATH": os.environ["PATH"],
        "HOME": os.fspath(folder),
        "TMPDIR": os.fspath(folder),
        "DURI_BIN": os.fspath(bin_folder),
    }


def run_demo(folder: Path, bin_folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the demo with its temporary folder in `folder`, under settings that would mislead it."""
    return subprocess.run(
        [DEMO],
        env=environment(folder, bin_folder),
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
        "-> verified, exit 0": 5,
        "-> corrupted, exit 10": 9,
        "-> tampered, exit 11": 4,
        "-> policy_changed, exit 12": 1,
        "-> unverifiable, exit 13": 1,
    }
    # The gated command ran from the verified tree, and not from the edited one.
    assert ran.stdout.count("\nthe application runs from ") == 1
    # The watcher was there, and is not any more.
    assert answers(page_of(ran.stdout)) is None
    assert "VERIFIED  receipts" in ran.stdout
    assert list(tmp_path.iterdir()) == []


def test_demo_on_a_terminal_leaves_the_page_until_interrupted(tmp_path: Path) -> None:
    ours, theirs = os.openpty()
    with subprocess.Popen(
        [DEMO],
        env=environment(tmp_path, BIN),
        stdin=theirs,
        stdout=theirs,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as demo:
        os.close(theirs)
        shown = read_until(ours, "Ctrl-C ends it")
        assert answers(page_of(shown)) == 200
        assert demo.poll() is None
        os.killpg(demo.pid, signal.SIGINT)
        shown += read_until(ours, "VERIFIED  receipts")
        assert demo.wait(timeout=60) == 0, shown
    os.close(ours)
    assert answers(page_of(shown)) is None
    assert list(tmp_path.iterdir()) == []


def page_of(shown: str) -> str:
    """Return the page's address as the demo shows it."""
    found = re.search(r"^The page is at (\S+)", shown, re.MULTILINE)
    assert found is not None, shown
    return found[1]


def answers(page: str) -> int | None:
    """Return the status code of a page; None where nobody listens."""
    connection = http.client.HTTPConnection(urlsplit(page).netloc, timeout=30)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status
    except ConnectionRefusedError:
        return None
    finally:
        connection.close()


def read_until(terminal: int, text: str) -> str:
    """Return what a terminal shows until it shows a text, without carriage returns."""
    shown, deadline = b"", time.monotonic() + 300
    while text.encode() not in shown:
        ready, _, _ = select.select([terminal], [], [], max(0.0, deadline - time.monotonic()))
        assert ready, shown
        shown += os.read(terminal, 65536)
    return shown.decode(errors="replace").replace("\r", "")


def test_demo_fails_when_an_answer_is_wrong(tmp_path: Path) -> None:
    """A `duri` that calls everything verified is the mutant that the demo must catch."""
    fake = false_duri(tmp_path, 'case $1 in verify|gate) echo "VERIFIED  app"; exit 0 ;; esac')
    work = tmp_path / "work"
    work.mkdir()
    ran = run_demo(work, fake)
    assert ran.returncode == 1
    assert "-> WRONG: exit 0, expected corrupted with exit 10" in ran.stdout
    assert "answers were wrong" in ran.stderr
    assert list(work.iterdir()) == []


def test_demo_fails_when_the_watcher_does_not_watch(tmp_path: Path) -> None:
    fake = false_duri(tmp_path, 'case $1 in watch) echo "nothing to do" >&2; exit 0 ;; esac')
    work = tmp_path / "work"
    work.mkdir()
    ran = run_demo(work, fake)
    assert ran.returncode == 1
    assert "the watcher never said: event=watch.listening\nnothing to do\n" in ran.stderr
    assert list(work.iterdir()) == []


def false_duri(folder: Path, first: str) -> Path:
    """Return a folder with a `python` and a `duri` whose script begins with `first`."""
    fake = folder / "bin"
    fake.mkdir()
    for name, begins in (("python", ""), ("duri", first)):
        (fake / name).write_text(f'#!/bin/sh\n{begins}\nexec {BIN}/{name} "$@"\n')
        (fake / name).chmod(0o755)
    return fake


def test_demo_says_what_to_do_where_duri_is_not_built(tmp_path: Path) -> None:
    ran = run_demo(tmp_path, tmp_path)
    assert ran.returncode == 1
    assert "run: make build" in ran.stderr
