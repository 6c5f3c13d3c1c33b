"""Where the process `duri` starts and ends.

Guarantees: what costs a boot time and gives a short command nothing is left out: collecting cycles
among modules that stay, click where the call is a usual one, and taking every object apart before
the process ends. Output is flushed before that; a reader that went away is a failure, not a
traceback.
"""

import gc
import os
import sys
from collections.abc import Sequence
from typing import NoReturn


def main() -> NoReturn:
    """Run one command and end the process with its exit code."""
    gc.disable()
    arguments = sys.argv[1:]
    if arguments[:1] == ["gate"]:
        from duri.cli.isolation import reenter

        reenter(arguments)
    code = _plain(arguments)
    if code is None:
        from duri.cli.main import run

        code = run(arguments)
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:  # closed by whoever started this process
                stream.flush()
        except OSError:
            code = code or 1
    os._exit(code)


def _plain(arguments: Sequence[str]) -> int | None:
    """Run a command that boots wait for, called as usual, without click; None leaves it to that."""
    name = arguments[0] if arguments else ""
    words = list(arguments[1:])
    program: list[str] = []
    if name == "gate":
        from duri.cli import gate as command

        if "--" in words:
            end = words.index("--")
            words, program = words[:end], words[end + 1 :]
    elif name == "verify":
        from duri.cli import verify as command  # type: ignore[no-redef] # of the same form
    else:
        return None
    from duri.cli.ending import guarded
    from duri.cli.table import defaults, plain

    values = plain(command.OPTIONS, words)
    if values is None:
        return None
    return guarded(lambda: command.run(defaults(command.OPTIONS, values), program))
