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
from pathlib import Path
from typing import Any

from duri.watch import arrivals, examination, running, settling


class CrashError(BaseException):
    """What nobody expects."""


def main() -> None:
    """Change the looks, and be `duri`."""
    folder = Path(sys.argv[1])
    sys.argv = sys.argv[2:]
    real = examination.examine

    def asked(name: str) -> str | None:
        try:
            return os.readlink(folder / name)
        except OSError:
            return None

    def examine(*args: Any, **options: Any) -> examination.Examined:  # noqa: ANN401 - passed on
        if asked("fail"):
            raise OSError(5, "Input/output error")
        if asked("crash"):
            raise CrashError
        examined = real(*args, **options)
        while asked("hold"):
            (folder / "held").touch()
            time.sleep(0.01)
        if names := asked("switch"):
            switch(Path(names.split(":")[0]), [Path(name) for name in names.split(":")[1:]])
        return examined

    examination.examine = examine
    if still := asked("still"):
        running.STILL = float(still)
    if longest := asked("longest"):
        for module in (arrivals, settling):
            vars(module)["UPDATE_LONGEST"] = float(longest)
    runpy.run_path(sys.argv[0], run_name="__main__")


def switch(link: Path, folders: list[Path]) -> None:
    """Have the link lead to the folder after the one that it leads to."""
    after = (folders.index(link.readlink()) + 1) % len(folders)
    new = link.with_name("switched")
    new.symlink_to(folders[after])
    new.rename(link)


if __name__ == "__main__":
    main()
