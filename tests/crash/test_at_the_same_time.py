"""Two seals at once: of one root, the second is refused; of two roots, neither harms the other."""

import subprocess
import time
from pathlib import Path

from tests.conftest import DURI, Tree
from tests.crash.place import MARK, NODES, Place
from tests.crash.syscalls import Process

import duri
from duri.verdict import Status


def slowly(process: Process, *, microseconds: int) -> "subprocess.Popen[bytes]":
    """Start a command whose every fsync takes its time."""
    options = ("-o", "/dev/null", "-e", f"inject=fsync:delay_enter={microseconds}")
    return subprocess.Popen(
        process.command(*options),
        env=process.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def wait_for_staging(folder: Path, *, count: int = 1) -> None:
    """Wait until sealings are preparing their artifacts there."""
    deadline = time.monotonic() + 30
    while len([path for path in folder.iterdir() if path.name.startswith(MARK)]) < count:
        assert time.monotonic() < deadline, "no sealing got as far as publishing"
        time.sleep(0.01)


def test_second_seal_of_a_root_is_refused_and_the_first_is_whole(place: Place) -> None:
    place.seal("1")
    first = slowly(place.sealing("2"), microseconds=150_000)
    wait_for_staging(place.folder)
    second = place.sealing("3")
    refused = subprocess.run(
        [DURI, *second.args], env=second.environment(), capture_output=True, check=False
    )
    assert first.poll() is None, "the first had ended: nothing was at the same time"
    assert refused.returncode == 2
    assert b"another seal of this root is running" in refused.stderr
    # Meanwhile a verifier sees the older release whole.
    assert place.verify().version == "1"
    _, err = first.communicate(timeout=60)
    assert first.returncode == 0, err
    assert (place.verify().status, place.verify().version) == (Status.VERIFIED, "2")
    assert place.leftovers() == []


def test_seals_of_two_roots_beside_each_other_leave_both_whole(place: Place, tree: Tree) -> None:
    """Two roots of one name, artifacts in one folder: as a build that seals its images does."""
    out = place.folder / "out"
    out.mkdir()
    roots = [tree(NODES, name=f"{name}/rootfs") for name in ("a", "b")]
    running = []
    for number, root in enumerate(roots):
        args = ("seal", root, "--version", "1", "--keyring", place.keyring, "--threads", "1")
        process = place.process(*args, "--artifacts", out / str(number))
        running.append(slowly(process, microseconds=100_000))
        wait_for_staging(out, count=number + 1)
    for one in running:
        _, err = one.communicate(timeout=60)
        assert one.returncode == 0, err
    for number, root in enumerate(roots):
        verdict = duri.verify(root, keyring=place.keyring, artifacts=out / str(number))
        assert verdict.status is Status.VERIFIED, verdict
    assert sorted(path.name for path in out.iterdir()) == ["0", "1"]


def test_many_seals_at_once_leave_one_whole_release(place: Place) -> None:
    processes = [place.sealing(str(number)) for number in range(6)]
    running = [
        subprocess.Popen(
            [DURI, *one.args], env=one.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for one in processes
    ]
    ended = [(process.communicate(timeout=60), process.returncode)[1] for process in running]
    assert set(ended) <= {0, 2}
    assert 0 in ended
    assert place.verify().status is Status.VERIFIED
    assert place.leftovers() == []
