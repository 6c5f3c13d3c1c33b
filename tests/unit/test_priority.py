"""The I/O priority of a thread, asked of the kernel by util-linux."""

import subprocess
import threading
from collections.abc import Callable

import pytest
from tests.conftest import Component

from duri.tree.priority import set_io_priority


def priority_of_a_thread(ionice: str, *steps: Callable[[], None]) -> str:
    """Run steps in a thread of its own and return its priority."""
    said: list[str] = []

    def run() -> None:
        for step in steps:
            step()
        command = [ionice, "-p", str(threading.get_native_id())]
        said.append(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return said[0].strip()


def test_thread_becomes_idle_and_others_do_not(component: Component) -> None:
    ionice = component("ionice")
    before = priority_of_a_thread(ionice)
    assert priority_of_a_thread(ionice, lambda: set_io_priority("idle")) == "idle"
    assert priority_of_a_thread(ionice) == before != "idle"


def test_level_is_set(component: Component) -> None:
    ionice = component("ionice")
    set_level = lambda: set_io_priority("best-effort", 7)  # noqa: E731 - a step
    assert priority_of_a_thread(ionice, set_level) == "best-effort: prio 7"
    default = priority_of_a_thread(ionice, lambda: set_io_priority("best-effort"))
    assert default == "best-effort: prio 4"


def test_thread_that_it_starts_has_the_same(component: Component) -> None:
    ionice = component("ionice")
    said: list[str] = []

    def inner() -> None:
        said.append(priority_of_a_thread(ionice))

    priority_of_a_thread(ionice, lambda: set_io_priority("idle"), inner)
    assert said == ["idle"]


@pytest.mark.parametrize(("kind", "level"), [("realtime", 4), ("", 4), ("best-effort", 8)])
def test_what_is_no_priority_is_refused(kind: str, level: int) -> None:
    with pytest.raises(ValueError, match="must be"):
        set_io_priority(kind, level)
    with pytest.raises(OverflowError):
        set_io_priority("idle", -1)
