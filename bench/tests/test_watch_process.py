"""Starting, hearing, polling and ending a watcher; a soak finds out one that is blind."""

import os
import sys
import time
from typing import Protocol

import pytest

from bench.__main__ import CHECKOUT
from bench.stopwatch import BenchError
from bench.watch import changes, detection, soak, storm
from bench.watch.client import Poller
from bench.watch.release import Release
from bench.watch.watcher import Watcher, weight


class Pretend(Protocol):
    """Returns a watcher that pretends, with variables."""

    def __call__(self, release: Release, **variables: str) -> Watcher:
        """Make one."""
        ...


@pytest.fixture
def release(tmp_path: os.PathLike[str]) -> Release:
    """Return a tree that nobody sealed, with a file where artifacts are."""
    root = os.path.join(tmp_path, "tree")
    files = [f"folder_{number % 5}/file_{number}" for number in range(40)]
    for path in [*files, ".duri/evidence"]:
        full = os.path.join(root, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "wb") as file:
            file.write(path.encode() * 20)
    folders = tuple(f"folder_{number}" for number in range(5))
    return Release(root=root, keyring="none", files=tuple(files), folders=folders)


@pytest.fixture
def pretend(tmp_path: os.PathLike[str]) -> Pretend:
    """Return a maker of watchers that are none."""
    program = os.path.join(tmp_path, "duri")
    module = f"exec {sys.executable} -m bench.tests.pretender"
    with open(program, "w", encoding="utf-8") as file:
        file.write(f'#!/bin/sh\nexport PYTHONPATH={CHECKOUT}\n{module} "$@"\n')
    os.chmod(program, 0o755)  # noqa: S103 - it is run

    def make(release: Release, **variables: str) -> Watcher:
        home = os.path.join(tmp_path, "home")
        return Watcher(
            duri=program, root=release.root, keyring="none", home=home, variables=variables
        )

    return make


def _is_alive(pid: int) -> bool:
    return os.path.exists(f"/proc/{pid}")


def test_a_watcher_is_ended_whatever_happens(release: Release, pretend: Pretend) -> None:
    watcher = pretend(release)

    def fail() -> None:
        with watcher:
            assert _is_alive(watcher.process.pid)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert not _is_alive(watcher.process.pid)


def test_a_watcher_that_ignores_the_polite_signal_is_ended(
    release: Release, pretend: Pretend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.watch.watcher.END_SECONDS", 0.2)
    watcher = pretend(release, STUBBORN="1")
    with watcher:
        pass
    assert not _is_alive(watcher.process.pid)


def test_a_watcher_that_does_not_start_is_named_with_what_it_said(
    release: Release, pretend: Pretend
) -> None:
    with pytest.raises(BenchError, match="no such thing"), pretend(release, DEAD="1"):
        pass


def test_a_line_that_does_not_come_is_an_error(release: Release, pretend: Pretend) -> None:
    with pretend(release) as watcher, pytest.raises(BenchError, match="did not say it"):
        watcher.wait(lambda line: line.event == "never", seconds=0.3)


def test_a_poller_sees_each_change_of_status(release: Release, pretend: Pretend) -> None:
    with pretend(release) as watcher, watcher.client() as client:
        watcher.until(client, "verified", seconds=10)
        with Poller(watcher.port, every=0.01) as poller:
            time.sleep(0.1)
            planted = os.path.join(release.root, "planted")
            with open(planted, "wb"):
                pass
            watcher.until(client, "corrupted", seconds=10)
            time.sleep(0.1)
            os.unlink(planted)
            watcher.until(client, "verified", seconds=10)
            time.sleep(0.1)
    seen = [status for _, status in poller.polled.statuses]
    assert seen == ["verified", "corrupted", "verified"]
    assert poller.polled.latencies
    assert not poller.polled.failures


def test_requests_that_nobody_answers_are_counted(release: Release, pretend: Pretend) -> None:
    with pretend(release) as watcher:
        port = watcher.port
    with Poller(port, every=0.01) as poller:
        time.sleep(0.2)
    assert poller.polled.failures
    assert not poller.polled.latencies


def test_a_process_is_weighed() -> None:
    now = weight(os.getpid())
    assert now.peak_kib >= now.rss_kib > 1000
    assert now.descriptors >= 3
    assert now.cpu > 0


@pytest.mark.parametrize(("blind", "agrees"), [("", True), ("mode,new,missing", False)])
def test_a_soak_agrees_with_who_sees_everything_and_finds_out_who_is_blind(
    release: Release, pretend: Pretend, blind: str, *, agrees: bool
) -> None:
    with pretend(release, BLIND=blind) as watcher:
        soaked = soak.soak(watcher, release, seconds=6, seed=3)
    assert soaked.bursts > 3
    assert len(soaked.weights) == soaked.bursts
    assert (not soaked.disagreements) is agrees, soaked.disagreements


def test_detection_counts_who_is_seen_and_who_is_missed(
    release: Release, pretend: Pretend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(detection, "MISSED_SECONDS", 1.0)
    monkeypatch.setattr(detection, "QUIET_SECONDS", 0.1)
    with pretend(release, BLIND="mode") as watcher:
        tally = detection.observe(watcher, release, count=24, seed=1)
    assert tally.missed
    assert {what.partition(" of ")[0] for what in tally.missed} == {"chmod"}
    assert len(tally.all) + len(tally.missed) == 24
    assert "edit" in tally.seconds
    assert set(tally.seconds) <= set(changes.KINDS)
    assert not tally.false


def test_a_storm_makes_its_events_and_leaves_something_to_find(release: Release) -> None:
    for number in range(400):
        with open(os.path.join(release.root, "folder_1", f"more_{number}"), "wb") as file:
            file.write(b"content")
    from bench.watch import oracle

    before = oracle.look(release.root)
    made, took = storm.storm(release.root, events=2000, seconds=0.5, seed=1, writers=2)
    assert made >= 2000
    assert took >= 0.4
    kinds = {kind for kind, _ in oracle.differences(before, oracle.look(release.root))}
    assert kinds == {"new", "missing", "modified", "mode"}
