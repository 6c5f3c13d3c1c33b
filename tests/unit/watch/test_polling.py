"""What is seen twice a second, on real folders and by clocks that a test sets."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.watch.clocks import Hands

from duri.settings import Settings
from duri.tree import scan
from duri.watch import examination
from duri.watch.examination import Depth, Standing, Subject, Wanted
from duri.watch.polling import CLOCK_STEP, MISSING, Polling
from duri.watch.target import Target


class Watch:
    """A root that was looked at once, and what polling sees of it since."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.hands = Hands()
        self.polling = Polling(self.hands.clock)
        self.subject = Subject(
            target=Target(root=os.fspath(root)),
            settings=Settings(),
            own_pid=os.getpid(),
            with_events=False,
        )
        self.standing: Standing | None = None
        self.look()

    def look(self) -> None:
        """Look at the root, as the loop does."""
        self.polling.looks_at(self.subject, self.standing)
        now = int(self.hands.wall)
        wanted, progress = Wanted(depth=Depth.FULL), scan.Progress()
        examined = examination.examine(
            self.subject, self.standing, wanted, now=now, progress=progress
        )
        self.standing = examined.standing
        self.polling.found(self.standing)

    def moved(self) -> bool:
        """Poll once; return whether the root is said to be another, or away."""
        return self.polling.see(self.subject, self.standing).moved

    def evidence(self) -> bool:
        """Poll once; return whether the evidence is said to be new."""
        return self.polling.see(self.subject, self.standing).evidence


@pytest.fixture
def watch(tmp_path: Path) -> Watch:
    """Return a watch over a folder with an artifact."""
    (tmp_path / "app/.duri").mkdir(parents=True)
    (tmp_path / "app/.duri/checksums.json").write_bytes(b"{}")
    return Watch(tmp_path / "app")


def test_nothing_is_seen_where_nothing_happens(watch: Watch) -> None:
    for _ in range(3):
        seen = watch.polling.see(watch.subject, watch.standing)
        assert (seen.moved, seen.evidence, seen.jump, seen.slept) == (False, False, None, None)
        watch.hands.move(0.5)


def test_root_that_is_replaced_by_two_renames_is_another_and_never_away(watch: Watch) -> None:
    watch.root.rename(watch.root.with_name("old"))
    assert not watch.moved()
    watch.hands.move(MISSING - 0.1)
    assert not watch.moved()
    watch.root.mkdir()
    assert watch.moved()
    watch.look()
    assert not watch.moved()


def test_root_that_stays_away_is_told(watch: Watch) -> None:
    away = watch.root.with_name("away")
    watch.root.rename(away)
    assert not watch.moved()
    watch.hands.move(MISSING + 0.1)
    assert watch.moved()
    watch.look()
    assert watch.standing is None
    assert not watch.polling.expects_a_root
    assert not watch.moved()  # said already
    away.rename(watch.root)
    assert watch.moved()


def test_times_away_do_not_add_up(watch: Watch) -> None:
    away = watch.root.with_name("away")
    for _ in range(4):
        watch.root.rename(away)
        assert not watch.moved()
        away.rename(watch.root)
        watch.hands.move(MISSING)
        assert not watch.moved()


def test_root_that_is_another_one_while_it_is_looked_at_is_told(watch: Watch) -> None:
    watch.polling.looks_at(watch.subject, watch.standing)
    assert not watch.moved()
    watch.root.rename(watch.root.with_name("old"))
    watch.root.mkdir()
    assert watch.moved()
    # A look that knows of the new one takes it for what it is.
    watch.polling.looks_at(watch.subject, watch.standing)
    assert not watch.moved()


def test_root_that_was_forgotten_is_another_one_whatever_its_numbers_are(watch: Watch) -> None:
    watch.standing = None
    assert not watch.moved()
    watch.polling.forget()
    assert watch.moved()


def write(path: Path) -> None:
    path.write_bytes(b"{ }")


def remove(path: Path) -> None:
    path.unlink()


def rename_over(path: Path) -> None:
    path.with_name("new").write_bytes(path.read_bytes())
    path.with_name("new").rename(path)


@pytest.mark.parametrize("change", [write, remove, rename_over])
def test_evidence_that_changes_is_told_once(watch: Watch, change: Callable[[Path], None]) -> None:
    change(watch.root / ".duri/checksums.json")
    assert watch.evidence()
    # So that waiting for quiet ends.
    assert not watch.evidence()
    watch.look()
    assert not watch.evidence()


def test_file_of_the_tree_is_no_evidence(watch: Watch) -> None:
    (watch.root / "main.py").write_bytes(b"")
    assert not watch.evidence()


@pytest.mark.parametrize("seconds", [CLOCK_STEP + 1, -CLOCK_STEP - 1, CLOCK_STEP - 1])
def test_clock_that_was_set_is_told_once_and_drift_is_not(watch: Watch, seconds: float) -> None:
    watch.hands.wall += seconds
    jump = watch.polling.see(watch.subject, watch.standing).jump
    assert jump == (pytest.approx(seconds) if abs(seconds) > CLOCK_STEP else None)
    assert watch.polling.see(watch.subject, watch.standing).jump is None


def test_machine_that_slept_is_told_and_its_clock_was_not_set(watch: Watch) -> None:
    watch.hands.sleep(3600)
    seen = watch.polling.see(watch.subject, watch.standing)
    assert seen.slept == pytest.approx(3600)
    assert seen.jump is None
    assert watch.polling.see(watch.subject, watch.standing).slept is None
