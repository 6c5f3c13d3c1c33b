"""Run `duri` with looks that a test holds up, fails, or moves the root away from.

    python tests/integration/held_looks.py FOLDER duri watch ...

What is asked for is a link in FOLDER, its target being the argument; without any, nothing differs.

    fail      each look fails
    crash     each look ends in what no loop goes on after
    hold      no look ends while this is there; `held` says that one waits
    switch    at the end of each look the root's link goes to the next of these folders (split at :)

These are read once, at the start, in seconds: `still`, after which a look is stuck, and `longest`,
for which an update is waited for.
"""

import os
import runpy
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from duri.watch import arrivals, examination, running, settling
from duri.watch.examination import Examined


class CrashError(BaseException):
    """What nobody expects."""


class Asked:
    """What is asked for in a folder."""

    def __init__(self, folder: Path) -> None:
        """Look there."""
        self.folder = folder

    def __getitem__(self, name: str) -> str | None:
        """Return the argument of what is asked for; None where it is not."""
        try:
            return os.readlink(self.folder / name)
        except OSError:
            return None


def main() -> None:
    """Change the looks, and be `duri`."""
    asked = Asked(Path(sys.argv[1]))
    sys.argv = sys.argv[2:]
    examination.examine = altered(examination.examine, asked)
    if still := asked["still"]:
        running.STILL = float(still)
    if longest := asked["longest"]:
        for module in (arrivals, settling):
            vars(module)["UPDATE_LONGEST"] = float(longest)
    runpy.run_path(sys.argv[0], run_name="__main__")


def altered(real: Callable[..., Examined], asked: Asked) -> Callable[..., Examined]:
    """Return the look with what is asked for before and after it."""

    def examine(*args: Any, **options: Any) -> Examined:  # noqa: ANN401 - passed on
        if asked["fail"]:
            raise OSError(5, "Input/output error")
        if asked["crash"]:
            raise CrashError
        examined = real(*args, **options)
        while asked["hold"]:
            (asked.folder / "held").touch()
            time.sleep(0.01)
        if names := asked["switch"]:
            link, *folders = map(Path, names.split(":"))
            switch(link, folders)
        return examined

    return examine


def switch(link: Path, folders: list[Path]) -> None:
    """Have the link lead to the folder after the one that it leads to."""
    after = (folders.index(link.readlink()) + 1) % len(folders)
    new = link.with_name("switched")
    new.symlink_to(folders[after])
    new.rename(link)


if __name__ == "__main__":
    main()
